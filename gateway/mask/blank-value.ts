// Values that say nothing, valid for their type in text and in binary format. Constant: made once, never from the masked value.
import type { TypeShape } from './type-shape.ts'

/** What `redact` shows in text. */
export const REDACTED = '[redacted]'

type Format = 0 | 1

/** The `redact` value: a word where the type takes words, NULL anywhere else. */
export function redactedValue(shape: TypeShape, format: Format): Buffer | null {
  switch (shape) {
    case 'text':
    case 'xml':
      return Buffer.from(REDACTED)
    case 'json':
      return Buffer.from(`"${REDACTED}"`)
    case 'jsonb':
      // Binary jsonb is a version byte and the text.
      return format === 0 ? Buffer.from(`"${REDACTED}"`) : Buffer.from(`\u0001"${REDACTED}"`)
    case 'bytea':
      return format === 0 ? Buffer.from(`\\x${Buffer.from(REDACTED).toString('hex')}`) : Buffer.from(REDACTED)
    case 'bool':
    case 'int2':
    case 'int4':
    case 'int8':
    case 'float4':
    case 'float8':
    case 'numeric':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
    case 'interval':
    case 'inet':
    case 'cidr':
    case 'macaddr':
    case 'oid':
    case 'array':
    case 'range':
    case 'multirange':
    case 'other':
      return null
  }
}

/** The `zero` value of the type: 0, empty, midnight of 2000-01-01 (the server's own epoch); NULL where a type has none. */
export function zeroValue(shape: TypeShape, format: Format): Buffer | null {
  return format === 0 ? zeroText(shape) : zeroBinary(shape)
}

function zeroText(shape: TypeShape): Buffer | null {
  switch (shape) {
    case 'text':
    case 'xml':
      return Buffer.alloc(0)
    case 'json':
    case 'jsonb':
      return Buffer.from('null')
    case 'bytea':
      return Buffer.from('\\x')
    case 'bool':
      return Buffer.from('f')
    case 'int2':
    case 'int4':
    case 'int8':
    case 'float4':
    case 'float8':
    case 'numeric':
    case 'oid':
      return Buffer.from('0')
    case 'uuid':
      return Buffer.from('00000000-0000-0000-0000-000000000000')
    case 'date':
      return Buffer.from('2000-01-01')
    case 'time':
      return Buffer.from('00:00:00')
    case 'timetz':
      return Buffer.from('00:00:00+00')
    case 'timestamp':
      return Buffer.from('2000-01-01 00:00:00')
    case 'timestamptz':
      return Buffer.from('2000-01-01 00:00:00+00')
    case 'interval':
      return Buffer.from('00:00:00')
    case 'inet':
      return Buffer.from('0.0.0.0')
    case 'cidr':
      return Buffer.from('0.0.0.0/32')
    case 'macaddr':
      return Buffer.from('00:00:00:00:00:00')
    case 'array':
    case 'multirange':
      return Buffer.from('{}')
    case 'range':
      return Buffer.from('empty')
    case 'other':
      return null
  }
}

function zeroBinary(shape: TypeShape): Buffer | null {
  switch (shape) {
    case 'text':
    case 'xml':
    case 'bytea':
      return Buffer.alloc(0)
    case 'json':
      return Buffer.from('null')
    case 'jsonb':
      return Buffer.from('\u0001null')
    case 'bool':
      return Buffer.alloc(1)
    case 'int2':
      return Buffer.alloc(2)
    case 'int4':
    case 'float4':
    case 'oid':
    case 'date':
    // A multirange of no ranges: int32 count.
    case 'multirange':
      return Buffer.alloc(4)
    case 'int8':
    case 'float8':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    // numeric: digits, weight, sign, scale, each int16.
    case 'numeric':
      return Buffer.alloc(8)
    case 'timetz':
      return Buffer.alloc(12)
    case 'uuid':
    case 'interval':
      return Buffer.alloc(16)
    case 'macaddr':
      return Buffer.alloc(6)
    // family 2 (IPv4), bits 32, is_cidr, address length 4.
    case 'inet':
      return Buffer.from([2, 32, 0, 4, 0, 0, 0, 0])
    case 'cidr':
      return Buffer.from([2, 32, 1, 4, 0, 0, 0, 0])
    // range flags: RANGE_EMPTY.
    case 'range':
      return Buffer.from([1])
    // A binary array names its element type, which is not known here.
    case 'array':
    case 'other':
      return null
  }
}
