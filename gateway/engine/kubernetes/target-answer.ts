// An answer of the API server: its head is there, its body comes into a sink, at the pace of the sink.
import { Readable } from 'node:stream'
import type { AnswerHeaders, ResponseHead } from '../../wire/http/response-head.ts'

/** Called in this order: `data` as often as there is some, then `end` or `fail`. */
export interface AnswerSink {
  /** @returns false when no more is wanted until `resume`. */
  data(bytes: Buffer): boolean
  end(): void
  fail(error: Error): void
}

/** The connection that an answer comes on. */
export interface AnswerSource {
  pause(): void
  resume(): void
  /** Gives up what has not come yet. */
  abandon(): void
}

/** May wait for its sink. */
const MAX_HELD_BYTES = 64 * 1_024

export class TargetAnswer {
  readonly statusCode: number
  readonly statusMessage: string
  readonly headers: AnswerHeaders
  readonly #source: AnswerSource
  #sink: AnswerSink | null = null
  readonly #held: Buffer[] = []
  #heldBytes = 0
  #failure: Error | null = null
  #isOver = false

  constructor({ status, reason, headers }: ResponseHead, source: AnswerSource) {
    this.statusCode = status
    this.statusMessage = reason
    this.headers = headers
    this.#source = source
  }

  /** Gives the body to one sink, once; what has come already goes there at once. */
  take(sink: AnswerSink): void {
    this.#sink = sink
    let isWanted = true
    for (const bytes of this.#held.splice(0)) isWanted = sink.data(bytes)
    if (this.#failure !== null) sink.fail(this.#failure)
    else if (this.#isOver) sink.end()
    else if (!isWanted) this.#source.pause()
    else if (this.#heldBytes > MAX_HELD_BYTES) this.#source.resume()
  }

  /** The body as a stream, for what only works on streams. */
  stream(): Readable {
    const stream = new Readable({
      read: () => this.resume(),
      destroy: (error, done) => {
        this.destroy()
        done(error)
      },
    })
    this.take({
      data: bytes => stream.push(bytes),
      end: () => void stream.push(null),
      fail: error => void stream.destroy(error),
    })
    return stream
  }

  resume(): void {
    if (!this.#isOver) this.#source.resume()
  }

  /** Nobody wants the rest. */
  destroy(): void {
    if (!this.#isOver) this.#source.abandon()
  }

  /** For the connection: bytes of the body. */
  push(bytes: Buffer): void {
    if (this.#sink !== null) {
      if (!this.#sink.data(bytes) && !this.#isOver) this.#source.pause()
      return
    }
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes > MAX_HELD_BYTES) this.#source.pause()
  }

  /** For the connection: the body is whole. */
  end(): void {
    this.#isOver = true
    this.#sink?.end()
  }

  /** For the connection: there will be no more of it. */
  fail(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = error
    this.#sink?.fail(error)
  }
}
