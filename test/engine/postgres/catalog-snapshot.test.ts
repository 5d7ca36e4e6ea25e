// The snapshot of a real server's catalog: what it holds.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import type { Catalog } from '../../../gateway/command/sql/catalog.ts'
import { bindTrust, digestOfFunction, isTrusted } from '../../../gateway/command/sql/functions.ts'
import { loadSqlParser, readSql } from '../../../gateway/command/sql/read-sql.ts'
import { takeCatalog } from '../../../gateway/engine/postgres/catalog-snapshot.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { contextOf } from '../../command/sql/reading-context.ts'

const schema = `
  CREATE TABLE parent(id int PRIMARY KEY, note text NOT NULL DEFAULT 'x', twice int GENERATED ALWAYS AS (id * 2) STORED);
  CREATE TABLE child(id int REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL CHECK (id > 0));
  CREATE INDEX ON child (abs(id)) WHERE id < 100;
  CREATE VIEW shown AS SELECT id FROM parent;
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER t BEFORE INSERT OR DELETE ON child FOR EACH ROW WHEN (1 = 1) EXECUTE FUNCTION touch();
  CREATE TRIGGER off BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION touch();
  ALTER TABLE child DISABLE TRIGGER off;
  CREATE RULE r AS ON UPDATE TO child DO ALSO DELETE FROM parent;
  ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
  CREATE POLICY p ON parent USING (id > 5) WITH CHECK (id > 6);
  CREATE TABLE parts(id int) PARTITION BY LIST (id);
  CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE FUNCTION add(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE SET search_path = public AS 'SELECT a + b';
  CREATE FUNCTION bound() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT count(*)::int FROM parent; END;
  CREATE AGGREGATE total(int) (sfunc = add, stype = int);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE FUNCTION to_box(int) RETURNS box LANGUAGE sql AS $$ SELECT '(0,0),(1,1)'::box $$;
  CREATE CAST (int AS box) WITH FUNCTION to_box(int) AS ASSIGNMENT;
`

const checkedSchema = `
  CREATE FUNCTION is_same(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 = $2';
  CREATE OPERATOR === (leftarg = int, rightarg = int, function = is_same);
  CREATE TYPE state AS (a int);
  CREATE FUNCTION to_state(int) RETURNS state LANGUAGE sql AS 'SELECT ROW($1)::state';
  CREATE CAST (int AS state) WITH FUNCTION to_state(int);
  CREATE FUNCTION of_state(state) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE CAST (state AS int) WITH FUNCTION of_state(state) AS IMPLICIT;
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE TABLE checked(a int, n numeric, t text, s state);
`

/** Checks by whether there is code in them that reading could find something in. */
const plainChecks = [
  'a > 0',
  'n > 0',
  'n BETWEEN 1 AND 5',
  "t <> ''",
  "t LIKE 'a%'",
  'a IN (1, 2)',
  'a::text <> t',
  'n IS NOT NULL OR a < 5',
]
const codeChecks = [
  'length(t) < 9',
  'n > 0 AND abs(n) < 5',
  'is_same(a, 1)',
  'a === 1',
  'a::state IS NOT NULL',
  's + 1 > 0',
  'positive(a) > 0',
  'a::positive > 0',
  'xmlelement(name ":funcformat 2 ") IS NOT NULL AND abs(a) < 5',
  'xmlelement(name " :funcformat 2 :funcformat 2 ", a) IS NOT NULL AND abs(a) < 5',
]

describe('catalog snapshot', () => {
  let server: PostgresServer
  let database: string
  let catalog: Catalog
  before(async () => {
    await loadSqlParser()
    server = await startPostgres()
    database = await server.createDatabase(schema)
    catalog = await takeCatalog(sql => server.query(database, sql), 7)
  })
  after(async () => server.stop())

  const relation = (name: string): NonNullable<ReturnType<Catalog['relations']['get']>> => {
    const found = [...catalog.relations.values()].find(one => one.schema === 'public' && one.name === name)
    if (found === undefined) throw new Error(`${name} is not in the catalog`)
    return found
  }
  const fn = (name: string): NonNullable<ReturnType<Catalog['functions']['get']>> => {
    const found = [...catalog.functions.values()].find(one => one.schema === 'public' && one.name === name)
    if (found === undefined) throw new Error(`${name} is not in the catalog`)
    return found
  }

  it('holds who asks, and where bare names are looked for', () => {
    assert.equal(catalog.epoch, 7)
    assert.equal(catalog.currentUser, 'postgres')
    assert.equal(catalog.isSuperuser, true)
    assert.deepEqual(catalog.searchPath, ['$user', 'public'])
    assert.deepEqual(catalog.definitionPath, ['pg_catalog', 'public'])
    assert.ok(catalog.serverVersion >= 130_000)
    assert.ok(catalog.systemRelations.has('pg_catalog.pg_class') && catalog.systemRelations.has('information_schema.tables'))
  })

  it('holds columns with what is not null, generated and by default', () => {
    assert.deepEqual(
      relation('parent').columns.map(({ name, isNotNull, isGenerated, expression }) => [name, isNotNull, isGenerated, expression]),
      [
        ['id', true, false, null],
        ['note', true, false, "'x'::text"],
        ['twice', false, true, '(id * 2)'],
      ],
    )
  })

  it('holds enabled triggers with their conditions, and no constraint triggers', () => {
    const { triggers } = relation('child')
    assert.deepEqual(
      triggers.map(({ name, on }) => [name, [...on]]),
      [['t', ['insert', 'delete']]],
    )
    assert.equal(triggers[0]?.functionOid, fn('touch').oid)
    assert.match(triggers[0]?.definition ?? '', /WHEN/)
  })

  it('holds rules, checks, index expressions, row security, cascades and partitions', () => {
    assert.deepEqual(
      relation('child').rules.map(({ name, on }) => [name, on]),
      [['r', 'update']],
    )
    assert.deepEqual(relation('child').writeExpressions.toSorted(), ['(id < 100)', 'abs(id)'])
    assert.deepEqual(relation('parent').readExpressions, ['(id > 5)'])
    assert.deepEqual(relation('parent').writeExpressions, ['(id > 6)'])
    assert.deepEqual(relation('parent').cascades, [
      { relationOid: relation('child').oid, onDelete: 'delete', onUpdate: 'update', columns: [[1, 1]] },
    ])
    assert.deepEqual(relation('part_1').parents, [relation('parts').oid])
    assert.match(relation('shown').definition ?? '', /SELECT id/)
  })

  let checked = ''
  before(async () => {
    checked = await server.createDatabase(checkedSchema)
  })
  for (const [checks, isHeld] of [
    [plainChecks, false],
    [codeChecks, true],
  ] as const) {
    for (const check of checks) {
      it(`${isHeld ? 'holds' : 'leaves out'} the check ${check}`, async () => {
        await server.query(checked, `ALTER TABLE checked ADD CONSTRAINT one CHECK (${check})`)
        try {
          const later = await takeCatalog(sql => server.query(checked, sql), 9)
          const found = [...later.relations.values()].find(one => one.name === 'checked')
          assert.equal(found?.writeExpressions.length, isHeld ? 1 : 0)
        } finally {
          await server.query(checked, 'ALTER TABLE checked DROP CONSTRAINT one')
        }
      })
    }
  }

  it('waits for nobody who holds a table that only has defaults and plain checks', async () => {
    const held = await server.createDatabase(
      `CREATE TABLE t(a int PRIMARY KEY CHECK (a > 0), b text DEFAULT lower('X'), c timestamptz DEFAULT now())`,
    )
    const { host, port, user, password } = server
    const holder = new Client({ host, port, user, password, database: held })
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE')
    try {
      const later = await takeCatalog(sql => server.query(held, `SET lock_timeout = '1ms'; ${sql}`), 1)
      const columns = [...later.relations.values()].find(one => one.name === 't')?.columns
      assert.deepEqual(
        columns?.map(one => one.expression),
        [null, "lower('X'::text)", 'now()'],
      )
    } finally {
      await holder.end()
    }
  })

  describe('of what a snapshot before held', () => {
    const holding = `CREATE TABLE t(a int, b int);
      CREATE VIEW v AS SELECT a FROM t;
      CREATE RULE r AS ON DELETE TO t DO ALSO SELECT 1;
      CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max(a) FROM t; END;`
    const textsOf = (one: Catalog): readonly (string | undefined)[] => {
      const named = (name: string) => [...one.relations.values()].find(relation => relation.name === name)
      const body = [...one.functions.values()].find(({ name }) => name === 'f')?.body
      return [named('v')?.definition ?? undefined, named('t')?.rules[0]?.definition, body ?? undefined]
    }

    it('asks for no lock where nothing has changed', async () => {
      const held = await server.createDatabase(holding)
      const impatient = (sql: string) => server.query(held, `SET lock_timeout = '1ms'; ${sql}`)
      const first = await takeCatalog(impatient, 1)
      assert.ok(textsOf(first).every(text => text !== undefined && text !== ''))
      const { host, port, user, password } = server
      const holder = new Client({ host, port, user, password, database: held })
      await holder.connect()
      await holder.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE')
      try {
        await assert.rejects(takeCatalog(impatient, 2), /lock timeout/)
        assert.deepEqual(textsOf(await takeCatalog(impatient, 3, first)), textsOf(first))
      } finally {
        await holder.end()
      }
    })

    for (const change of [
      'CREATE OR REPLACE VIEW v AS SELECT b AS a FROM t',
      'ALTER TABLE t RENAME a TO c',
      'ALTER TABLE t RENAME TO s; CREATE TABLE t(x int)',
      'CREATE SCHEMA other; ALTER TABLE t SET SCHEMA other',
      'CREATE OR REPLACE RULE r AS ON DELETE TO t DO ALSO SELECT 2',
      'CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT min(b) FROM t; END',
      'ALTER FUNCTION f() RENAME TO g; CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END',
    ]) {
      it(`writes out anew after ${change}`, async () => {
        const changing = await server.createDatabase(holding)
        const query = (sql: string) => server.query(changing, sql)
        const first = await takeCatalog(query, 1)
        await query(change)
        const later = await takeCatalog(query, 2, first)
        assert.notDeepEqual(textsOf(later), textsOf(first))
        assert.deepEqual(textsOf(later), textsOf(await takeCatalog(query, 3)))
      })
    }
  })

  it('holds functions with bodies, settings, defaults and the parts of aggregates', () => {
    assert.deepEqual(fn('add').settings, ['search_path=public'])
    assert.equal(fn('add').defaults, 1)
    assert.equal(fn('add').defaultExpressions, '2')
    assert.equal(fn('add').body, 'SELECT a + b')
    assert.equal(fn('bound').isBound, true)
    assert.match(fn('bound').body ?? '', /BEGIN ATOMIC/)
    assert.deepEqual(fn('total').parts, [fn('add').oid])
    assert.deepEqual(
      catalog.casts.map(({ context, functionOid }) => [context, functionOid]),
      [['assignment', fn('to_box').oid]],
    )
    assert.ok([...catalog.types.values()].some(one => one.name === 'positive' && one.kind === 'd' && one.expressions[0] === '(VALUE > 0)'))
  })

  it('lets a function that is bound to what it was lapse when it is replaced', async () => {
    const trusted = bindTrust(['public.touch'], catalog)
    assert.ok(isTrusted(fn('touch'), trusted))
    const insert = Buffer.from('INSERT INTO child VALUES (1)')
    const trusting = { ...contextOf(catalog), trustedFunctions: trusted }
    assert.equal(readSql(insert, contextOf(catalog))[0]?.command.certainty, 'opaque')
    assert.equal(readSql(insert, trusting)[0]?.command.certainty, 'parsed')
    await server.query(
      database,
      `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM parent; RETURN NEW; END'`,
    )
    const later = await takeCatalog(sql => server.query(database, sql), 8)
    const replaced = [...later.functions.values()].find(one => one.name === 'touch')
    assert.ok(replaced !== undefined)
    assert.notEqual(digestOfFunction(replaced), digestOfFunction(fn('touch')))
    assert.equal(readSql(insert, { ...trusting, catalog: later })[0]?.command.certainty, 'opaque')
  })

  it('notices a function of pg_catalog that was replaced', async () => {
    const other = await server.createDatabase('CREATE TABLE t(a int)')
    await server.query(
      other,
      `CREATE OR REPLACE FUNCTION pg_catalog.lower(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'DELETE FROM t; SELECT $1'`,
    )
    const changed = await takeCatalog(sql => server.query(other, sql), 1)
    const [statement] = readSql(Buffer.from("SELECT lower('X')"), contextOf(changed))
    assert.ok(statement?.command.effects.has('write'))
  })

  it('holds a thousand relations', async t => {
    const many = await server.createDatabase(`DO $$ BEGIN FOR i IN 1..1000 LOOP
      EXECUTE format('CREATE TABLE t%s(id int, a text, b timestamptz)', i);
      IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$`)
    const startedMs = performance.now()
    const large = await takeCatalog(sql => server.query(many, sql), 1)
    t.diagnostic(`${Math.round(performance.now() - startedMs)} ms`)
    assert.equal(large.relations.size, 1000)
  })
})
