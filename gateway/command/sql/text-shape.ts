// The shape of a text: itself with every integer written as 0. Only for texts without quotes, comments and the like,
// where digits that stand alone can be nothing but integer literals.

const ZERO = 0x30
/** Longer runs of digits are not of type integer, so they may call another function. */
const MAX_DIGITS = 9

const OTHER = 0
const LETTER = 1
const DOT = 2
const DIGIT = 3
const DOLLAR = 4
const NONE = 5

/** What each byte may be in a text that has a shape. */
const classes = new Uint8Array(256).fill(NONE)
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_') classes[character.charCodeAt(0)] = LETTER
for (const character of ' \t\n\r,()=<>*+%;[]:|!&^~#@?') classes[character.charCodeAt(0)] = OTHER
for (const character of '0123456789') classes[character.charCodeAt(0)] = DIGIT
classes['.'.charCodeAt(0)] = DOT
classes['$'.charCodeAt(0)] = DOLLAR

export class TextShape {
  /** Where the last shape stands. */
  readonly bytes: Buffer
  /** The same by four bytes, to be looked up quickly; the last word of a shape is filled up with zeros. */
  readonly words: Int32Array

  constructor(maxBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow((maxBytes + 7) & ~3)
    this.words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length >> 2)
  }

  /**
   * Writes the shape into `bytes` and returns its length. -1 = the text holds something that this cannot read: quotes, minus, slash,
   * backslash, a dollar before no digit, a byte above 127.
   */
  measure(text: Buffer): number {
    const out = this.bytes
    const size = text.length
    let length = 0
    // After a letter, a dot or a dollar digits are part of a name, a number or a parameter.
    let isFree = true
    for (let at = 0; at < size; at++) {
      const byte = text[at] ?? 0
      const kind = classes[byte] ?? NONE
      if (kind < DIGIT) {
        out[length++] = byte
        isFree = kind === OTHER
        continue
      }
      if (kind === DIGIT) {
        const end = endOfDigits(text, at)
        if (isFree && isAlone(text, at, end)) out[length++] = ZERO
        else for (let digit = at; digit < end; digit++) out[length++] = text[digit] ?? 0
        at = end - 1
      } else if (kind === DOLLAR && isDigitAt(text, at + 1)) out[length++] = byte
      else return -1
      isFree = false
    }
    for (let end = length; (end & 3) !== 0; end++) out[end] = 0
    return length
  }
}

/** Behind the digits that begin here. */
function endOfDigits(text: Buffer, from: number): number {
  let end = from + 1
  while (isDigitAt(text, end)) end += 1
  return end
}

function isAlone(text: Buffer, from: number, end: number): boolean {
  if (end - from > MAX_DIGITS) return false
  if (end === text.length) return true
  const next = classes[text[end] ?? 0]
  return next !== LETTER && next !== DOT
}

function isDigitAt(text: Buffer, at: number): boolean {
  return at < text.length && classes[text[at] ?? 0] === DIGIT
}
