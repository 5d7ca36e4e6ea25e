// A value bound to a parameter, as it may be shown and recorded: text as it is, binary in hex, long ones by their beginning and digest.
import { createHash } from 'node:crypto'

const MAX_SHOWN_BYTES = 16_384

export function shownValue(value: Buffer | null, format: number): string | null {
  if (value === null) return null
  if (value.length <= MAX_SHOWN_BYTES) return shown(value, format)
  const digest = createHash('sha256').update(value).digest('hex')
  return `${shown(value.subarray(0, MAX_SHOWN_BYTES), format)}… (${value.length} bytes, sha256 ${digest})`
}

function shown(bytes: Buffer, format: number): string {
  return format === 0 ? bytes.toString('utf8') : `\\x${bytes.toString('hex')}`
}
