// Takes the answers of a server apart: head, body, end; one reader an answer. Pure and synchronous; bytes of the body are not copied.
// body = length bytes | chunks: (size [";" extension] CRLF bytes CRLF)* "0" CRLF trailer-lines CRLF | all until the connection ends.
import { HttpError } from './http-error.ts'
import { readField, ResponseHeadLines } from './response-head.ts'
import type { ResponseHead } from './response-head.ts'

const MAX_HEAD_BYTES = 64 * 1_024
const MAX_CHUNK_LINE_BYTES = 1_024
/** Interim answers before the answer itself. */
const MAX_INTERIM = 16
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\u0020-\u007e\u0080-\u00ff]*)?$/
const NEWLINE = 0x0a

/** Called while bytes are pushed, in this order: `head`, `data` as often as there is some, `end`. */
export interface ResponseSink {
  head(head: ResponseHead): void
  data(bytes: Buffer): void
  end(): void
}

type Place = 'head' | 'length' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailers' | 'close' | 'over'

export class ResponseReader {
  readonly #sink: ResponseSink
  readonly #isHead: boolean
  #lines: ResponseHeadLines
  #place: Place = 'head'
  #interim = 0
  /** Of the body or chunk. */
  #left = 0
  /** A line that has not ended yet. */
  #line = ''
  /** Of a head, of trailers: what their lines came to. */
  #lineBytes = 0
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0

  /** @param method of the request. */
  constructor(method: string, sink: ResponseSink) {
    this.#isHead = method === 'HEAD'
    this.#sink = sink
    this.#lines = new ResponseHeadLines(this.#isHead)
  }

  get isOver(): boolean {
    return this.#place === 'over'
  }

  /** @returns true when all of the bytes belong to this answer. @throws {HttpError} when they are no answer. */
  push(chunk: Buffer): boolean {
    this.#chunk = chunk
    this.#at = 0
    while (this.#at < chunk.length && this.#place !== 'over') this.#step()
    this.#chunk = nothing
    return this.#at === chunk.length
  }

  /** The connection has ended. @throws {HttpError} when the answer has not. */
  close(): void {
    if (this.#place === 'close') this.#finish()
    else if (this.#place !== 'over') throw new HttpError('the answer ended early')
  }

  #step(): void {
    switch (this.#place) {
      case 'head':
        this.#headLine()
        break
      case 'length':
        if (this.#take()) this.#finish()
        break
      case 'chunk-line':
        this.#chunkLine()
        break
      case 'chunk':
        if (this.#take()) this.#place = 'chunk-end'
        break
      case 'chunk-end':
        this.#chunkEnd()
        break
      case 'trailers':
        this.#trailerLine()
        break
      case 'close':
        this.#left = this.#chunk.length
        this.#take()
        break
      case 'over':
    }
  }

  #headLine(): void {
    const line = this.#nextLine(MAX_HEAD_BYTES)
    const head = line === null ? null : this.#lines.add(line)
    if (head === null) return
    this.#lineBytes = 0
    if (head.status === 101) throw new HttpError('the server switched protocols without being asked')
    if (head.status < 200) {
      this.#interim += 1
      if (this.#interim > MAX_INTERIM) throw new HttpError('the server sends interim answers without end')
      this.#lines = new ResponseHeadLines(this.#isHead)
      return
    }
    const { framing } = head
    this.#left = framing.kind === 'length' ? framing.bytes : 0
    this.#place = framing.kind === 'chunked' ? 'chunk-line' : framing.kind
    this.#sink.head(head)
    if (framing.kind === 'length' && framing.bytes === 0) this.#finish()
  }

  #chunkLine(): void {
    const line = this.#nextLine(MAX_CHUNK_LINE_BYTES)
    if (line === null) return
    const size = CHUNK_LINE.exec(line)?.[1]
    if (size === undefined) throw new HttpError('a chunk does not begin with its size')
    this.#lineBytes = 0
    this.#left = Number.parseInt(size, 16)
    this.#place = this.#left === 0 ? 'trailers' : 'chunk'
  }

  #chunkEnd(): void {
    const line = this.#nextLine(2)
    if (line === null) return
    if (line !== '') throw new HttpError('a chunk is longer than it says')
    this.#lineBytes = 0
    this.#place = 'chunk-line'
  }

  #trailerLine(): void {
    const line = this.#nextLine(MAX_HEAD_BYTES)
    if (line === null) return
    if (line === '') this.#finish()
    else readField(line)
  }

  /** Bytes of the body that are here; true when there are no more. */
  #take(): boolean {
    const end = Math.min(this.#chunk.length, this.#at + this.#left)
    const bytes = this.#chunk.subarray(this.#at, end)
    this.#at = end
    this.#left -= bytes.length
    this.#sink.data(bytes)
    return this.#left === 0
  }

  #finish(): void {
    this.#place = 'over'
    this.#sink.end()
  }

  /** The next line without its end, null while it is not whole. A line ends with CR LF, and has neither of them inside. */
  #nextLine(maxBytes: number): string | null {
    const end = this.#chunk.indexOf(NEWLINE, this.#at)
    const next = end === -1 ? this.#chunk.length : end + 1
    this.#lineBytes += next - this.#at
    if (this.#lineBytes > maxBytes) throw new HttpError('the answer has too much beside its body')
    const line = this.#line + this.#chunk.toString('latin1', this.#at, next)
    this.#at = next
    if (end === -1) {
      this.#line = line
      return null
    }
    this.#line = ''
    if (!line.endsWith('\r\n') || line.indexOf('\r') !== line.length - 2) throw new HttpError('a line does not end as lines do')
    return line.slice(0, -2)
  }
}

const nothing = Buffer.alloc(0)
