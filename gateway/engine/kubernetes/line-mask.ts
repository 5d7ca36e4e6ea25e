// Patterns over output that comes in pieces: whole lines at a time, a private key from its first line to its last.
// A line that waits for its end is let out after a while, covered as far as it goes: it may be a prompt.
import type { TextMask } from '../../core/masker.ts'

const MAX_HELD_BYTES = 256 * 1_024

export class LineMask {
  /** Findings so far, by rule. */
  readonly found = new Map<string, number>()
  readonly #mask: TextMask
  #held: Buffer = Buffer.alloc(0)

  constructor(mask: TextMask) {
    this.#mask = mask
  }

  get hasHeld(): boolean {
    return this.#held.length > 0
  }

  push(chunk: Buffer): Buffer {
    const text = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    let end = text.lastIndexOf(0x0a) + 1
    const fence = text.lastIndexOf('-----BEGIN')
    if (fence !== -1 && fence < end && !text.includes('-----END', fence)) end = text.lastIndexOf(0x0a, fence) + 1
    if (text.length - end > MAX_HELD_BYTES) end = text.length
    this.#held = Buffer.from(text.subarray(end))
    return this.#cover(text.subarray(0, end))
  }

  flush(): Buffer {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return this.#cover(rest)
  }

  #cover(bytes: Buffer): Buffer {
    if (bytes.length === 0 || !this.#mask.mayFind(bytes, 0, bytes.length)) return bytes
    const covered = this.#mask.apply(bytes.toString('utf8'))
    if (covered.found.size === 0) return bytes
    for (const [rule, times] of covered.found) this.found.set(rule, (this.found.get(rule) ?? 0) + times)
    return Buffer.from(covered.text)
  }
}
