// Writes through views, checks of domains, bounds of windows: what runs, or is told, without a masked column being named.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import type { Catalog, CatalogRelation } from '../../../gateway/command/sql/catalog.ts'
import { relationsBehind } from '../../../gateway/command/sql/closure-views.ts'
import { loadSqlParser } from '../../../gateway/command/sql/parser.ts'
import { maskClosure } from '../../../gateway/command/sql/plan-mask-closure.ts'
import type { MaskClosure } from '../../../gateway/command/sql/plan-mask-closure.ts'
import { planMasks } from '../../../gateway/command/sql/plan-mask.ts'
import { readSql } from '../../../gateway/command/sql/read-sql.ts'
import { cellMask } from '../../../gateway/mask/cell-mask.ts'
import { contextOf } from './reading-context.ts'

function relation(oid: number, name: string, columns: string, definition: string | null = null): CatalogRelation {
  return {
    oid,
    schema: 'public',
    name,
    kind: definition === null ? 'r' : 'v',
    owner: '',
    columns: columns
      .split(' ')
      .map((column, index) => ({ name: column, number: index + 1, typeOid: 25, isGenerated: false, isNotNull: false, expression: null })),
    parents: [],
    definition,
    rules: [],
    triggers: [],
    hasRowSecurity: false,
    readExpressions: [],
    writeExpressions: [],
    cascades: [],
    foreign: null,
  }
}

const people = relation(20_000, 'people', 'id name mail')
const notes = relation(20_001, 'notes', 'id word')
const names = relation(20_002, 'names', 'id name', 'SELECT id, name FROM people WHERE id < 5')
const fewer = relation(20_003, 'fewer', 'id name', 'SELECT id, name FROM (SELECT * FROM names) AS n')
const words = relation(20_004, 'words', 'id word', 'SELECT id, word FROM notes')
const catalog: Catalog = {
  ...assumedCatalog,
  isAssumed: false,
  epoch: 1,
  relations: new Map([people, notes, names, fewer, words].map(one => [one.oid, one])),
  schemas: new Set(['pg_catalog', 'information_schema', 'public']),
  definitionPath: ['public'],
}
const context = contextOf(catalog, { searchPath: ['public'] })

describe('views over masked tables', () => {
  let closure: MaskClosure
  let strict: MaskClosure
  before(async () => {
    await loadSqlParser()
    const rule = {
      rule: 'pii',
      schema: 'public',
      table: 'people',
      column: 'mail',
      mask: cellMask('pii', { kind: 'redact' }, Buffer.alloc(32)),
    }
    closure = maskClosure(catalog, [{ ...rule, inference: 'allow' }])
    strict = maskClosure(catalog, [{ ...rule, inference: 'refuse' }])
  })

  const kindOf = (sql: string, masks = closure): string =>
    planMasks(readSql(Buffer.from(sql), context), masks, context)
      .map(({ kind }) => kind)
      .join()

  it('stand on the relations of their query, at any depth, and on nothing else', () => {
    assert.deepEqual(relationsBehind(catalog, names), [people])
    assert.deepEqual(relationsBehind(catalog, fewer), [names])
    assert.deepEqual(relationsBehind(catalog, people), [])
    assert.deepEqual(relationsBehind(catalog, { ...names, definition: 'SELECT FROM WHERE' }), [])
  })

  it('are written as the tables behind them: what those say by themselves is withheld', () => {
    for (const target of ['people', 'names', 'fewer'])
      for (const sql of [`UPDATE ${target} SET id = 50`, `INSERT INTO ${target} VALUES (50)`, `DELETE FROM ${target}`])
        assert.equal(kindOf(sql), 'tainted', sql)
    assert.equal(kindOf('MERGE INTO fewer f USING notes n ON n.id = f.id WHEN MATCHED THEN DELETE'), 'tainted')
    assert.equal(kindOf('UPDATE words SET id = 50'), 'clean')
    assert.equal(kindOf('SELECT id, name FROM fewer'), 'clean')
  })

  it('give no domain whose checks leave values somewhere', () => {
    for (const sql of [
      "CREATE DOMAIN d AS text CHECK (set_config('a.b', VALUE, false) IS NOT NULL)",
      "ALTER DOMAIN d ADD CHECK (pg_notify('c', VALUE) IS NULL)",
      'CREATE DOMAIN d AS text DEFAULT nextval($$s$$)::text',
    ])
      assert.equal(kindOf(sql), 'refuse', sql)
    assert.equal(kindOf("CREATE DOMAIN d AS text DEFAULT 'x' CHECK (lower(VALUE) = VALUE)"), 'clean')
  })

  it('leave no window whose bounds a masked column decides, where inference is refused', () => {
    const sql = 'SELECT count(*) OVER (ROWS (SELECT length(mail) FROM people) PRECEDING) FROM notes'
    assert.equal(kindOf(sql, strict), 'refuse')
    assert.equal(kindOf(sql), 'tainted')
    assert.equal(kindOf('SELECT count(*) OVER (ROWS 1 PRECEDING) FROM notes', strict), 'clean')
  })

  it('tell nothing by how many rows there are, where inference is refused', () => {
    const value = '(SELECT length(mail) FROM people LIMIT 1)'
    for (const sql of [
      `SELECT count(*) FROM generate_series(1, ${value})`,
      `SELECT max(n) FROM generate_series(1, ${value}) WITH ORDINALITY t(g, n)`,
      `SELECT count(*) FROM people p, string_to_table(p.mail, NULL)`,
      `SELECT count(*) FROM people p, LATERAL unnest(array_fill(1, ARRAY[length(p.mail)]))`,
      `SELECT count(*) FROM (SELECT generate_series(1, length(mail)) FROM people) q`,
      `SELECT g FROM generate_series(0, 99) g OFFSET ${value} LIMIT 1`,
      `SELECT g FROM generate_series(0, 99) g FETCH FIRST ${value} ROWS ONLY`,
      `WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < ${value}) SELECT max(n) FROM r`,
      `SELECT count(*) FROM JSON_TABLE((SELECT to_jsonb(array_agg(mail)) FROM people), '$[*]' COLUMNS (x text PATH '$')) j`,
      `SELECT count(*) FROM notes TABLESAMPLE BERNOULLI (${value})`,
      `SELECT ntile(${value}) OVER (ORDER BY id) FROM notes`,
      `SELECT lag(id, ${value}) OVER (ORDER BY id) FROM notes`,
      `SELECT id FROM notes GROUP BY GROUPING SETS ((id), ((SELECT max(mail) FROM people)))`,
    ])
      assert.equal(kindOf(sql, strict), 'refuse', sql)
  })
})
