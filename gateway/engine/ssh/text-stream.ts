// One stream of output with patterns masked across the borders of its chunks. Whole lines at a time; bytes without a finding are not touched.
// Limits: a line above 64 KiB is looked at in parts; escape sequences inside a value are seen through, overwriting by backspace is not.
import type { TextMask } from '../../core/masker.ts'

const MAX_HELD_BYTES = 64 * 1024
/** Of an over-long line, what is kept back so that a value at the border stays whole. */
const OVERLAP_BYTES = 4 * 1024
/** Escape sequences of terminals (ECMA-48): CSI, OSC, the other strings, those with intermediate characters, and two-byte ones. */
// oxlint-disable-next-line no-control-regex -- they begin with a control character
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[PX^_][^\u001B]*\u001B\\|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])/g

export class TextStream {
  /** Findings so far, by rule. */
  readonly found = new Map<string, number>()
  readonly #mask: TextMask | null
  #held: Buffer = Buffer.alloc(0)

  constructor(mask: TextMask | null) {
    this.#mask = mask
  }

  /** What may be passed on now. */
  push(chunk: Buffer): Buffer {
    if (this.#mask === null) return chunk
    const text = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const end = releasable(text)
    this.#held = Buffer.from(text.subarray(end))
    return this.#cover(text.subarray(0, end))
  }

  get hasHeld(): boolean {
    return this.#held.length > 0
  }

  /** True when nothing a pattern looks for is in what is held: a prompt, not half a value. */
  get isHarmless(): boolean {
    return this.#mask === null || !this.#mask.mayFind(this.#held, 0, this.#held.length)
  }

  /** All that is held; the stream ended, or somebody waits at a terminal. */
  flush(): Buffer {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return this.#cover(rest)
  }

  #cover(bytes: Buffer): Buffer {
    const mask = this.#mask
    if (mask === null || bytes.length === 0) return bytes
    const hasEscapes = bytes.includes(0x1b)
    if (!hasEscapes && !mask.mayFind(bytes, 0, bytes.length)) return bytes
    const { text, encoding } = decode(bytes)
    const plain = hasEscapes ? text.replaceAll(ESCAPES, '') : text
    const covered = mask.apply(plain)
    if (covered.found.size === 0) return bytes
    for (const [rule, times] of covered.found) this.found.set(rule, (this.found.get(rule) ?? 0) + times)
    return Buffer.from(covered.text, encoding)
  }
}

/** How many bytes end with a whole line, a key block that has begun held back. */
function releasable(text: Buffer): number {
  let end = text.lastIndexOf(0x0a) + 1
  const fence = text.lastIndexOf('-----BEGIN')
  if (fence !== -1 && fence < end && !text.includes('-----END', fence)) end = text.lastIndexOf(0x0a, fence) + 1
  if (text.length - end <= MAX_HELD_BYTES) return end
  const latest = text.length - OVERLAP_BYTES
  for (let at = latest; at > latest - OVERLAP_BYTES; at -= 1) if ((text[at - 1] ?? 0) <= 0x20) return at
  return latest
}

function decode(bytes: Buffer): { readonly text: string; readonly encoding: 'utf8' | 'latin1' } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), encoding: 'utf8' }
  } catch {
    return { text: bytes.toString('latin1'), encoding: 'latin1' }
  }
}
