// Patterns over output that comes in pieces: whole lines at a time, a private key from its first line to its last.
// A line that waits for its end is let out after a while, covered as far as it goes: it may be a prompt.
import type { TextMask } from '../../core/masker.ts'

const MAX_HELD_BYTES = 256 * 1_024
/** Of a line that is longer: what may be the beginning of a value. */
const KEPT_BYTES = 4_096
/** Longer than the line that ends a key. */
const KEPT_OF_KEY = 128
const KEY_HEAD = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
const KEY_TAIL = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g

export class LineMask {
  /** Findings so far, by rule. */
  readonly found = new Map<string, number>()
  readonly #mask: TextMask
  readonly #coversKeys: boolean
  /** Pieces of what waits: they are put together when there is something to let out, not at each piece. */
  #held: Buffer[] = []
  #heldBytes = 0
  /** The head of a key was let out covered before its end came: all of it is dropped up to there. */
  #isInsideKey = false

  constructor(mask: TextMask) {
    this.#mask = mask
    this.#coversKeys = mask.apply('-----BEGIN PRIVATE KEY-----').found.size > 0
  }

  get hasHeld(): boolean {
    return this.#heldBytes > 0 && !this.#isInsideKey
  }

  push(chunk: Buffer): Buffer {
    this.#hold(chunk)
    if (this.#heldBytes <= MAX_HELD_BYTES && !chunk.includes(0x0a)) return Buffer.alloc(0)
    const text = this.#afterKey(this.#take())
    if (this.#isInsideKey) return Buffer.alloc(0)
    let end = text.lastIndexOf(0x0a) + 1
    // A line break inside of a key is no place to cut.
    const key = this.#openKey(text.subarray(0, end))
    if (key !== -1) end = text.lastIndexOf(0x0a, key) + 1
    if (text.length - end > MAX_HELD_BYTES) {
      this.#isInsideKey = this.#openKey(text) !== -1
      end = this.#isInsideKey ? text.length : endOfWord(text, text.length - KEPT_BYTES)
    }
    this.#hold(this.#isInsideKey ? text.subarray(-KEPT_OF_KEY) : text.subarray(end))
    return this.#cover(text.subarray(0, end))
  }

  /** What waits, because the stream pauses or has ended. */
  flush(): Buffer {
    const text = this.#afterKey(this.#take())
    if (this.#isInsideKey) return Buffer.alloc(0)
    this.#isInsideKey = this.#openKey(text) !== -1
    if (this.#isInsideKey) this.#hold(text.subarray(-KEPT_OF_KEY))
    return this.#cover(text)
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#held.push(Buffer.from(bytes))
    this.#heldBytes += bytes.length
  }

  /** What stands behind the key that is being dropped; keeps the little that may be the beginning of its end. */
  #afterKey(text: Buffer): Buffer {
    if (!this.#isInsideKey) return text
    KEY_TAIL.lastIndex = 0
    if (KEY_TAIL.test(text.toString('latin1'))) {
      this.#isInsideKey = false
      return text.subarray(KEY_TAIL.lastIndex)
    }
    this.#hold(text.subarray(-KEPT_OF_KEY))
    return Buffer.alloc(0)
  }

  /** Where a private key begins that has no end yet; -1 = nowhere. */
  #openKey(text: Buffer): number {
    if (!this.#coversKeys || !text.includes('-----BEGIN')) return -1
    const letters = text.toString('latin1')
    const last = [...letters.matchAll(KEY_HEAD)].at(-1)
    if (last === undefined) return -1
    KEY_TAIL.lastIndex = last.index
    return KEY_TAIL.test(letters) ? -1 : last.index
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
