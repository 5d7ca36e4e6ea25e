// One connection to the API server: one request at a time, its answer read strictly. It is used again only after an answer that was whole,
// with nothing behind it, to a request that was sent whole.
import type { Socket } from 'node:net'
import { HttpError } from '../../wire/http/http-error.ts'
import type { ResponseHead } from '../../wire/http/response-head.ts'
import { ResponseReader } from '../../wire/http/response-reader.ts'
import type { ResponseSink } from '../../wire/http/response-reader.ts'
import { TargetAnswer } from './target-answer.ts'
import type { AnswerSource } from './target-answer.ts'

export interface Question {
  readonly method: string
  /** The head of the request, Latin-1, with its empty line. */
  readonly head: string
  readonly body: Buffer | null
}

export interface ConnectionTimes {
  /** From a request to the head of its answer. */
  readonly answerMs: number
  readonly idleMs: number
}

interface Asked {
  readonly resolve: (answer: TargetAnswer) => void
  readonly reject: (error: Error) => void
  readonly signal: AbortSignal
}

export class TargetConnection implements ResponseSink, AnswerSource {
  readonly #socket: Socket
  readonly #onFree: (connection: TargetConnection) => void
  /** One timer for all its requests: to start one anew for each costs more. */
  readonly #timer: NodeJS.Timeout
  readonly #idle: NodeJS.Timeout
  #reader: ResponseReader | null = null
  #asked: Asked | null = null
  #answer: TargetAnswer | null = null
  #error: Error | null = null
  #isKept = false
  #hasHeard = false
  #isLost = false

  /** @param socket connected, and trusted. @param onFree it can take the next request. @param onGone it is closed. */
  constructor(
    socket: Socket,
    times: ConnectionTimes,
    onFree: (connection: TargetConnection) => void,
    onGone: (connection: TargetConnection) => void,
  ) {
    this.#socket = socket
    this.#onFree = onFree
    this.#timer = setTimeout(() => {
      if (this.#asked !== null && this.#answer === null) this.#fail(new Error('no answer in time'))
    }, times.answerMs).unref()
    this.#idle = setTimeout(() => {
      if (this.#reader === null) this.close()
    }, times.idleMs).unref()
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => this.#readEnd())
    socket.on('error', error => (this.#error = error))
    socket.once('close', () => {
      clearTimeout(this.#timer)
      clearTimeout(this.#idle)
      if (this.#reader !== null) this.#lose(this.#error ?? lost())
      onGone(this)
    })
  }

  /** True when it ended without a single byte of the last answer: the server may never have read the request. */
  get wasStale(): boolean {
    return this.#isLost && !this.#hasHeard
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  /** @throws {Error} what the connection ended with; {HttpError} when the answer is none. */
  ask({ method, head, body }: Question, signal: AbortSignal): Promise<TargetAnswer> {
    if (signal.aborted) return Promise.reject(aborted())
    this.#reader = new ResponseReader(method, this)
    this.#isKept = false
    this.#hasHeard = false
    this.#timer.refresh()
    const socket = this.#socket
    socket.ref()
    signal.addEventListener('abort', this.#abort)
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject, signal }
      if (body === null) socket.write(head, 'latin1')
      else {
        // One record on the wire where it fits into one.
        socket.cork()
        socket.write(head, 'latin1')
        socket.write(body)
        socket.uncork()
      }
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (this.#reader !== null) this.#socket.resume()
  }

  abandon(): void {
    this.#fail(aborted())
  }

  head(head: ResponseHead): void {
    this.#isKept = head.isKept
    this.#answer = new TargetAnswer(head, this)
    this.#asked?.resolve(this.#answer)
  }

  data(bytes: Buffer): void {
    this.#answer?.push(bytes)
  }

  end(): void {
    const answer = this.#answer
    this.#answer = null
    answer?.end()
  }

  #read(chunk: Buffer): void {
    const reader = this.#reader
    // Nobody asked for anything: whatever it is, it must not become the next answer.
    if (reader === null) {
      this.close()
      return
    }
    this.#hasHeard = true
    let isAllOfIt: boolean
    try {
      isAllOfIt = reader.push(chunk)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new HttpError('the answer cannot be read'))
      return
    }
    if (reader.isOver && this.#reader === reader) this.#finish(isAllOfIt && this.#isKept)
  }

  #readEnd(): void {
    const reader = this.#reader
    try {
      reader?.close()
    } catch (error) {
      this.#lose(this.#hasHeard && error instanceof Error ? error : lost())
    }
    if (this.#reader !== null) this.#finish(false)
    this.close()
  }

  /** The answer is whole. */
  #finish(isKept: boolean): void {
    this.#forget()
    // What is still unsent of the request would stand before the next one.
    if (!isKept || this.#socket.writableLength > 0 || !this.isOpen) {
      this.close()
      return
    }
    if (this.#socket.isPaused()) this.#socket.resume()
    this.#socket.unref()
    this.#idle.refresh()
    this.#onFree(this)
  }

  /** The server ended it. */
  #lose(error: Error): void {
    this.#isLost = true
    this.#fail(error)
  }

  #fail(error: Error): void {
    const { asked, answer } = { asked: this.#asked, answer: this.#answer }
    this.#forget()
    this.#socket.destroy()
    asked?.reject(error)
    answer?.fail(error)
  }

  #forget(): void {
    this.#asked?.signal.removeEventListener('abort', this.#abort)
    this.#asked = null
    this.#answer = null
    this.#reader = null
  }

  readonly #abort = (): void => this.#fail(aborted())
}

function aborted(): Error {
  return Object.assign(new Error('the request was given up'), { code: 'ABORT_ERR' })
}

function lost(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })
}
