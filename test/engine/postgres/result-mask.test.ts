// Masks of answers, byte by byte: rows, COPY, errors, and what happens when the server says something that was not planned.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import type { Catalog } from '../../../gateway/command/sql/catalog.ts'
import type { ColumnPlan, CopyPlan, MaskPlan } from '../../../gateway/command/sql/mask-plan.ts'
import { loadSqlParser } from '../../../gateway/command/sql/parser.ts'
import { maskClosure } from '../../../gateway/command/sql/plan-mask-closure.ts'
import { ByteSink } from '../../../gateway/engine/postgres/byte-sink.ts'
import { openResultMask } from '../../../gateway/engine/postgres/result-mask.ts'
import type { ResultMask } from '../../../gateway/engine/postgres/result-mask.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { readDataRow, readFields } from '../../../gateway/wire/postgres/backend.ts'
import { byte, int16, int32, message, value } from '../../../gateway/wire/postgres/message-writer.ts'
import type { Field } from '../../../gateway/wire/postgres/message-writer.ts'
import { plainRelation } from '../../command/sql/plain-relation.ts'
import { maskRule, someConnection, someIdentity } from '../../mask/samples.ts'

const TABLE = 20_000
const VIEW = 20_001

const catalog: Catalog = {
  ...assumedCatalog,
  isAssumed: false,
  epoch: 1,
  relations: new Map([
    [TABLE, plainRelation(TABLE, 'people', ['id', 'mail'])],
    [VIEW, plainRelation(VIEW, 'v', ['m', 'i'], { kind: 'v', definition: 'SELECT mail || 1, id FROM people' })],
  ]),
}
const rules = [
  maskRule({ columns: [{ schema: 'public', table: 'people', column: 'mail' }] }),
  maskRule({ name: 'cards', patterns: [{ kind: 'builtin', name: 'credit-card' }], with: { kind: 'keep-last', count: 4 } }),
]

const pass: ColumnPlan = { kind: 'pass' }
const mask: ColumnPlan = { kind: 'mask', rule: 0, typeOid: 25 }
const blank: ColumnPlan = { kind: 'blank', rule: 0 }
const provenance: ColumnPlan = { kind: 'provenance', rule: 0 }

function tainted(columns: readonly ColumnPlan[], rest: ColumnPlan | null = null, copy: CopyPlan | null = null): MaskPlan {
  return { kind: 'tainted', rule: 0, columns, rest, copy }
}

interface Described {
  readonly name?: string
  readonly table?: number
  readonly attribute?: number
  readonly type?: number
  readonly format?: number
}

function rowDescription(columns: readonly Described[]): Buffer {
  const fields = columns.flatMap(({ name = 'x', table = 0, attribute = 0, type = 25, format = 0 }): Field[] => [
    name,
    int32(table),
    int16(attribute),
    int32(type),
    int16(-1),
    int32(-1),
    int16(format),
  ])
  return message(0x54, [int16(columns.length), ...fields])
}

function dataRow(cells: readonly (string | Buffer | null)[]): Buffer {
  return message(0x44, [int16(cells.length), ...cells.map(cell => value(typeof cell === 'string' ? Buffer.from(cell) : cell))])
}

function errorMessage(fields: Readonly<Record<string, string>>, type = 0x45): Buffer {
  return message(type, [...Object.entries(fields).flatMap(([field, text]): Field[] => [Buffer.from(field), text]), byte(0)])
}

function masked(result: ResultMask, row: Buffer): readonly (string | null)[] {
  const out = new ByteSink(16)
  result.maskRow(row, out)
  const bytes = out.bytes.subarray(0, out.length)
  assert.equal(bytes.readInt32BE(1), bytes.length - 1)
  return readDataRow(bytes, 0, bytes.length).map(cell => cell?.toString() ?? null)
}

describe('masks of answers', () => {
  let open: (plan: MaskPlan, withPatterns?: boolean) => ResultMask
  before(async () => {
    await loadSqlParser()
    const closure = maskClosure(catalog, maskerFor(rules, Buffer.alloc(32))(someIdentity, someConnection).columns)
    open = (plan, withPatterns = false) => {
      const masker = maskerFor(withPatterns ? rules : rules.slice(0, 1), Buffer.alloc(32))(someIdentity, someConnection)
      return openResultMask(plan, masker, closure) ?? assert.fail('nothing is masked')
    }
  })

  it('have nothing to do with a clean answer where no pattern applies', () => {
    const masker = maskerFor(rules.slice(0, 1), Buffer.alloc(32))(someIdentity, someConnection)
    assert.equal(openResultMask({ kind: 'clean' }, masker, maskClosure(catalog, masker.columns)), null)
  })

  it('follow the plan by place, and leave the other cells as they are', () => {
    const result = open(tainted([pass, mask, blank, pass]))
    result.onRowDescription(rowDescription([{}, {}, {}, { type: 23 }]))
    assert.deepEqual(masked(result, dataRow(['a', 'secret', 'secret', '7'])), ['a', '[redacted]', null, '7'])
    assert.deepEqual(masked(result, dataRow([null, null, null, ''])), [null, null, null, ''])
    assert.deepEqual(result.counts(), [
      { rule: 'pii', column: 'x', values: 1 },
      { rule: 'pii', column: 'x', values: 1 },
    ])
  })

  it('believe the server where it names a masked column, whatever the plan says', () => {
    const result = open(tainted([pass, pass]))
    result.onRowDescription(
      rowDescription([
        { table: TABLE, attribute: 2 },
        { table: TABLE, attribute: 1 },
      ]),
    )
    assert.deepEqual(masked(result, dataRow(['secret', '1'])), ['[redacted]', '1'])
    assert.deepEqual(result.counts(), [{ rule: 'pii', column: 'public.people.mail', values: 1 }])
  })

  it('know what a column of a view is made of', () => {
    const result = open(tainted([pass, pass]))
    result.onRowDescription(
      rowDescription([
        { table: VIEW, attribute: 1 },
        { table: VIEW, attribute: 2 },
      ]),
    )
    assert.deepEqual(masked(result, dataRow(['secret1', '1'])), [null, '1'])
  })

  it('blank what neither the plan nor the server tells', () => {
    const result = open(tainted([], provenance))
    result.onRowDescription(
      rowDescription([
        {},
        { table: TABLE, attribute: 1 },
        { table: 99_999, attribute: 1 },
        { table: TABLE, attribute: 0 },
        { table: 1259, attribute: 2 },
      ]),
    )
    assert.deepEqual(masked(result, dataRow(['a', 'b', 'c', 'd', 'e'])), [null, 'b', null, null, 'e'])
  })

  it('blank everything when the server describes another number of columns than was planned', () => {
    const result = open(tainted([pass]))
    result.onRowDescription(rowDescription([{}, {}]))
    assert.deepEqual(masked(result, dataRow(['a', 'b'])), [null, null])
  })

  it('blank every cell of rows that were never described', () => {
    assert.deepEqual(masked(open(tainted([pass, mask])), dataRow(['a', 'b'])), [null, null])
  })

  it('refuse a row that does not fit its description or its own length', () => {
    const result = open(tainted([mask, pass]))
    result.onRowDescription(rowDescription([{}, {}]))
    assert.throws(() => masked(result, dataRow(['a'])), { name: 'WireError' })
    const broken = dataRow(['abc', 'd'])
    broken.writeInt32BE(2_000_000_000, 7)
    assert.throws(() => masked(result, broken), { name: 'WireError' })
  })

  it('use the formats of Bind where the description does not know them', () => {
    const result = open(tainted([mask, mask, pass]))
    result.onRowDescription(rowDescription([{ type: 3802 }, { type: 3802 }, {}]), [1, 0, 1])
    assert.deepEqual(masked(result, dataRow([Buffer.from('\u0001{}'), '{}', 'x'])), ['\u0001"[redacted]"', '"[redacted]"', 'x'])
  })

  it('cover what patterns find in text, json and arrays, and pass rows without findings as they came', () => {
    const result = open({ kind: 'clean' }, true)
    result.onRowDescription(rowDescription([{}, { type: 114 }, { type: 1009 }, { type: 20 }, { type: 2950 }]))
    const card = '4111111111111111'
    assert.deepEqual(masked(result, dataRow([`no ${card}`, `{"n":${card}}`, `{${card},x}`, card, card])), [
      'no ********1111',
      '{"n":"********1111"}',
      '{"********1111",x}',
      null,
      card,
    ])
    assert.equal(
      result.maskRowAt(dataRow(['a', '{}', '{}', '1', 'u']), 0, dataRow(['a', '{}', '{}', '1', 'u']).length, new ByteSink()),
      false,
    )
    assert.equal(
      result.counts().reduce((sum, count) => sum + count.values, 0),
      4,
    )
  })

  describe('in COPY', () => {
    const plan: CopyPlan = {
      format: 'text',
      delimiter: '\t',
      nullText: '\\N',
      quote: '"',
      escape: '"',
      hasHeader: false,
      columns: [pass, mask, blank],
    }
    const copyOut = message(0x48, [byte(0), int16(3), int16(0), int16(0), int16(0)])

    function copied(copy: CopyPlan, lines: string): string {
      const result = open(tainted([], null, copy))
      result.onCopyOut(copyOut)
      const out = new ByteSink(8)
      result.maskCopyData(message(0x64, [Buffer.from(lines)]), out)
      assert.equal(out.bytes.readInt32BE(1), out.length - 1)
      return out.bytes.toString('utf8', 5, out.length)
    }

    it('rewrites fields of the text format, escapes and NULL included', () => {
      assert.equal(copied(plan, 'a\\tb\tsecret\tsecret\n'), 'a\\tb\t[redacted]\t\\N\n')
      assert.equal(copied(plan, '\\N\t\\N\t\\N\n1\tse\\\\cr\\net\t2\n'), '\\N\t\\N\t\\N\n1\t[redacted]\t\\N\n')
    })

    it('rewrites fields of csv, quotes and line breaks in them included, and keeps a header', () => {
      const csv: CopyPlan = { ...plan, format: 'csv', delimiter: ',', nullText: '', hasHeader: true }
      assert.equal(copied(csv, 'id,mail,x\n"a,""b""","se\ncret, ""x""",3\n,,\n'), 'id,mail,x\n"a,""b""","[redacted]",\n,,\n')
      assert.equal(
        copied({ ...csv, hasHeader: false, quote: "'", escape: '\\', delimiter: ';' }, "'a\\'b;';'s;\\'ecret';3\n"),
        "'a\\'b;';'[redacted]';\n",
      )
    })

    it('withholds a line that has no end, and more fields than were planned', () => {
      assert.equal(copied(plan, 'a\tsecret'), '')
      assert.equal(copied(plan, 'a\tb\tc\tsecret\n'), 'a\t[redacted]\t\\N\t\\N\n')
    })

    it('withholds binary data that was planned as text', () => {
      const result = open(tainted([], null, plan))
      result.onCopyOut(message(0x48, [byte(1), int16(3), int16(1), int16(1), int16(1)]))
      const out = new ByteSink()
      result.maskCopyData(message(0x64, [Buffer.from('PGCOPY secret')]), out)
      assert.equal(out.length, 5)
    })
  })

  describe('in words of the server', () => {
    it('keep code, severity and places, and say nothing that came from a row', () => {
      const scrubbed = open(tainted([])).scrubMessage(
        errorMessage({
          S: 'ERROR',
          V: 'ERROR',
          C: '22P02',
          M: 'invalid: "secret"',
          D: 'secret',
          H: 'secret',
          P: '8',
          W: 'secret',
          q: 'secret',
          t: 'people',
          c: 'mail',
          R: 'pg_strtoint32',
        }),
      )
      const fields = readFields(scrubbed, 0, scrubbed.length)
      assert.deepEqual(
        ['C', 'P', 't', 'c', 'R'].map(field => fields.get(field)),
        ['22P02', '8', 'people', 'mail', 'pg_strtoint32'],
      )
      assert.match(fields.get('M') ?? '', /^invalid text for the type/)
      assert.ok(!scrubbed.includes('secret'))
    })

    it('keep no name and no code that a function could have made of a value', () => {
      const scrubbed = open(tainted([])).scrubMessage(
        errorMessage({ S: 'ERROR', C: '98765', M: 'x', s: 'secret', t: 'secret', c: 'secret', d: 'secret', n: 'secret' }),
      )
      const fields = readFields(scrubbed, 0, scrubbed.length)
      assert.equal(fields.get('C'), 'P0001')
      assert.ok(!scrubbed.includes('secret'))
    })

    it("keep words about the client's own text, and words that are always the same", () => {
      const result = open(tainted([]))
      const typo = errorMessage({ S: 'ERROR', C: '42703', M: 'column "mial" does not exist', H: 'Perhaps "people.mail".', P: '8' })
      assert.equal(result.scrubMessage(typo), typo)
      const inFunction = errorMessage({ S: 'ERROR', C: '42703', M: 'column "secret" does not exist', P: '8', W: 'PL/pgSQL function f()' })
      assert.ok(!result.scrubMessage(inFunction).includes('secret'))
      const late = { S: 'ERROR', C: '57014', M: 'canceling statement due to statement timeout', R: 'ProcessInterrupts' }
      assert.ok(result.scrubMessage(errorMessage(late)).includes('due to statement timeout'))
    })

    it('empty settings that code can set to anything', () => {
      const result = open(tainted([]))
      assert.ok(!result.scrubMessage(message(0x53, ['application_name', 'secret'])).includes('secret'))
      assert.ok(!result.scrubMessage(message(0x53, ['search_path', 'secret'])).includes('secret'))
      const zone = message(0x53, ['TimeZone', 'UTC'])
      assert.deepEqual(result.scrubMessage(zone), zone)
    })

    it('clean a constraint error that names a masked table, or none, also when the statement was clean', () => {
      const result = open({ kind: 'clean' }, true)
      const failed = (code: string, table: string): Buffer =>
        result.scrubMessage(
          errorMessage({ S: 'ERROR', C: code, M: 'violates', D: 'Key (mail)=(secret)', ...(table === '' ? {} : { t: table }) }),
        )
      assert.ok(!failed('23505', 'people').includes('secret'))
      assert.ok(!failed('23503', 'people').includes('secret'))
      assert.ok(!failed('23514', '').includes('secret'))
      assert.ok(failed('23505', 'other').includes('secret'), 'errors of other tables arrive as they are')
      assert.ok(failed('23503', 'other').includes('secret'), 'a key that holds no masked values refers to none')
    })
  })
})
