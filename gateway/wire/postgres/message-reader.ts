// Reads the fields of one message in order, never past its end. Pure: every slip of the peer is a WireError.
import { WireError } from './wire-error.ts'

export class MessageReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  /** @param start first byte of the body. @param end one past its last byte. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = Math.min(end, bytes.length)
  }

  get left(): number {
    return this.#end - this.#at
  }

  byte(): number {
    const at = this.#take(1)
    return this.#bytes.readUInt8(at)
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  /** A count of things that follow, each at least `bytesEach` long: a claim that cannot be true is refused before it is believed. */
  count(bytesEach: number): number {
    const count = this.#bytes.readUInt16BE(this.#take(2))
    if (count * bytesEach > this.left) throw new WireError('a count is larger than its message', this.#at)
    return count
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  /** The bytes of a string, without its terminator. */
  cstring(): Buffer {
    const zero = this.#bytes.indexOf(0, this.#at)
    if (zero < 0 || zero >= this.#end) throw new WireError('a string has no end', this.#at)
    const text = this.#bytes.subarray(this.#at, zero)
    this.#at = zero + 1
    return text
  }

  bytes(length: number): Buffer {
    if (length < 0) throw new WireError('a length is negative', this.#at)
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** A length and so many bytes; null for length -1 (SQL NULL). */
  value(): Buffer | null {
    const length = this.int32()
    return length === -1 ? null : this.bytes(length)
  }

  rest(): Buffer {
    return this.bytes(this.left)
  }

  /** @throws {WireError} when the message goes on: what nobody read, nobody judged. */
  end(): void {
    if (this.left !== 0) throw new WireError('a message is longer than its fields', this.#at)
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) throw new WireError('a message is shorter than its fields', at)
    this.#at = at + length
    return at
  }
}
