// The shape of a text: itself with every integer written as 0. Only for texts without quotes, comments and the like,
// where digits that stand alone can be nothing but integer literals.

const ZERO = 0x30
const NINE = 0x39
const DOT = 0x2e
const DOLLAR = 0x24
/** Longer runs of digits are not of type integer, so they may call another function. */
const MAX_DIGITS = 9

const WORD = 1
const OTHER = 2

/** What each byte may be in a text that has a shape: nothing (0), part of a word or number, or something else that is harmless. */
const classes = new Uint8Array(256)
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789') classes[character.charCodeAt(0)] = WORD
for (const character of ' \t\n\r,.()=<>*+%;[]:|!&^~#@?$') classes[character.charCodeAt(0)] = OTHER

export class TextShape {
  /** Where the last shape stands. */
  readonly bytes: Buffer

  constructor(maxBytes: number) {
    this.bytes = Buffer.allocUnsafe(maxBytes)
  }

  /**
   * Writes the shape into `bytes` and returns its length. -1 = the text holds something that this cannot read: quotes, minus, slash,
   * backslash, a dollar before no digit, a byte above 127.
   */
  measure(text: Buffer): number {
    const out = this.bytes
    let length = 0
    let before = OTHER
    for (let at = 0; at < text.length; at++) {
      const byte = text[at] ?? 0
      const kind = classes[byte] ?? 0
      if (kind === 0) return -1
      if (byte >= ZERO && byte <= NINE && before === OTHER) {
        const end = endOfDigits(text, at)
        if (isAlone(text, at, end)) {
          out[length++] = ZERO
          at = end - 1
          before = WORD
          continue
        }
      }
      if (byte === DOLLAR && !isDigit(text[at + 1])) return -1
      out[length++] = byte
      // After a dot or a dollar digits are part of a number or a parameter.
      before = byte === DOT || byte === DOLLAR ? WORD : kind
    }
    return length
  }
}

function endOfDigits(text: Buffer, from: number): number {
  let end = from
  while (isDigit(text[end])) end += 1
  return end
}

function isAlone(text: Buffer, from: number, end: number): boolean {
  const next = text[end]
  return end - from <= MAX_DIGITS && (next === undefined || (classes[next] !== WORD && next !== DOT))
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}
