// Rewrites DataRow messages: cells of masked columns are replaced, everything between is copied as it came.
// Layout: byte1 'D' | int32 length | int16 n | n * (int32 length or -1 | bytes).
import type { CellMask, CellWriter, TextMask } from '../../core/masker.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'
import type { ByteSink } from './byte-sink.ts'
import { coverCell, mayCover } from './text-cell.ts'
import type { CellShape } from './text-cell.ts'

/** What is done with the cells of one column. Decided once per result. */
export type CellTreatment =
  | { readonly kind: 'pass' }
  /** The same bytes for every value; null = NULL. */
  | { readonly kind: 'constant'; readonly bytes: Buffer | null; readonly rule: string; readonly column: string }
  | {
      readonly kind: 'mask'
      readonly mask: CellMask
      readonly writer: CellWriter | null
      readonly typeOid: number
      readonly format: 0 | 1
      readonly column: string
    }
  | { readonly kind: 'text'; readonly text: TextMask; readonly shape: CellShape; readonly column: string }

const HEADER = 7

export class RowMask {
  readonly treatments: readonly CellTreatment[]
  /** Values replaced, per column. */
  readonly replaced: Uint32Array
  /** What patterns found: `rule\0column` -> values. */
  readonly found = new Map<string, number>()
  /** No column is changed: rows are not looked at. */
  readonly #isPassing: boolean

  constructor(treatments: readonly CellTreatment[]) {
    this.treatments = treatments
    this.replaced = new Uint32Array(treatments.length)
    this.#isPassing = treatments.every(treatment => treatment.kind === 'pass')
  }

  /** Writes the row at [start, end) of `bytes` into `out`, masked; false, and nothing is written, when nothing in it changes. */
  write(bytes: Buffer, start: number, end: number, out: ByteSink): boolean {
    const { treatments, replaced } = this
    const count = ((bytes[start + 5] ?? 0) << 8) | (bytes[start + 6] ?? 0)
    if (count !== treatments.length) throw new WireError('a row has another number of columns than its description', start)
    if (this.#isPassing) return false
    const head = out.length
    let at = start + HEADER
    let from = start
    for (let index = 0; index < count; index++) {
      if (at + 4 > end) throw new WireError('a row ends inside a cell', at)
      const size = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
      const next = at + 4 + (size < 0 ? 0 : size)
      if (next > end) throw new WireError('a row ends inside a cell', at)
      const treatment = treatments[index]
      if (size >= 0 && treatment !== undefined && treatment.kind !== 'pass') {
        if (treatment.kind === 'constant') {
          out.copy(bytes, from, at)
          writeCell(out, treatment.bytes)
          from = next
          replaced[index] = (replaced[index] ?? 0) + 1
        } else if (treatment.kind === 'mask') {
          out.copy(bytes, from, at)
          if (treatment.writer === null || !writeInPlace(out, treatment.writer, bytes, at + 4, next))
            writeCell(out, treatment.mask.apply(bytes.subarray(at + 4, next), treatment.typeOid, treatment.format))
          from = next
          replaced[index] = (replaced[index] ?? 0) + 1
        } else if (size > 0 && mayCover(treatment.text, bytes, at + 4, next, treatment.shape)) {
          const covered = coverCell(treatment.text, bytes.subarray(at + 4, next), treatment.shape)
          if (covered.found.size > 0) {
            out.copy(bytes, from, at)
            writeCell(out, covered.cell)
            from = next
            this.#note(covered.found, treatment.column)
          }
        }
      }
      at = next
    }
    if (at !== end) throw new WireError('a row is longer than its cells', at)
    if (from === start) return false
    out.copy(bytes, from, end)
    out.setInt32(head + 1, out.length - head - 1)
    return true
  }

  #note(found: ReadonlyMap<string, number>, column: string): void {
    for (const [rule, count] of found) {
      const key = `${rule}\0${column}`
      this.found.set(key, (this.found.get(key) ?? 0) + count)
    }
  }
}

function writeInPlace(out: ByteSink, writer: CellWriter, bytes: Buffer, start: number, end: number): boolean {
  out.reserve(4 + writer.maxBytes)
  const size = writer.write(bytes, start, end, out.bytes, out.length + 4)
  if (size < 0) return false
  out.setInt32(out.length, size)
  out.length += 4 + size
  return true
}

function writeCell(out: ByteSink, cell: Buffer | null): void {
  if (cell === null) {
    out.int32(-1)
    return
  }
  out.int32(cell.length)
  out.copy(cell, 0, cell.length)
}
