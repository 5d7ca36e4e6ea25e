// Cuts a stream into lines: watch events are one JSON object a line, logs are text by lines. Pure.

const NEWLINE = 0x0a

export class LineCutter {
  readonly #maxBytes: number
  #kept: Buffer[] = []
  #keptBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whole lines, each with its line end. @throws {RangeError} when a line is longer than allowed. */
  push(chunk: Buffer): readonly Buffer[] {
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(this.#take(chunk.subarray(start, end + 1)))
      start = end + 1
    }
    if (start < chunk.length) {
      this.#kept.push(Buffer.from(chunk.subarray(start)))
      this.#keptBytes += chunk.length - start
    }
    if (this.#keptBytes > this.#maxBytes) throw new RangeError('a line is too long')
    return lines
  }

  /** What is left without a line end. */
  rest(): Buffer {
    return this.#take(Buffer.alloc(0))
  }

  #take(tail: Buffer): Buffer {
    const line = this.#kept.length === 0 ? tail : Buffer.concat([...this.#kept, tail])
    this.#kept = []
    this.#keptBytes = 0
    return line
  }
}
