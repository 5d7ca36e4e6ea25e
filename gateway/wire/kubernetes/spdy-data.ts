// The data frames of a SPDY/3.1 connection, for those who only look on. Pure.
// Layout: control bit and stream id (31 bits) | flags (8) | length (24) | payload. Control frames have the first bit set and the same length field.

const HEAD_BYTES = 8

export interface SpdyData {
  readonly stream: number
  readonly payload: Buffer
}

/** Finds data frames as bytes pass; keeps the head of one frame only. */
export class SpdyDataReader {
  #head: Buffer = Buffer.alloc(0)
  #left = 0
  #stream: number | null = null

  push(chunk: Buffer): readonly SpdyData[] {
    const found: SpdyData[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + this.#left)
        if (this.#stream !== null) found.push({ stream: this.#stream, payload: part })
        this.#left -= part.length
        at += part.length
        continue
      }
      const part = chunk.subarray(at, at + HEAD_BYTES - this.#head.length)
      this.#head = Buffer.concat([this.#head, part])
      at += part.length
      if (this.#head.length < HEAD_BYTES) break
      const word = this.#head.readUInt32BE(0)
      this.#stream = word >= 0x8000_0000 ? null : word
      this.#left = this.#head.readUIntBE(5, 3)
      this.#head = Buffer.alloc(0)
    }
    return found
  }
}
