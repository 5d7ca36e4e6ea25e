// Plans of masking from text and catalog alone: what is clean, what is masked where, what is refused.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import type { Catalog, CatalogFunction } from '../../../gateway/command/sql/catalog.ts'
import type { MaskPlan } from '../../../gateway/command/sql/mask-plan.ts'
import { loadSqlParser } from '../../../gateway/command/sql/parser.ts'
import { maskClosure } from '../../../gateway/command/sql/plan-mask-closure.ts'
import type { MaskClosure } from '../../../gateway/command/sql/plan-mask-closure.ts'
import { planMasks } from '../../../gateway/command/sql/plan-mask.ts'
import { readSql } from '../../../gateway/command/sql/read-sql.ts'
import type { SqlContext } from '../../../gateway/command/sql/sql-statement.ts'
import type { ColumnRule } from '../../../gateway/core/masker.ts'
import { cellMask } from '../../../gateway/mask/cell-mask.ts'
import { plainRelation } from './plain-relation.ts'
import { contextOf } from './reading-context.ts'

function code(oid: number, name: string, body: string, more: Partial<CatalogFunction> = {}): CatalogFunction {
  return {
    oid,
    schema: 'public',
    name,
    kind: 'f',
    argumentTypes: [25],
    hasVariadic: false,
    defaults: 0,
    returnTypeOid: 25,
    language: 'plpgsql',
    volatility: 'volatile',
    isSecurityDefiner: false,
    body,
    settings: [],
    isBound: false,
    native: null,
    parts: [],
    defaultExpressions: null,
    ...more,
  }
}

const relations = [
  plainRelation(20_000, 'people', ['id', 'name', 'mail', 'ssn']),
  plainRelation(20_001, 'notes', ['id', 'word']),
  plainRelation(20_002, 'kid', ['id', 'name', 'mail', 'ssn', 'toy'], { parents: [20_000] }),
  plainRelation(20_003, 'v', ['i', 'm', 'n'], { kind: 'v', definition: 'SELECT id, upper(mail), name FROM people' }),
  plainRelation(20_004, 'vv', ['x'], { kind: 'v', definition: 'SELECT m FROM v' }),
  plainRelation(20_005, 'people', ['id', 'mail'], { schema: 'other' }),
  plainRelation(20_006, 'names', ['id', 'name'], { kind: 'v', definition: 'SELECT id, name FROM people WHERE id < 5' }),
  plainRelation(20_007, 'fewer', ['id', 'name'], { kind: 'v', definition: 'SELECT id, name FROM names' }),
  plainRelation(20_008, 'words', ['id', 'word'], { kind: 'v', definition: 'SELECT id, word FROM notes' }),
]
const functions = [
  code(30_000, 'plain', 'BEGIN RETURN upper($1); END'),
  code(30_001, 'peeks', 'BEGIN RETURN (SELECT mail FROM people LIMIT 1); END'),
  code(30_002, 'dynamic', 'BEGIN EXECUTE $1; END'),
  code(30_003, 'writes', 'BEGIN INSERT INTO notes VALUES (1, $1); RETURN $1; END'),
  code(30_004, 'around', 'BEGIN RETURN back($1); END'),
  code(30_005, 'back', 'BEGIN IF false THEN RETURN around($1); END IF; RETURN peeks($1); END'),
  code(30_006, 'native', '', { language: 'c', body: null, native: '$libdir/dblink:dblink_record' }),
]
const catalog: Catalog = {
  ...assumedCatalog,
  isAssumed: false,
  epoch: 1,
  relations: new Map(relations.map(one => [one.oid, one])),
  functions: new Map(functions.map(one => [one.oid, one])),
  schemas: new Set(['pg_catalog', 'information_schema', 'public', 'other']),
  systemRelations: new Set(['pg_catalog.pg_class', 'pg_catalog.pg_stats', 'pg_catalog.pg_statistic']),
}

function rule(column: string, inference: 'allow' | 'refuse' = 'allow'): ColumnRule {
  return { rule: 'pii', schema: 'public', table: 'people', column, mask: cellMask('pii', { kind: 'redact' }, Buffer.alloc(32)), inference }
}

const context = contextOf(catalog, { searchPath: ['public'] })

let closure: MaskClosure
let strict: MaskClosure

function plansOf(sql: string, masks = closure, under: SqlContext = context): readonly MaskPlan[] {
  return planMasks(readSql(Buffer.from(sql), under), masks, under)
}

/** `clean`, `refuse`, or the columns in short: p pass, m mask, b blank, ? provenance; `*` more of a kind. */
function planned(sql: string, masks = closure, under: SqlContext = context): string {
  return plansOf(sql, masks, under)
    .map(plan => {
      if (plan.kind !== 'tainted') return plan.kind
      const letters = plan.columns.map(column => ({ pass: 'p', mask: 'm', blank: 'b', provenance: '?' })[column.kind]).join('')
      return `[${letters}${plan.rest === null ? '' : '*'}]`
    })
    .join(' ')
}

before(async () => {
  await loadSqlParser()
  closure = maskClosure(catalog, [rule('mail'), rule('ssn')])
  strict = maskClosure(catalog, [rule('mail', 'refuse')])
})

describe('the closure of masked columns', () => {
  it('holds children, and views by the lineage of each column', () => {
    const taint = (oid: number, column: number): string | undefined => closure.columnTaint(oid, column)?.kind
    assert.deepEqual([taint(20_000, 3), taint(20_002, 3), taint(20_002, 5)], ['mask', 'mask', undefined])
    assert.deepEqual([taint(20_003, 1), taint(20_003, 2), taint(20_003, 3), taint(20_004, 1)], [undefined, 'blank', undefined, 'blank'])
    assert.equal(closure.relationTaint(20_005), null)
  })

  it('is empty where the policy names nothing that exists, and then every statement is clean', () => {
    const empty = maskClosure(catalog, [rule('nosuch')])
    assert.ok(empty.isEmpty)
    assert.equal(planned('SELECT * FROM people', empty), 'clean')
  })
})

describe('a plan', () => {
  const cases: Readonly<Record<string, string>> = {
    'SELECT id, name FROM people': 'clean',
    'SELECT count(*) FROM people': 'clean',
    'SELECT * FROM people': '[ppmm]',
    'SELECT id, name FROM fewer': 'clean',
    'UPDATE people SET id = 50': '[]',
    'UPDATE names SET id = 50': '[]',
    'MERGE INTO fewer f USING notes n ON n.id = f.id WHEN MATCHED THEN DELETE': '[]',
    'INSERT INTO fewer VALUES (50) RETURNING name': '[p]',
    'UPDATE words SET id = 50': 'clean',
    "CREATE DOMAIN d AS text CHECK (set_config('a.b', VALUE, false) IS NOT NULL)": 'refuse',
    "ALTER DOMAIN d ADD CHECK (pg_notify('c', VALUE) IS NULL)": 'refuse',
    'CREATE DOMAIN d AS text CHECK (lower(VALUE) = VALUE)': 'clean',
    'SELECT p.*, word FROM people p JOIN notes USING (id)': '[ppmmp]',
    'SELECT * FROM people p JOIN notes USING (id)': '[ppmmp]',
    'SELECT * FROM notes NATURAL JOIN people': '[pppmm]',
    'SELECT name FROM people AS t(id, mail, name)': '[m]',
    "SELECT upper(mail), mail || 'x', name FROM people": '[bbp]',
    'SELECT mail FROM people UNION SELECT word FROM notes': '[m]',
    'SELECT mail FROM people UNION SELECT ssn FROM people': '[b]',
    'SELECT (SELECT mail FROM people LIMIT 1), ARRAY(SELECT mail FROM people)': '[mb]',
    'SELECT count(mail), mail IS NULL FROM people': '[pp]',
    "SELECT name FROM people WHERE mail = 'x'": '[p]',
    'SELECT row_number() OVER (ORDER BY mail) FROM people': '[p]',
    'SELECT p FROM people p': '[b]',
    'SELECT mail(p), (p).ssn, p.name FROM people p': '[bmp]',
    'SELECT m, n FROM v': '[bp]',
    'SELECT mail FROM kid': '[m]',
    'SELECT mail FROM other.people': 'clean',
    'SELECT relname FROM pg_class': 'clean',
    'SELECT * FROM pg_stats': 'refuse',
    'SELECT * FROM pg_toast.pg_toast_20000': 'refuse',
    'SELECT x FROM nosuch': '[?]',
    'SELECT plain(name), plain(mail) FROM people': '[pb]',
    'SELECT peeks(word), around(word) FROM notes': '[bb]',
    'SELECT dynamic(word) FROM notes': 'refuse',
    'SELECT native(word) FROM notes': 'refuse',
    'SELECT writes(word) FROM notes': 'clean',
    'SELECT writes(mail) FROM people': 'refuse',
    'SELECT nosuch(word) FROM notes': '[b]',
    "SELECT set_config('a.b', mail, true) FROM people": 'refuse',
    "SELECT query_to_xml('select 1', true, true, '')": 'refuse',
    'INSERT INTO notes SELECT id, mail FROM people': 'refuse',
    "INSERT INTO people VALUES (1, 'a', 'b', 'c') RETURNING mail": '[m]',
    'INSERT INTO people SELECT * FROM people': '[]',
    'UPDATE people SET mail = lower(mail)': '[]',
    'UPDATE people SET mail = ssn': 'refuse',
    'UPDATE people SET name = mail': 'refuse',
    'UPDATE people SET (name, mail) = (name, mail)': '[]',
    'WITH w AS (DELETE FROM people RETURNING mail, name) SELECT name, mail FROM w': '[pm]',
    'WITH RECURSIVE r(a, b) AS (SELECT mail, name FROM people UNION ALL SELECT b, a FROM r) SELECT b FROM r': '[m]',
    'CREATE TABLE x AS SELECT mail FROM people': 'refuse',
    'CREATE TABLE x AS SELECT name FROM people': 'clean',
    'CREATE VIEW x AS SELECT mail FROM people': 'refuse',
    'ALTER TABLE people RENAME TO folk': 'refuse',
    'ALTER TABLE people ADD COLUMN age int': '[]',
    'ALTER TABLE notes RENAME TO words': 'clean',
    'EXPLAIN SELECT mail FROM people': '[p*]',
    'EXPLAIN SELECT peeks(word) FROM notes': 'refuse',
    'COPY people TO STDOUT (FORMAT binary)': 'refuse',
    "COPY notes FROM '/tmp/x'": 'refuse',
    'DO $$ BEGIN PERFORM 1; END $$': 'clean',
    "DO $$ BEGIN RAISE NOTICE '%', (SELECT max(m) FROM v); END $$": 'refuse',
    'FETCH ALL nosuch': 'refuse',
    'EXECUTE nosuch': 'refuse',
    'SELEC mail': 'refuse',
    BEGIN: 'clean',
  }
  for (const [sql, expected] of Object.entries(cases)) it(`of ${sql} is ${expected}`, () => assert.equal(planned(sql), expected))

  it('of COPY has the fields of the table, without generated columns', () => {
    const [plan] = plansOf("COPY people TO STDOUT (FORMAT csv, HEADER, DELIMITER ';')")
    assert.ok(plan?.kind === 'tainted' && plan.copy !== null)
    assert.deepEqual(
      [plan.copy.format, plan.copy.delimiter, plan.copy.hasHeader, plan.copy.columns.map(column => column.kind)],
      ['csv', ';', true, ['pass', 'pass', 'mask', 'mask']],
    )
  })

  it('of what follows a change of names counts every schema', () => {
    const there = { ...context, searchPath: ['other'] }
    assert.equal(planned('SELECT upper(mail) FROM people', closure, there), 'clean')
    assert.equal(planned('SET search_path = public; SELECT upper(mail) FROM people', closure, there), 'clean [b]')
    assert.equal(
      planned('DROP TABLE other.people; SELECT upper(mail) FROM people', closure, { ...context, searchPath: ['other', 'public'] }),
      'clean [b]',
    )
  })

  it('of a cursor is made when it is declared, and holds when the path has changed', () => {
    assert.equal(
      planned('BEGIN; DECLARE c CURSOR FOR SELECT upper(mail) FROM people; SET LOCAL search_path = other; FETCH c'),
      'clean [] clean [b]',
    )
  })

  it('of EXECUTE is that of the prepared statement', () =>
    assert.equal(planned('PREPARE q AS SELECT mail, name FROM people; EXECUTE q'), '[] [mp]'))

  it('refuses predicates, order, grouping and joins by a column where the rule refuses inference', () => {
    for (const tail of ["WHERE mail = 'x'", 'ORDER BY mail', 'ORDER BY 2', 'GROUP BY name, mail', 'JOIN kid USING (mail)']) {
      assert.equal(
        planned(`SELECT name AS mail_, max(mail) FROM people ${tail}`.replace('GROUP BY name, mail', 'GROUP BY name, mail'), strict),
        'refuse',
        tail,
      )
    }
    assert.equal(planned('SELECT 1 AS mail FROM people GROUP BY mail', strict), 'refuse')
    assert.equal(planned("SELECT mail FROM people WHERE name = 'x' ORDER BY id", strict), '[m]')
  })
})
