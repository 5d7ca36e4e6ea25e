// What a client's channel is sent: two streams in one queue, one write at a time, then the exit, then the end.
import { Writable } from 'node:stream'
import type { ServerChannel } from 'ssh2'
import { forgetWritten, giveUpWriting, isOpen } from './library.ts'

/** Bytes of one stream that may wait here before its source is stopped. */
const WAITING_BYTES = 1024 * 1024

export type Exit =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'signal'; readonly signal: string; readonly hasCore: boolean; readonly description: string }

interface Piece {
  readonly isError: boolean
  readonly bytes: Buffer
  readonly done: () => void
}

export class ClientOutput {
  readonly stdout: Writable
  readonly stderr: Writable
  readonly #channel: ServerChannel
  readonly #queue: Piece[] = []
  #isWriting = false
  #isUnread = false

  constructor(channel: ServerChannel) {
    this.#channel = channel
    this.stdout = this.#stream(false)
    this.stderr = this.#stream(true)
    channel.once('close', () => this.#next())
    // A client that is gone is seen by 'close'; there is nobody to tell.
    channel.on('error', () => {})
    channel.stderr.on('error', () => {})
  }

  get isOpen(): boolean {
    return isOpen(this.#channel)
  }

  /** One line on the client's stderr. */
  say(text: string): void {
    this.#put({ isError: true, bytes: Buffer.from(`${text}\n`), done: () => {} })
  }

  /** Nobody reads any more, and no more room comes: what is queued, and all that follows but the exit, is dropped. */
  drop(): void {
    this.#isUnread = true
    giveUpWriting(this.#channel)
  }

  /** Sends what is queued, then the exit, then the end. */
  async finish(exit: Exit | null): Promise<void> {
    await new Promise<void>(done => this.#put({ isError: false, bytes: Buffer.alloc(0), done }))
    if (!this.isOpen) return
    if (exit?.kind === 'status') this.#channel.exit(exit.status)
    else if (exit?.kind === 'signal') this.#channel.exit(exit.signal, exit.hasCore, exit.description)
    this.#channel.end()
  }

  #stream(isError: boolean): Writable {
    return new Writable({
      highWaterMark: WAITING_BYTES,
      write: (bytes: Buffer, _, done) => this.#put({ isError, bytes, done }),
    })
  }

  #put(piece: Piece): void {
    this.#queue.push(piece)
    if (!this.#isWriting) this.#next()
  }

  #next(): void {
    for (;;) {
      const piece = this.#queue.shift()
      if (piece === undefined) {
        this.#isWriting = false
        return
      }
      if (piece.bytes.length === 0 || this.#isUnread || !this.isOpen) {
        piece.done()
        continue
      }
      this.#isWriting = true
      let isOver = false
      const written = (): void => {
        if (isOver) return
        isOver = true
        this.#channel.off('close', written)
        forgetWritten(this.#channel)
        piece.done()
        this.#next()
      }
      // A channel that closes in the middle of a write never calls back.
      this.#channel.once('close', written)
      const stream = piece.isError ? this.#channel.stderr : this.#channel
      stream.write(piece.bytes, written)
      return
    }
  }
}
