// COPY data rewritten field by field: against a model that writes every row anew, for any values, nulls and formats.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { CopyPlan } from '../../../gateway/command/sql/mask-plan.ts'
import type { CellMask, Masker } from '../../../gateway/core/masker.ts'
import { ByteSink } from '../../../gateway/engine/postgres/byte-sink.ts'
import { CopyMask } from '../../../gateway/engine/postgres/copy-mask.ts'

type Row = readonly (string | null)[]
type Format = 'text' | 'csv'

const starred: CellMask = { rule: 'pii', apply: () => Buffer.from('*,\t*'), constant: () => Buffer.from('*,\t*') }
const counted: CellMask = { rule: 'pii', apply: cell => Buffer.from(`${cell.length}"\n`), constant: () => undefined }
const nulled: CellMask = { rule: 'pii', apply: () => null, constant: () => null }
const wordsOf = new Map<CellMask, (text: string) => string | null>([
  [starred, () => '*,\t*'],
  [counted, text => `${Buffer.byteLength(text)}"\n`],
  [nulled, () => null],
])

function maskerWith(mask: CellMask): Masker {
  return {
    columns: [{ rule: 'pii', schema: 'public', table: 't', column: 'b', mask, inference: 'allow' }],
    lifted: [],
    text: null,
  }
}

const planOf = (format: Format): CopyPlan => ({
  format,
  delimiter: format === 'csv' ? ',' : '\t',
  quote: '"',
  escape: '"',
  nullText: format === 'csv' ? '' : '\\N',
  hasHeader: false,
  columns: [{ kind: 'pass' }, { kind: 'mask', rule: 0, typeOid: 25 }, { kind: 'pass' }],
})

const letters: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

function fieldOf(value: string | null, format: Format, isOurs: boolean): string {
  if (value === null) return format === 'csv' ? '' : '\\N'
  if (format === 'text') return value.replaceAll(/[\\\t\n\r\b\f\v]/g, letter => letters[letter] ?? letter)
  // What the gateway writes is always quoted; the server quotes what must be.
  return isOurs || value === '' || /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

function lineOf(row: Row, format: Format, masked: number | null): string {
  const separator = format === 'csv' ? ',' : '\t'
  return `${row.map((value, index) => fieldOf(value, format, index === masked)).join(separator)}\n`
}

function messageOf(body: string): Buffer {
  const bytes = Buffer.concat([Buffer.from('d\0\0\0\0', 'latin1'), Buffer.from(body)])
  bytes.writeInt32BE(bytes.length - 1, 1)
  return bytes
}

function written(mask: CopyMask, body: string): string {
  const out = new ByteSink(16)
  mask.write(messageOf(body), out)
  assert.equal(out.bytes.readInt32BE(1), out.length - 1)
  return out.bytes.toString('utf8', 5, out.length)
}

const value = fc.option(fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\t', '\n', '\\', 'N', '\r', '\b', ' '), maxLength: 8 }))
const rows = fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 12 })

describe('COPY with a masked column', () => {
  for (const format of ['text', 'csv'] as const) {
    it(`replaces the fields of that column and nothing else, in ${format}`, () => {
      fc.assert(
        fc.property(rows, fc.constantFrom(starred, counted, nulled), (table, cellMask) => {
          const words = wordsOf.get(cellMask)!
          const mask = new CopyMask(planOf(format), maskerWith(cellMask), false)
          const body = table.map(row => lineOf(row, format, null)).join('')
          const expected = table.map(([a, b, c]) => lineOf([a, b === null ? null : words(b), c], format, b === null ? null : 1)).join('')
          assert.equal(written(mask, body), expected)
          const masked = table.filter(([, b]) => b !== null).length
          assert.deepEqual(mask.counts(), masked === 0 ? [] : [{ rule: 'pii', column: 'column 2', values: masked }])
        }),
        { numRuns: 1000 },
      )
    })

    it(`withholds a line without an end, in ${format}`, () => {
      fc.assert(
        fc.property(rows, fc.constantFrom(starred, nulled), (table, cellMask) => {
          const words = wordsOf.get(cellMask)!
          const body = table.map(row => lineOf(row, format, null)).join('')
          const before = table.slice(0, -1).map(([a, b, c]) => lineOf([a, b === null ? null : words(b), c], format, b === null ? null : 1))
          assert.equal(written(new CopyMask(planOf(format), maskerWith(cellMask), false), body.slice(0, -1)), before.join(''))
        }),
        { numRuns: 300 },
      )
    })
  }
})
