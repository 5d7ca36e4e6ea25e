// Statements built from a grammar, with a write hidden in a random place: never judged read-only. Without it: always.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Catalog, CatalogFunction } from '../../../gateway/command/sql/catalog.ts'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import { loadSqlParser, readSql } from '../../../gateway/command/sql/read-sql.ts'
import { contextOf } from './reading-context.ts'

const purge: CatalogFunction = {
  oid: 20_000,
  schema: 'public',
  name: 'purge',
  kind: 'f',
  argumentTypes: [],
  hasVariadic: false,
  defaults: 0,
  returnTypeOid: 23,
  language: 'sql',
  volatility: 'volatile',
  isSecurityDefiner: false,
  body: 'DELETE FROM orders; SELECT 1',
  settings: [],
  isBound: false,
  native: null,
  parts: [],
  defaultExpressions: null,
}
const catalog: Catalog = { ...assumedCatalog, functions: new Map([[purge.oid, purge]]) }
const context = contextOf(catalog)

/** Stands where the write may go; exactly one of them in a text is replaced, the others become harmless. */
const HERE = '§'

const { expression, query } = fc.letrec<{ expression: string; query: string; table: string }>(tie => {
  const one = tie('expression')
  const two = fc.tuple(tie('expression'), tie('expression'))
  return {
    expression: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom('1', HERE, "'x'", 'a', 't.a', 'NULL', '$1', 'current_date'),
      two.map(([x, y]) => `(${x} + ${y})`),
      two.map(([x, y]) => `(${x} = ${y})::int`),
      two.map(([x, y]) => `CASE WHEN ${x} IS NULL THEN ${y} ELSE 0 END`),
      two.map(([x, y]) => `CASE ${x} WHEN 1 THEN ${y} END`),
      two.map(([x, y]) => `coalesce(${x}, ${y})`),
      two.map(([x, y]) => `greatest(${x}, nullif(${y}, 1))`),
      two.map(([x, y]) => `(${x} IN (1, ${y}))::int`),
      two.map(([x, y]) => `(${x} BETWEEN 0 AND ${y})::int`),
      two.map(([x, y]) => `(ARRAY[${x}, 1])[${y}]`),
      two.map(([x, y]) => `(ROW(${x}, 1) IS DISTINCT FROM ROW(${y}, 1))::int`),
      two.map(([x, y]) => `sum(${x}) OVER (PARTITION BY ${y})`),
      two.map(([x, y]) => `count(*) FILTER (WHERE ${x} > ${y})`),
      one.map(x => `array_agg(1 ORDER BY ${x})`),
      one.map(x => `abs(-(${x}))`),
      one.map(x => `CAST(${x} AS text)`),
      one.map(x => `(${x} IS NOT NULL)::int`),
      one.map(x => `JSON_OBJECT('k': ${x})`),
      one.map(x => `xmlelement(name n, ${x})`),
      one.map(x => `(NOT (${x} > 0) OR true)::int`),
      tie('query').map(q => `(${q})`),
      tie('query').map(q => `(EXISTS (${q}))::int`),
      fc.tuple(one, tie('query')).map(([x, q]) => `(${x} = ANY (${q}))::int`),
      tie('query').map(q => `ARRAY(${q})`),
    ),
    table: fc.oneof(
      { maxDepth: 3 },
      fc.constant('t'),
      tie('query').map(q => `(${q}) t`),
      fc.tuple(tie('table'), one).map(([from, on]) => `${from} JOIN u ON ${on} = 1`),
      tie('query').map(q => `t, LATERAL (${q}) l`),
      one.map(x => `generate_series(1, ${x}) t(a)`),
      one.map(x => `t TABLESAMPLE bernoulli (${x})`),
      one.map(x => `(VALUES (${x})) t(a)`),
      one.map(x => `ROWS FROM (generate_series(1, ${x}), generate_series(1, 2)) t`),
    ),
    query: fc.oneof(
      { maxDepth: 3 },
      one.map(x => `SELECT ${x}`),
      fc.tuple(one, tie('table'), one).map(([x, from, where]) => `SELECT ${x} FROM ${from} WHERE ${where} > 0`),
      fc.tuple(one, tie('table'), one).map(([x, from, having]) => `SELECT max(a) FROM ${from} GROUP BY ${x} HAVING ${having} = 1`),
      fc.tuple(one, one, one).map(([order, limit, offset]) => `SELECT a FROM t ORDER BY ${order} LIMIT ${limit} OFFSET ${offset}`),
      fc.tuple(tie('query'), tie('query')).map(([x, y]) => `(${x}) UNION ALL (${y})`),
      fc.tuple(tie('query'), tie('query')).map(([x, y]) => `WITH w AS (${x}) SELECT * FROM (${y}) q`),
      fc.tuple(tie('query'), tie('query')).map(([x, y]) => `WITH RECURSIVE t AS MATERIALIZED (${x}) SELECT * FROM (${y}) q`),
      one.map(x => `SELECT DISTINCT ON (${x}) a FROM t`),
      one.map(x => `SELECT count(*) OVER w FROM t WINDOW w AS (ORDER BY ${x})`),
      one.map(x => `VALUES (${x}, 1)`),
    ),
  }
})

const statement = fc.oneof(
  { weight: 5, arbitrary: query },
  query.map(q => `COPY (${q}) TO STDOUT`),
  query.map(q => `EXPLAIN (COSTS off, ANALYZE) ${q}`),
  query.map(q => `DECLARE c CURSOR FOR ${q}`),
  query.map(q => `PREPARE p AS ${q}; EXECUTE p`),
  expression.map(x => `PREPARE p(int) AS SELECT $1; EXECUTE p(${x})`),
  query.map(q => `SELECT 1; ${q}; SELECT 2`),
)

const hidden = fc.constantFrom(
  'purge()',
  'public.purge()',
  '"purge"()',
  'PURGE ( )',
  "nextval('s')",
  "setval('s', 1)",
  'pg_backend_pid() + purge()',
)

/** Puts the write into one of the places, harmless values into the others; null when there is no place. */
function withWrite(text: string, write: string, place: number): string | null {
  const parts = text.split(HERE)
  if (parts.length === 1) return null
  const chosen = place % (parts.length - 1)
  return parts.map((part, index) => (index === 0 ? part : `${index - 1 === chosen ? write : '0'}${part}`)).join('')
}

function writes(sql: string): boolean {
  const statements = readSql(Buffer.from(sql), context)
  // A text that is no SQL would prove nothing.
  for (const { node } of statements) assert.notEqual(node, null, sql)
  return statements.some(({ command }) => [...command.effects].some(effect => effect !== 'read' && effect !== 'session'))
}

describe('a write hidden in a query', () => {
  before(loadSqlParser)

  it('is never judged read-only', () => {
    let played = 0
    fc.assert(
      fc.property(statement, hidden, fc.nat(50), (text, write, place) => {
        const sql = withWrite(text, write, place)
        fc.pre(sql !== null)
        played += 1
        assert.ok(writes(sql), sql)
      }),
      { numRuns: 1200 },
    )
    assert.ok(played >= 1200)
  })

  it('is never judged read-only in a WITH that writes', () => {
    const change = fc.constantFrom('DELETE FROM t WHERE a = 1', 'UPDATE t SET a = 1 WHERE a = 2', 'INSERT INTO t VALUES (1)')
    fc.assert(
      fc.property(
        change,
        query,
        fc.constantFrom('', 'EXPLAIN ANALYZE ', 'EXPLAIN (ANALYZE off, ANALYZE true) '),
        (change, text, before) => {
          const sql = `${before}WITH d AS (${change} RETURNING 1) SELECT * FROM (${text.replaceAll(HERE, '0')}) q`
          assert.ok(writes(sql), sql)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('is not suspected where there is none', () => {
    fc.assert(
      fc.property(statement, text => {
        const sql = text.replaceAll(HERE, '0')
        assert.ok(!writes(sql), sql)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('damaged text', () => {
  before(loadSqlParser)

  it('never throws, and never comes out as fewer commands than nothing', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(statement, bytes, fc.nat(), (text, noise, at) => {
        const whole = Buffer.from(text.replaceAll(HERE, 'purge()'))
        const place = at % (whole.length + 1)
        const damaged = Buffer.concat([whole.subarray(0, place), noise, whole.subarray(place)])
        const statements = readSql(damaged, context)
        if (statements.length === 0) assert.match(damaged.toString('latin1'), /^[\s;]*$/)
        for (const { command } of statements) assert.equal(command.effects.has('unknown'), command.certainty !== 'parsed')
      }),
      { numRuns: 2000 },
    )
  })
})
