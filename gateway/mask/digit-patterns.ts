// Patterns made of digits: payment cards (Luhn), US social security numbers, IBAN (mod 97), telephone numbers.
import type { Pattern, Span } from './pattern.ts'

const MIN_CARD_DIGITS = 13
const MAX_CARD_DIGITS = 19
const MIN_IBAN_LETTERS = 15
const MAX_IBAN_LETTERS = 34

/** Issuer ranges of the large networks: first digits and the lengths they use. */
const CARD_RANGES: readonly { readonly head: RegExp; readonly lengths: readonly number[] }[] = [
  { head: /^4/, lengths: [13, 16, 18, 19] },
  { head: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { head: /^3[47]/, lengths: [15] },
  { head: /^(?:30[0-59]|3[689])/, lengths: [14, 15, 16, 17, 18, 19] },
  { head: /^(?:6011|64[4-9]|65|62|60|81|82)/, lengths: [16, 17, 18, 19] },
  { head: /^35(?:2[89]|[3-8])/, lengths: [16, 17, 18, 19] },
  { head: /^(?:50|5[6-9]|6[0-9])/, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { head: /^220[0-4]/, lengths: [16, 17, 18, 19] },
]

export const creditCard: Pattern = {
  name: 'credit-card',
  mayMatch: signs => signs.digits >= MIN_CARD_DIGITS,
  find(text) {
    const found: Span[] = []
    // A run of digit groups, one separator between two groups.
    for (const run of text.matchAll(/\d+(?:[ -]\d+)*/g)) cardsIn(run[0], run.index, found)
    return found
  },
}

/** Cards start and end at the borders of groups, so that a following year or number does not hide one. */
function cardsIn(run: string, offset: number, found: Span[]): void {
  const groups = [...run.matchAll(/\d+/g)].map(group => ({ start: group.index, digits: group[0] }))
  for (let first = 0; first < groups.length; first++) {
    let digits = ''
    let best = -1
    for (let last = first; last < groups.length && digits.length <= MAX_CARD_DIGITS; last++) {
      digits += groups[last]?.digits ?? ''
      if (isCard(digits)) best = last
    }
    const head = groups[first]
    const tail = groups[best]
    if (head === undefined || tail === undefined) continue
    found.push({ start: offset + head.start, end: offset + tail.start + tail.digits.length })
    first = best
  }
}

function isCard(digits: string): boolean {
  if (digits.length < MIN_CARD_DIGITS || digits.length > MAX_CARD_DIGITS) return false
  if (!CARD_RANGES.some(range => range.lengths.includes(digits.length) && range.head.test(digits))) return false
  return hasLuhnDigit(digits)
}

function hasLuhnDigit(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    sum += index % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
  }
  return sum % 10 === 0
}

export const usSsn: Pattern = {
  name: 'us-ssn',
  mayMatch: signs => signs.digits >= 9,
  // Areas 900-999 are taxpayer numbers of the same shape: as private, so they count too.
  find: text => spansOf(text, /(?<![\d-])(?!000)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])/g),
}

export const phone: Pattern = {
  name: 'phone',
  mayMatch: signs => signs.digits >= 8,
  find(text) {
    const international = spansOf(text, /(?<![\w+])(?:\+|00)[1-9](?:[ .\-/()]{0,2}\d){7,14}(?!\d)/g)
    const american = spansOf(text, /(?<![\w+.-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}(?![\w-])/g)
    return [...international, ...american].toSorted((one, other) => one.start - other.start)
  },
}

export const iban: Pattern = {
  name: 'iban',
  // Every national format has at least this many digits besides letters.
  mayMatch: (signs, length) => signs.digits >= 6 && length >= MIN_IBAN_LETTERS,
  find(text) {
    const found: Span[] = []
    const head = /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}/g
    for (let match = head.exec(text); match !== null; match = head.exec(text)) {
      const end = ibanEnd(text, match.index)
      if (end < 0) continue
      found.push({ start: match.index, end })
      head.lastIndex = end
    }
    return found
  },
}

/** The farthest end at which the letters so far, groups may be spaced, have the right remainder; -1 when none has. */
function ibanEnd(text: string, start: number): number {
  let compact = ''
  let best = -1
  for (let index = start; index < text.length && compact.length < MAX_IBAN_LETTERS; index++) {
    const letter = text.charAt(index)
    if (letter === ' ' || letter === '-') {
      if (!isAlphanumeric(text.charAt(index + 1))) break
      continue
    }
    if (!isAlphanumeric(letter)) break
    compact += letter.toUpperCase()
    const isBorder = !isAlphanumeric(text.charAt(index + 1))
    if (isBorder && compact.length >= MIN_IBAN_LETTERS && hasIbanRemainder(compact)) best = index + 1
  }
  return best
}

function hasIbanRemainder(compact: string): boolean {
  let remainder = 0
  for (const letter of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(letter, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder === 1
}

function isAlphanumeric(letter: string): boolean {
  return /^[A-Za-z0-9]$/.test(letter)
}

/** Spans of a global expression whose every quantifier is bounded, so its time is linear. */
export function spansOf(text: string, expression: RegExp): readonly Span[] {
  return [...text.matchAll(expression)]
    .filter(match => match[0] !== '')
    .map(match => ({ start: match.index, end: match.index + match[0].length }))
}
