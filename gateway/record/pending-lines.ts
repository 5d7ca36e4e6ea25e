// Lines that are numbered, linked and hashed but not yet written: one buffer for one write.
import type { LineSeal } from './line-seal.ts'
import { hashLeaf } from './merkle-tree.ts'

const START_BYTES = 64 * 1024
/** Of the leaf hash of the line before, as base64url; what lets a reader name the one line that was changed. */
const LINK_BYTES = 16

export interface Stamp {
  /** RFC 3339. */
  readonly at: string
  /** Monotonic, since the log was opened. */
  readonly ms: number
  readonly session: string | null
}

export class PendingLines {
  readonly #seal: LineSeal | null
  /** Byte 0 is room for the leaf prefix of the first line; for the others it is the newline before them. */
  #bytes = Buffer.alloc(START_BYTES)
  #end = 1
  #leaves: Buffer[] = []
  #lastLeaf: Buffer | null = null
  #writtenLeaf: Buffer | null = null
  #written = 0

  /** @param seal null = lines that everybody can read. */
  constructor(seal: LineSeal | null = null) {
    this.#seal = seal
  }

  get count(): number {
    return this.#leaves.length
  }

  /** Bytes of the lines, newlines included; they start at `offset` 1 of `bytes`. */
  get length(): number {
    return this.#end - 1
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  /** @param event the event as JSON, an object with at least one member. */
  add(stamp: Stamp, event: string): void {
    const session = stamp.session === null ? 'null' : JSON.stringify(stamp.session)
    const prev = this.#lastLeaf === null ? 'null' : `"${linkOf(this.#lastLeaf)}"`
    const seq = this.#written + this.#leaves.length + 1
    const plain = `{"seq":${seq},"at":"${stamp.at}","ms":${stamp.ms},"session":${session},"prev":${prev},${event.slice(1)}`
    const line = `${this.#seal === null ? plain : this.#seal.seal(seq, plain)}\n`
    this.#makeRoom(line.length * 3)
    const start = this.#end
    this.#end += this.#bytes.write(line, start, 'utf8')
    // The byte before the line becomes the leaf prefix for a moment, so that hashing copies nothing.
    const before = this.#bytes[start - 1] ?? 0
    this.#bytes[start - 1] = 0
    this.#lastLeaf = hashLeaf(this.#bytes.subarray(start - 1, this.#end - 1))
    this.#bytes[start - 1] = before
    this.#leaves.push(this.#lastLeaf)
  }

  /** The lines are on disk: returns their leaf hashes and starts over. */
  take(): readonly Buffer[] {
    const leaves = this.#leaves
    this.#written += leaves.length
    this.#writtenLeaf = this.#lastLeaf
    this.#empty()
    return leaves
  }

  /** The lines never reached the disk: the next line follows the last one that did. */
  drop(): void {
    this.#seal?.nextEra()
    this.#lastLeaf = this.#writtenLeaf
    this.#empty()
  }

  #empty(): void {
    this.#leaves = []
    this.#end = 1
    if (this.#bytes.length > 16 * START_BYTES) this.#bytes = Buffer.alloc(START_BYTES)
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(2 * this.#bytes.length, this.#end + bytes))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

/** How a line names the line before it. */
export function linkOf(leaf: Buffer): string {
  return leaf.toString('base64url', 0, LINK_BYTES)
}
