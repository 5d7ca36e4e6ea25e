// Bytes on their way out, as runs of the buffers they came in: neighbours are joined, so that a chunk that nothing changed leaves as one write.
interface Run {
  readonly bytes: Buffer
  readonly start: number
  end: number
}

/** A place in an outbox to cut back to. */
export interface OutboxMark {
  readonly runs: number
  readonly lastEnd: number
  readonly bytes: number
}

/** Below this, pieces are copied into one buffer; above, they are written one by one. */
const MAX_JOINED_BYTES = 32_768

export class Outbox {
  #runs: Run[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  put(bytes: Buffer, start = 0, end = bytes.length): void {
    if (end === start) return
    this.#bytes += end - start
    const last = this.#runs.at(-1)
    if (last !== undefined && last.bytes === bytes && last.end === start) last.end = end
    else this.#runs.push({ bytes, start, end })
  }

  mark(): OutboxMark {
    return { runs: this.#runs.length, lastEnd: this.#runs.at(-1)?.end ?? 0, bytes: this.#bytes }
  }

  /** Takes back everything that was put after the mark. */
  cut(mark: OutboxMark): void {
    this.#runs.length = mark.runs
    const last = this.#runs.at(-1)
    if (last !== undefined) last.end = mark.lastEnd
    this.#bytes = mark.bytes
  }

  /** Moves everything behind what another outbox holds. */
  moveTo(other: Outbox): void {
    for (const run of this.#runs) other.put(run.bytes, run.start, run.end)
    this.#runs = []
    this.#bytes = 0
  }

  /** A copy of all bytes, in one piece. */
  copy(): Buffer {
    return Buffer.concat(this.#runs.map(run => run.bytes.subarray(run.start, run.end)))
  }

  /** Hands everything to `write`, in as few pieces as is cheap, and forgets it. */
  flush(write: (bytes: Buffer) => void): void {
    const runs = this.#runs
    if (runs.length === 0) return
    this.#runs = []
    const total = this.#bytes
    this.#bytes = 0
    const only = runs.length === 1 ? runs[0] : undefined
    if (only !== undefined) write(only.bytes.subarray(only.start, only.end))
    else if (total <= MAX_JOINED_BYTES) write(Buffer.concat(runs.map(run => run.bytes.subarray(run.start, run.end))))
    else for (const run of runs) write(run.bytes.subarray(run.start, run.end))
  }
}
