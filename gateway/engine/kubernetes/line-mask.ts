// Patterns over output that comes in pieces: whole lines at a time, a private key from its first line to its last.
// A line that waits for its end is let out after a while, covered as far as it goes: it may be a prompt.
import type { TextMask } from '../../core/masker.ts'

const MAX_HELD_BYTES = 256 * 1_024
/** Of a line that is longer: what may be the beginning of a value. */
const KEPT_BYTES = 4_096

export class LineMask {
  /** Findings so far, by rule. */
  readonly found = new Map<string, number>()
  readonly #mask: TextMask
  /** Pieces of what waits: they are put together when there is something to let out, not at each piece. */
  #held: Buffer[] = []
  #heldBytes = 0

  constructor(mask: TextMask) {
    this.#mask = mask
  }

  get hasHeld(): boolean {
    return this.#heldBytes > 0
  }

  push(chunk: Buffer): Buffer {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes <= MAX_HELD_BYTES && !chunk.includes(0x0a)) return Buffer.alloc(0)
    const text = this.#take()
    let end = text.lastIndexOf(0x0a) + 1
    const fence = text.lastIndexOf('-----BEGIN')
    if (fence !== -1 && fence < end && !text.includes('-----END', fence)) end = text.lastIndexOf(0x0a, fence) + 1
    if (text.length - end > MAX_HELD_BYTES) end = endOfWord(text, text.length - KEPT_BYTES)
    if (end < text.length) {
      this.#held.push(Buffer.from(text.subarray(end)))
      this.#heldBytes = text.length - end
    }
    return this.#cover(text.subarray(0, end))
  }

  flush(): Buffer {
    return this.#cover(this.#take())
  }

  #take(): Buffer {
    const [only] = this.#held
    const text = this.#held.length === 1 && only !== undefined ? only : Buffer.concat(this.#held, this.#heldBytes)
    this.#held = []
    this.#heldBytes = 0
    return text
  }

  #cover(bytes: Buffer): Buffer {
    if (bytes.length === 0 || !this.#mask.mayFind(bytes, 0, bytes.length)) return bytes
    const covered = this.#mask.apply(bytes.toString('utf8'))
    if (covered.found.size === 0) return bytes
    for (const [rule, times] of covered.found) this.found.set(rule, (this.found.get(rule) ?? 0) + times)
    return Buffer.from(covered.text)
  }
}

/** The last blank before the place, so that no word is cut; the place itself when there is none. */
function endOfWord(text: Buffer, place: number): number {
  const blank = text.lastIndexOf(0x20, place)
  return blank > 0 ? blank + 1 : place
}
