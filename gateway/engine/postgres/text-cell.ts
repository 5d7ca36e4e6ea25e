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

/** Types whose cells no pattern can be in: booleans, dates, uuid, network addresses and the like; also bytea, which is no text. */
const UNSEARCHED: ReadonlySet<number> = new Set([
  16, 17, 21, 26, 27, 28, 29, 650, 774, 829, 869, 1082, 1083, 1114, 1184, 1186, 1266, 2278, 2950,
])
const TEXTS: ReadonlySet<number> = new Set([18, 19, 25, 142, 705, 1042, 1043, 2275])
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
  if (NUMBERS.has(typeOid)) return format === 0 ? 'opaque' : null
  return format === 0 ? 'nested' : 'opaque'
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
  }
}
