// Text patterns inside one cell, by what the cell's type allows: what cannot be rewritten and stay valid becomes NULL.
import type { TextMask } from '../../core/masker.ts'

export type CellShape =
  /** Free text. */
  | 'text'
  | 'json'
  /** A version byte, then json. */
  | 'jsonb-binary'
  /** Arrays, ranges, composites and unknown types in text format. */
  | 'nested'
  /** Anything else: a finding makes the cell NULL. */
  | 'opaque'
  /** Bytes in hex, that may be text. */
  | 'bytea'
  /** Numbers in binary, long enough to hold a card number: a finding makes the cell NULL. */
  | 'int8-binary'
  | 'numeric-binary'

/** Types whose cells no pattern can be in: booleans, dates, uuid, network addresses and the like. */
const UNSEARCHED: ReadonlySet<number> = new Set([
  16, 21, 26, 27, 28, 29, 650, 774, 829, 869, 1082, 1083, 1114, 1184, 1186, 1266, 2278, 2950,
])
const TEXTS: ReadonlySet<number> = new Set([18, 19, 25, 142, 705, 1042, 1043, 2275])
const BYTEA_OID = 17
const INT8_OID = 20
const NUMERIC_OID = 1700
const JSON_OID = 114
const JSONB_OID = 3802
/** Numbers: long enough to hold a card number in text. */
const NUMBERS: ReadonlySet<number> = new Set([20, 23, 700, 701, 790, 1700])

/** null = not searched. */
export function cellShape(typeOid: number, format: 0 | 1): CellShape | null {
  if (UNSEARCHED.has(typeOid)) return null
  if (TEXTS.has(typeOid)) return 'text'
  if (typeOid === JSON_OID) return 'json'
  if (typeOid === JSONB_OID) return format === 0 ? 'json' : 'jsonb-binary'
  // Bytes in binary are searched as text, and stay bytes.
  if (typeOid === BYTEA_OID) return format === 0 ? 'bytea' : 'text'
  if (format === 1 && typeOid === INT8_OID) return 'int8-binary'
  if (format === 1 && typeOid === NUMERIC_OID) return 'numeric-binary'
  if (NUMBERS.has(typeOid)) return format === 0 ? 'opaque' : null
  return format === 0 ? 'nested' : 'opaque'
}

/** False only when no pattern can match in this cell; cheap, called for every one. */
export function mayCover(text: TextMask, bytes: Buffer, start: number, end: number, shape: CellShape): boolean {
  // Other forms say nothing by their own bytes.
  if (shape === 'bytea' || shape === 'int8-binary' || shape === 'numeric-binary') return true
  return text.mayFind(bytes, start, end)
}

export interface CoveredCell {
  readonly cell: Buffer | null
  readonly found: ReadonlyMap<string, number>
}

/** @param cell the value's bytes; not kept. */
export function coverCell(text: TextMask, cell: Buffer, shape: CellShape): CoveredCell {
  switch (shape) {
    case 'text': {
      const covered = text.apply(cell.toString('utf8'))
      return { cell: Buffer.from(covered.text), found: covered.found }
    }
    case 'json': {
      const covered = text.applyJson(cell.toString('utf8'))
      return { cell: Buffer.from(covered.text), found: covered.found }
    }
    case 'jsonb-binary': {
      const covered = text.applyJson(cell.toString('utf8', 1))
      return { cell: Buffer.concat([cell.subarray(0, 1), Buffer.from(covered.text)]), found: covered.found }
    }
    case 'nested': {
      const covered = text.applyNested(cell.toString('utf8'))
      return { cell: Buffer.from(covered.text), found: covered.found }
    }
    case 'opaque':
      return { cell: null, found: text.apply(cell.toString('utf8')).found }
    case 'bytea':
      return coverBytes(text, cell)
    case 'int8-binary':
      return { cell: null, found: text.apply(cell.length === 8 ? String(cell.readBigInt64BE(0)) : '').found }
    case 'numeric-binary':
      return { cell: null, found: text.apply(digitsOfNumeric(cell)).found }
  }
}

const NOTHING: ReadonlyMap<string, number> = new Map()

/** `\x` and hex digits; or, under `bytea_output = escape`, letters as they are. */
function coverBytes(text: TextMask, cell: Buffer): CoveredCell {
  if (cell[0] !== 0x5c || cell[1] !== 0x78) {
    const found = text.mayFind(cell, 0, cell.length) ? text.apply(cell.toString('latin1')).found : NOTHING
    return { cell: null, found }
  }
  const bytes = Buffer.from(cell.toString('latin1', 2), 'hex')
  if (!text.mayFind(bytes, 0, bytes.length)) return { cell, found: NOTHING }
  const covered = text.apply(bytes.toString('utf8'))
  return { cell: Buffer.from(`\\x${Buffer.from(covered.text).toString('hex')}`), found: covered.found }
}

/** Layout: int16 digits | int16 weight | int16 sign | int16 scale | digits to the base of 10000. Whole digits only: no pattern has a point. */
function digitsOfNumeric(cell: Buffer): string {
  if (cell.length < 8) return ''
  const [count, weight] = [cell.readInt16BE(0), cell.readInt16BE(2)]
  let digits = ''
  // No pattern of digits is longer than this many groups.
  for (let group = 0; group <= weight && group < 16; group++) {
    const at = 8 + 2 * group
    digits += group < count && at + 2 <= cell.length ? String(cell.readInt16BE(at)).padStart(4, '0') : '0000'
  }
  return digits.replace(/^0+/, '')
}
