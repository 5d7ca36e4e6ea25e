// Patterns over text that comes in pieces: what could be the start of a finding is held back until its line is whole.
// Limit: a finding without a line break that is longer than MAX_HELD_CHARS may be cut; a private key may be of any length.
import type { TextMask } from '../core/masker.ts'

/** A line longer than this is let out up to its last words. */
const MAX_HELD_CHARS = 65_536
const KEPT_CHARS = 4_096
const KEY_HEAD = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
const KEY_TAIL = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g

export class StreamTextMask {
  readonly #mask: TextMask
  readonly #coversKeys: boolean
  readonly #found = new Map<string, number>()
  #held = ''
  /** A key was let out covered before its end came: the rest of it is dropped. */
  #isInsideKey = false

  constructor(mask: TextMask) {
    this.#mask = mask
    this.#coversKeys = mask.apply('-----BEGIN PRIVATE KEY-----').found.size > 0
  }

  /** How often each rule covered something so far. */
  get found(): ReadonlyMap<string, number> {
    return this.#found
  }

  /** What may go on now; empty while a line is incomplete. */
  push(text: string): string {
    this.#held += text
    this.#leaveKey()
    const end = this.#safeEnd()
    const ready = this.#held.slice(0, end)
    this.#held = this.#held.slice(end)
    return this.#cover(ready)
  }

  /** Everything that is held back: at the end of the stream, or when it pauses (a prompt). */
  flush(): string {
    this.#isInsideKey = this.#isInsideKey || this.#openKey(this.#held) >= 0
    const ready = this.#held
    this.#held = ''
    return this.#cover(ready)
  }

  #cover(text: string): string {
    if (text === '') return ''
    const covered = this.#mask.apply(text)
    for (const [rule, count] of covered.found) this.#found.set(rule, (this.#found.get(rule) ?? 0) + count)
    return covered.text
  }

  /** Drops the rest of a key whose head was already covered. */
  #leaveKey(): void {
    if (!this.#isInsideKey) return
    KEY_TAIL.lastIndex = 0
    if (KEY_TAIL.test(this.#held)) {
      this.#held = this.#held.slice(KEY_TAIL.lastIndex)
      this.#isInsideKey = false
    } else {
      // The end marker itself may come in two pieces.
      this.#held = this.#held.slice(-128)
    }
  }

  #safeEnd(): number {
    if (this.#isInsideKey) return 0
    const key = this.#openKey(this.#held)
    if (key >= 0 && this.#held.length - key > MAX_HELD_CHARS) {
      this.#isInsideKey = true
      return this.#held.length
    }
    const end = this.#held.lastIndexOf('\n') + 1
    // A line break inside a key is no place to cut, even where the key's end is there already.
    const cutKey = this.#openKey(this.#held.slice(0, end))
    if (cutKey >= 0) return this.#held.lastIndexOf('\n', cutKey) + 1
    if (end > 0 || key >= 0 || this.#held.length <= MAX_HELD_CHARS) return end
    const cut = this.#held.slice(0, this.#held.length - KEPT_CHARS).search(/\s\S*$/)
    return cut < 0 ? this.#held.length - KEPT_CHARS : cut + 1
  }

  /** Where a private key begins that has no end yet; -1 = nowhere. */
  #openKey(text: string): number {
    if (!this.#coversKeys) return -1
    const heads = [...text.matchAll(KEY_HEAD)]
    const last = heads.at(-1)
    if (last === undefined) return -1
    KEY_TAIL.lastIndex = last.index
    return KEY_TAIL.test(text) ? -1 : last.index
  }
}

/** The mask of one stream, one direction. */
export function streamTextMask(mask: TextMask): StreamTextMask {
  return new StreamTextMask(mask)
}
