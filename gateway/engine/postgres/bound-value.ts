// A value bound to a parameter, as it may be shown and recorded: text as it is, binary in hex, long ones by their beginning and digest.
import { createHash } from 'node:crypto'

const MAX_SHOWN_BYTES = 16_384
/** Dimensions, flags, type of the elements. */
const EMPTY_ARRAY_BYTES = 12

export function shownValue(value: Buffer | null, format: number): string | null {
  if (value === null) return null
  if (value.length <= MAX_SHOWN_BYTES) return shown(value, format)
  const digest = createHash('sha256').update(value).digest('hex')
  return `${shown(value.subarray(0, MAX_SHOWN_BYTES), format)}… (${value.length} bytes, sha256 ${digest})`
}

/** The same value as the literal that means it, as far as a filter's reach can hang on it: texts, patterns, empty arrays. */
export function meantValue(value: Buffer | null, format: number): string | null {
  if (value === null) return null
  // Binary: an array begins with its number of dimensions; a text is itself.
  if (format !== 0 && value.length === EMPTY_ARRAY_BYTES && value.readInt32BE(0) === 0) return '{}'
  return value.toString('utf8', 0, MAX_SHOWN_BYTES)
}

function shown(bytes: Buffer, format: number): string {
  return format === 0 ? bytes.toString('utf8') : `\\x${bytes.toString('hex')}`
}
