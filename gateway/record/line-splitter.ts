// Cuts a stream of bytes into lines, each with one byte 0x00 in front, as the tree hashes them.
import { SallyportError } from '../core/errors.ts'

const NEWLINE = 10

/** Far above what a log writes: a line is bounded before it is written. */
const MAX_LINE_BYTES = 8 * 1024 * 1024

export class LineSplitter {
  #rest = Buffer.alloc(1)

  /** Calls `onLine` for every whole line; the buffer is valid only during the call. */
  push(chunk: Buffer, onLine: (prefixed: Buffer) => void): void {
    const bytes = Buffer.concat([this.#rest, chunk])
    let start = 1
    for (let end = bytes.indexOf(NEWLINE, this.#rest.length); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      bytes[start - 1] = 0
      if (end - start > MAX_LINE_BYTES) throw tooLong()
      onLine(bytes.subarray(start - 1, end))
      start = end + 1
    }
    bytes[start - 1] = 0
    this.#rest = bytes.subarray(start - 1)
    if (this.#rest.length > MAX_LINE_BYTES) throw tooLong()
  }

  /** Bytes after the last newline. */
  get tornBytes(): number {
    return this.#rest.length - 1
  }
}

function tooLong(): SallyportError {
  return new SallyportError('UNREADABLE', 'the log cannot be read to its end', { why: `a line is longer than ${MAX_LINE_BYTES} bytes` })
}
