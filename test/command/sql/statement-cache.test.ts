import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import { loadSqlParser, readSql } from '../../../gateway/command/sql/read-sql.ts'
import { StatementCache } from '../../../gateway/command/sql/statement-cache.ts'
import { TextShape } from '../../../gateway/command/sql/text-shape.ts'
import { contextOf } from './reading-context.ts'

const context = contextOf()

function textsRead(cache: StatementCache, ...texts: readonly string[]): readonly (readonly string[])[] {
  return texts.map(text => cache.read(Buffer.from(text), context).map(({ command }) => command.text))
}

/** What a policy can see of the commands. */
function facts(statements: ReturnType<typeof readSql>): unknown {
  return statements.map(({ command }) => [
    command.text,
    [...command.effects].toSorted(),
    command.unfiltered,
    command.certainty,
    command.resources,
  ])
}

describe('statement cache', () => {
  before(loadSqlParser)

  it('answers the same objects for the same text', () => {
    const cache = new StatementCache()
    const text = Buffer.from("SELECT 'a' FROM t")
    assert.equal(cache.read(text, context), cache.read(Buffer.from(text), context))
    assert.deepEqual({ hits: cache.counts.hits, misses: cache.counts.misses }, { hits: 1, misses: 1 })
  })

  it('finds a text that differs only in integers, and keeps its own text', () => {
    const cache = new StatementCache()
    assert.deepEqual(textsRead(cache, 'SELECT a FROM t WHERE id = 7', 'SELECT a FROM t WHERE id = 12345'), [
      ['SELECT a FROM t WHERE id = 7'],
      ['SELECT a FROM t WHERE id = 12345'],
    ])
    assert.equal(cache.counts.misses, 1)
    const [first] = cache.read(Buffer.from('SELECT a FROM t WHERE id = 1'), context)
    const [second] = cache.read(Buffer.from('SELECT a FROM t WHERE id = 2'), context)
    assert.equal(first?.command.shape, second?.command.shape)
  })

  for (const [known, other] of [
    ['DELETE FROM t WHERE 1 = 2', 'DELETE FROM t WHERE 1 = 1'],
    ['DELETE FROM t WHERE id = 1 OR id <> 2', 'DELETE FROM t WHERE id = 1 OR id <> 1'],
    ['DELETE FROM t WHERE id + 1 = id + 2', 'DELETE FROM t WHERE id + 1 = id + 1'],
    ['DELETE FROM t WHERE 1 IN (2, 3)', 'DELETE FROM t WHERE 1 IN (2, 1)'],
    ['EXPLAIN (ANALYZE 0) DELETE FROM t', 'EXPLAIN (ANALYZE 1) DELETE FROM t'],
    [
      'DELETE FROM t WHERE CASE WHEN 0::boolean THEN true ELSE id = 1 END',
      'DELETE FROM t WHERE CASE WHEN 1::boolean THEN true ELSE id = 1 END',
    ],
  ] as const) {
    it(`does not take ${other} for ${known}`, () => {
      const cache = new StatementCache()
      cache.read(Buffer.from(known), context)
      const [cached] = cache.read(Buffer.from(other), context)
      const [read] = readSql(Buffer.from(other), context)
      assert.deepEqual(cached?.command.effects, read?.command.effects)
      assert.equal(cached?.command.unfiltered, read?.command.unfiltered)
    })
  }

  it('never answers otherwise than reading does, whatever came before', () => {
    const number = fc.constantFrom('0', '1', '2', '7', '10')
    const condition = fc
      .tuple(
        fc.constantFrom(
          'id = ?',
          '? = ?',
          'id = ? OR id <> ?',
          'id IN (?, ?)',
          '? IN (?)',
          'id + ? = id + ?',
          'NOT ? > ?',
          'a BETWEEN ? AND ?',
        ),
        number,
        number,
      )
      .map(([form, one, two]) => form.replace('?', one).replace('?', two))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('DELETE FROM t WHERE', 'SELECT a FROM t WHERE', 'UPDATE t SET a = 1 WHERE'), condition), {
          maxLength: 12,
        }),
        texts => {
          const cache = new StatementCache()
          for (const [start, end] of texts) {
            const text = Buffer.from(`${start} ${end}`)
            assert.deepEqual(facts(cache.read(text, context)), facts(readSql(text, context)))
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('keeps nothing under another search path, catalog, string rule or encoding', () => {
    const cache = new StatementCache()
    const text = Buffer.from('SELECT f(a) FROM t')
    cache.read(text, context)
    for (const other of [
      contextOf(assumedCatalog, { searchPath: ['evil', 'pg_catalog'] }),
      contextOf({ ...assumedCatalog, epoch: 2 }),
      contextOf(null),
      contextOf(assumedCatalog, { standardConformingStrings: false }),
      contextOf(assumedCatalog, { isUtf8: false }),
      contextOf(assumedCatalog, { trustedFunctions: new Set(['public.f']) }),
    ]) {
      const misses = cache.counts.misses
      cache.read(text, other)
      assert.equal(cache.counts.misses, misses + 1)
    }
  })

  it('keeps no text that uses names of the session', () => {
    const cache = new StatementCache()
    cache.read(Buffer.from('PREPARE p AS SELECT 1'), context)
    cache.read(Buffer.from('EXECUTE p'), context)
    assert.equal(cache.counts.entries, 0)
  })

  it('stays within its bytes', () => {
    const cache = new StatementCache(100_000)
    for (let index = 0; index < 500; index++) cache.read(Buffer.from(`SELECT 'text ${index}'`), context)
    assert.ok(cache.counts.bytes <= 100_000)
    assert.ok(cache.counts.entries > 5)
  })
})

describe('the shape of a text', () => {
  const shape = new TextShape(1000)
  const shapeOf = (text: string): string | null => {
    const length = shape.measure(Buffer.from(text))
    return length < 0 ? null : shape.bytes.toString('latin1', 0, length)
  }
  for (const [text, expected] of [
    ['SELECT 1, 22, t1.c2, 1.5, .5, 1e5, 0x1F', 'SELECT 0, 0, t1.c2, 1.5, .5, 1e5, 0x1F'],
    ['a=12 AND b<3', 'a=0 AND b<0'],
    ['x($1, 10)', 'x($1, 0)'],
    ['1234567890', '1234567890'],
    ['1_000', '1_000'],
  ] as const) {
    it(`of ${text} is ${expected}`, () => assert.equal(shapeOf(text), expected))
  }
  for (const text of ["'1'", '"a1"', '1 - 2', '1 -- 2', '1 / 2', '$$1$$', 'a\\1', 'é1', '$a$ 1 $a$']) {
    it(`of ${text} is not told`, () => assert.equal(shapeOf(text), null))
  }

  it('of any text is the text with its free integers as 0, by bytes and by words', () => {
    const model = (text: string): string | null =>
      /[^a-zA-Z_0-9 \t\n\r,.()=<>*+%;[\]:|!&^~#@?$]|\$(?!\d)/.test(text) ? null : text.replaceAll(/(?<![\w.$])\d{1,9}(?![\w.])/g, '0')
    const part = fc.constantFrom('a', 'Z_', '1', '23', '123456789', '0123456789', '.', '$', '$1', ' ', ',', '(', '=', ';', '-', "'", 'é')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), parts => {
        const text = parts.join('')
        const expected = model(text)
        assert.equal(shapeOf(text), expected)
        if (expected === null) return
        const words = Buffer.from(shape.words.slice(0, (expected.length + 3) >> 2).buffer)
        assert.equal(words.toString('latin1'), expected.padEnd(words.length, '\0'))
      }),
      { numRuns: 2000 },
    )
  })
})
