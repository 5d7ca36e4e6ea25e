// Splits a stream into messages, in place. Pure and synchronous: no socket, no policy.
// Layout (PostgreSQL manual 55.7): byte1 type | int32 length, counting itself but not the type | body.
// Keeps a partial header and partial messages that are wanted whole; everything else passes through piece by piece.
import { WireError } from './wire-error.ts'

const HEADER_BYTES = 5
/** PostgreSQL's own limit of one message (MaxAllocSize). */
const MAX_MESSAGE_BYTES = 0x3fff_ffff

export interface FrameSink {
  /** Asked once a message, when its header is known: true = I need it whole, false = let it stream. */
  wantsWhole(type: number, messageBytes: number): boolean
  /** A whole message, header included, at [start, end). The bytes are the caller's again after the call. */
  onMessage(type: number, bytes: Buffer, start: number, end: number): void
  /** The next piece of a streamed message, header included; `isLast` ends it. */
  onPiece(type: number, bytes: Buffer, start: number, end: number, isLast: boolean): void
}

export class Framer {
  readonly #sink: FrameSink
  readonly #maxWholeBytes: number
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  /** Streamed message under way: bytes that are still to come. */
  #streamLeft = 0
  #streamType = 0
  /** Wanted message under way: what has come, and how much is to come. */
  #parts: Buffer[] = []
  #wholeLeft = 0

  /** @param maxWholeBytes the largest message, header included, that is kept to be looked at. */
  constructor(sink: FrameSink, maxWholeBytes: number) {
    this.#sink = sink
    this.#maxWholeBytes = maxWholeBytes
  }

  /** True when no message is half read: only here may another message be put into the stream. */
  get isAtBoundary(): boolean {
    return this.#headerBytes === 0 && this.#streamLeft === 0 && this.#wholeLeft === 0
  }

  /**
   * Takes the next bytes of the stream.
   * @throws {WireError} on a length that cannot be, or a wanted message above the limit; the stream is lost then.
   */
  push(chunk: Buffer): void {
    let at = 0
    const end = chunk.length
    while (at < end) {
      if (this.#streamLeft > 0) at = this.#stream(chunk, at)
      else if (this.#wholeLeft > 0) at = this.#collect(chunk, at)
      else if (this.#headerBytes > 0 || end - at < HEADER_BYTES) at = this.#gatherHeader(chunk, at)
      else at = this.#open(chunk, at)
    }
  }

  #stream(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.#streamLeft)
    this.#streamLeft -= next - at
    this.#sink.onPiece(this.#streamType, chunk, at, next, this.#streamLeft === 0)
    return next
  }

  #collect(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.#wholeLeft)
    this.#parts.push(Buffer.from(chunk.subarray(at, next)))
    this.#wholeLeft -= next - at
    if (this.#wholeLeft === 0) {
      const whole = Buffer.concat(this.#parts)
      this.#parts = []
      this.#sink.onMessage(whole.readUInt8(0), whole, 0, whole.length)
    }
    return next
  }

  #gatherHeader(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + HEADER_BYTES - this.#headerBytes)
    this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, at, next)
    if (this.#headerBytes < HEADER_BYTES) return next
    this.#headerBytes = 0
    this.#open(Buffer.from(this.#header), 0)
    return next
  }

  /** A header stands whole at `at`; the rest of the message may follow in this chunk. */
  #open(chunk: Buffer, at: number): number {
    const type = chunk.readUInt8(at)
    const length = chunk.readInt32BE(at + 1)
    if (length < 4 || length > MAX_MESSAGE_BYTES) throw new WireError('a message has an impossible length', at + 1)
    const bytes = length + 1
    const next = at + bytes
    const isWhole = next <= chunk.length
    if (this.#sink.wantsWhole(type, bytes)) {
      if (bytes > this.#maxWholeBytes) {
        throw new WireError(`a message of ${bytes} bytes is above the limit of ${this.#maxWholeBytes}`, at, '54000')
      }
      if (isWhole) {
        this.#sink.onMessage(type, chunk, at, next)
        return next
      }
      this.#parts = [Buffer.from(chunk.subarray(at))]
      this.#wholeLeft = next - chunk.length
      return chunk.length
    }
    if (isWhole) {
      this.#sink.onPiece(type, chunk, at, next, true)
      return next
    }
    this.#streamType = type
    this.#streamLeft = next - chunk.length
    this.#sink.onPiece(type, chunk, at, chunk.length, false)
    return chunk.length
  }
}
