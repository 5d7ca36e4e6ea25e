// Cuts a stream of SFTP into its packets without waiting for the content of files: of WRITE and DATA the head comes by itself,
// then the content as it arrives. Pure and synchronous. Layout: see sftp.ts; the content is the last field of both.
import { SallyportError } from '../../core/errors.ts'
import { sftpType } from './sftp.ts'

/** OpenSSH refuses packets above 256 KiB. */
const MAX_PACKET_BYTES = 256 * 1024 + 1024
/** OpenSSH refuses handles above 256 bytes. */
const MAX_HANDLE_BYTES = 256
const LENGTH_BYTES = 4
/** Length and type. */
const START_BYTES = 5
/** Length, type, number, and the length of the first string. */
const FIRST_STRING = 13

export type SftpPiece =
  | { readonly kind: 'packet'; readonly bytes: Buffer }
  /** All fields of a WRITE or DATA, but of the last one only its length: so many bytes of content follow. */
  | { readonly kind: 'head'; readonly bytes: Buffer; readonly contentBytes: number }
  | { readonly kind: 'content'; readonly bytes: Buffer; readonly isLast: boolean }

export class SftpSplitter {
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  /** What was left of chunks before: the begin of a packet or head. */
  #held: Buffer = Buffer.alloc(0)
  #contentBytes = 0

  /** The pieces are then taken by `next`; those of a chunk share its memory. */
  push(chunk: Buffer): void {
    if (this.#at < this.#chunk.length) throw new SallyportError('INTERNAL', 'sftp: a chunk before the last one was taken')
    this.#chunk = chunk
    this.#at = 0
  }

  /**
   * The next piece; null when more bytes are needed.
   * @throws {SallyportError} PROTOCOL_VIOLATION for lengths that no packet may have.
   */
  next(): SftpPiece | null {
    if (this.#contentBytes > 0) return this.#content()
    const start = this.#peek(START_BYTES)
    if (start === null) return null
    const size = LENGTH_BYTES + start.readUInt32BE(0)
    if (size < START_BYTES + LENGTH_BYTES || size > LENGTH_BYTES + MAX_PACKET_BYTES) throw violation('a length that no packet may have')
    const type = start[4]
    if (type !== sftpType.write && type !== sftpType.data) {
      return this.#peek(size) === null ? null : { kind: 'packet', bytes: this.#take(size) }
    }
    const head = this.#headBytes(type, size)
    if (head === null || this.#peek(head) === null) return null
    const bytes = this.#take(head)
    this.#contentBytes = size - head
    if (bytes.readUInt32BE(head - LENGTH_BYTES) !== this.#contentBytes) throw violation('a packet that is not as long as it says')
    return { kind: 'head', bytes, contentBytes: this.#contentBytes }
  }

  /** DATA: number, string content. WRITE: number, string handle, uint64 offset, string content. */
  #headBytes(type: number, size: number): number | null {
    let bytes = FIRST_STRING
    if (type === sftpType.write) {
      if (size < bytes) throw violation('a packet that is too short')
      const start = this.#peek(bytes)
      if (start === null) return null
      const handle = start.readUInt32BE(bytes - LENGTH_BYTES)
      if (handle > MAX_HANDLE_BYTES) throw violation('a handle that is too long')
      bytes += handle + 8 + LENGTH_BYTES
    }
    if (size < bytes) throw violation('a packet that is too short')
    return bytes
  }

  #content(): SftpPiece | null {
    const bytes = this.#chunk.subarray(this.#at, this.#at + this.#contentBytes)
    if (bytes.length === 0) return null
    this.#at += bytes.length
    this.#contentBytes -= bytes.length
    return { kind: 'content', bytes, isLast: this.#contentBytes === 0 }
  }

  /** At least so many bytes in one place, not taken yet; null when they are not all there. */
  #peek(bytes: number): Buffer | null {
    if (this.#held.length >= bytes) return this.#held
    const rest = this.#chunk.length - this.#at
    if (this.#held.length === 0 && rest >= bytes) return this.#chunk.subarray(this.#at)
    const more = Math.min(bytes - this.#held.length, rest)
    if (more > 0) this.#held = Buffer.concat([this.#held, this.#chunk.subarray(this.#at, this.#at + more)])
    this.#at += more
    return this.#held.length < bytes ? null : this.#held
  }

  /** What was looked at last, with exactly this length. */
  #take(bytes: number): Buffer {
    const held = this.#held
    if (held.length > 0) {
      this.#held = Buffer.alloc(0)
      return held
    }
    const taken = this.#chunk.subarray(this.#at, this.#at + bytes)
    this.#at += bytes
    return taken
  }
}

function violation(what: string): SallyportError {
  return new SallyportError('PROTOCOL_VIOLATION', `sftp: ${what}`)
}
