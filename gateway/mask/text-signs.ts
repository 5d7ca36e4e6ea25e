// One pass over bytes that collects the signs patterns look for. Only ASCII matters: no pattern needs a letter outside of it.
import type { Signs } from './pattern.ts'

const AT = 0x40
const DOLLAR = 0x24
const UNDERSCORE = 0x5f
const BRACE = 0x7b
const HYPHEN = 0x2d
const CAPITAL_A = 0x41

/** Bytes that may be a sign, or end one; any other only ends a run of hyphens. */
const isSign = new Uint8Array(256)
for (const character of '0123456789-@$_{AJsS') isSign[character.charCodeAt(0)] = 1

/** Overwrites `signs`, so that a row costs no object. */
export function collectSigns(bytes: Buffer, start: number, end: number, signs: Signs): void {
  let digits = 0
  let hyphens = 0
  let hasAt = false
  let hasDollar = false
  let hasUnderscore = false
  let hasBrace = false
  let hasFence = false
  let hasJsonHead = false
  let hasMd5 = false
  let hasA = false
  let hasAws = false
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0
    if (isSign[byte] === 0) {
      hyphens = 0
      continue
    }
    if (byte >= 0x30 && byte <= 0x39) {
      digits++
      if (byte === 0x35 && index >= start + 2 && bytes[index - 1] === 0x64 && bytes[index - 2] === 0x6d) hasMd5 = true
    } else if (byte === HYPHEN) {
      hyphens++
      if (hyphens === 5) hasFence = true
      continue
    } else if (byte === AT) hasAt = true
    else if (byte === DOLLAR) hasDollar = true
    else if (byte === UNDERSCORE) hasUnderscore = true
    else if (byte === BRACE) hasBrace = true
    else if (byte === CAPITAL_A) hasA = true
    else if (byte === 0x4a) {
      if (index >= start + 2 && bytes[index - 1] === 0x79 && bytes[index - 2] === 0x65) hasJsonHead = true
    } else if ((byte | 0x20) === 0x73) {
      if (index >= start + 2 && ((bytes[index - 1] ?? 0) | 0x20) === 0x77 && ((bytes[index - 2] ?? 0) | 0x20) === 0x61) hasAws = true
    }
    hyphens = 0
  }
  signs.digits = digits
  signs.hasAt = hasAt
  signs.hasDollar = hasDollar
  signs.hasUnderscore = hasUnderscore
  signs.hasBrace = hasBrace
  signs.hasFence = hasFence
  signs.hasJsonHead = hasJsonHead
  signs.hasMd5 = hasMd5
  signs.hasA = hasA
  signs.hasAws = hasAws
}

export function noSigns(): Signs {
  return {
    digits: 0,
    hasAt: false,
    hasDollar: false,
    hasUnderscore: false,
    hasBrace: false,
    hasFence: false,
    hasJsonHead: false,
    hasMd5: false,
    hasA: false,
    hasAws: false,
  }
}
