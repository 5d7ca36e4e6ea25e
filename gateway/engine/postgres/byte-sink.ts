// A buffer that grows while masked messages are written into it, and is handed over whole.
const FIRST_BYTES = 65_536
/** Below this, a byte loop is faster than a call of copy. */
const SHORT_BYTES = 40

export class ByteSink {
  bytes: Buffer
  length = 0

  constructor(size = FIRST_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  /** Makes room for this many more bytes. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const bigger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + more))
    this.bytes.copy(bigger, 0, 0, this.length)
    this.bytes = bigger
  }

  copy(source: Buffer, start: number, end: number): void {
    const size = end - start
    this.reserve(size)
    const { bytes } = this
    let at = this.length
    if (size > SHORT_BYTES) source.copy(bytes, at, start, end)
    else for (let from = start; from < end; from++) bytes[at++] = source[from] ?? 0
    this.length += size
  }

  int32(value: number): void {
    this.reserve(4)
    this.setInt32(this.length, value)
    this.length += 4
  }

  setInt32(at: number, value: number): void {
    const { bytes } = this
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  /** Starts a new buffer unless this many more bytes fit; what was written before stays as it is for whoever refers to it. */
  turnPage(more: number): void {
    if (this.length + more <= this.bytes.length) return
    this.bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, more * 2))
    this.length = 0
  }
}
