// Texts, and what they come out as: effects, verbs, slices, and everything that cannot be read.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import { loadSqlParser, readSql } from '../../../gateway/command/sql/read-sql.ts'
import { contextOf, effectsOf, read, readOne } from './reading-context.ts'

/** Statement -> its effects, sorted. */
const effects: Readonly<Record<string, string>> = {
  'SELECT 1': 'read',
  'TABLE t': 'read',
  'VALUES (1)': 'read',
  'SELECT * FROM t FOR SHARE': 'lock read',
  'INSERT INTO t VALUES (1)': 'write',
  'INSERT INTO t SELECT 1': 'read write',
  'INSERT INTO t VALUES (1) RETURNING a': 'read write',
  'UPDATE t SET a = 1 WHERE b = 2': 'write',
  'DELETE FROM t WHERE b = 2': 'write',
  'TRUNCATE t': 'ddl write',
  'SELECT * INTO u FROM t': 'ddl read',
  'CREATE TABLE u AS SELECT 1': 'ddl read',
  'CREATE TABLE u (a int DEFAULT f())': 'ddl',
  'CREATE VIEW v AS SELECT f()': 'ddl',
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$': 'ddl privilege',
  'ALTER TABLE t OWNER TO x': 'ddl privilege',
  'ALTER TABLE t DISABLE ROW LEVEL SECURITY': 'ddl privilege',
  'DROP POLICY p ON t': 'ddl privilege',
  'GRANT SELECT ON t TO x': 'privilege',
  'CREATE ROLE x': 'privilege',
  'COPY t TO STDOUT': 'read',
  'COPY t FROM STDIN': 'write',
  "COPY t FROM '/x'": 'file write',
  "COPY t TO PROGRAM 'x'": 'program read',
  'EXPLAIN SELECT 1': 'read',
  'EXPLAIN DELETE FROM t': 'read',
  'EXPLAIN ANALYZE INSERT INTO t VALUES (1)': 'read write',
  'SET work_mem = 1': 'session',
  "SET app.tenant = 'x'": 'session',
  'SET ROLE x': 'admin',
  'SET ROLE NONE': 'session',
  'RESET ROLE': 'session',
  'SET SESSION AUTHORIZATION DEFAULT': 'admin',
  "SET client_encoding = 'UTF8'": 'session',
  "SET client_encoding = 'SJIS'": 'admin',
  "SET NAMES 'latin1'": 'admin',
  'RESET client_encoding': 'admin',
  'SET standard_conforming_strings = on': 'session',
  'SET standard_conforming_strings = off': 'admin',
  'SET standard_conforming_strings TO DEFAULT': 'admin',
  'SET transform_null_equals = on': 'admin',
  'LOCK TABLE t IN ACCESS SHARE MODE': 'read',
  'LOCK TABLE t IN ROW SHARE MODE': 'lock',
  "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'": 'read session',
  "SELECT set_config(name, '', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'": 'admin read',
  "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'work_mem' OR true": 'admin read session unknown',
  "SELECT set_config(name, 'x', false) FROM pg_settings, (SELECT 1) x WHERE name = 'work_mem'": 'admin read session unknown',
  "SELECT set_config(name, 'x', false) FROM pg_settings s(a, b) WHERE name = 'work_mem'": 'admin read session unknown',
  "SELECT (SELECT set_config(name, 'x', false) FROM pg_settings LIMIT 1) FROM pg_settings WHERE name = 'work_mem'":
    'admin read session unknown',
  'SET TRANSACTION READ ONLY': 'transaction',
  'SET default_transaction_read_only = off': 'transaction',
  "SET plperl.on_init = 'x'": 'admin',
  'ALTER SYSTEM SET work_mem = 1': 'admin',
  'ALTER ROLE x SET search_path = y': 'admin privilege',
  BEGIN: 'transaction',
  "COMMIT PREPARED 'x'": 'admin transaction',
  'LISTEN c': 'session',
  'NOTIFY c': 'call',
  'LOCK t': 'lock',
  'SELECT pg_advisory_xact_lock(1)': 'lock read',
  "SELECT nextval('s')": 'read write',
  "SELECT set_config('search_path', 'x', false)": 'read session',
  "SELECT set_config('Role', 'x', false)": 'admin read',
  'VACUUM FULL t': 'admin',
  CHECKPOINT: 'admin',
  "LOAD 'x'": 'admin file',
  'DO $$ BEGIN END $$': 'call unknown',
  'CALL p()': 'call unknown',
  'SELECT f()': 'call read unknown',
  'EXECUTE p': 'call unknown',
  'PREPARE p AS DELETE FROM t': 'session',
  'DISCARD ALL': 'session',
  'CREATE SUBSCRIPTION s CONNECTION $$x$$ PUBLICATION p': 'admin ddl',
  "SECURITY LABEL ON TABLE t IS 'x'": 'ddl privilege',
}

describe('the effects of a statement', () => {
  before(loadSqlParser)
  for (const [sql, expected] of Object.entries(effects)) {
    it(`of ${sql} are: ${expected}`, () => assert.equal(effectsOf(sql), expected))
  }

  it('carry unknown exactly when it is not understood', () => {
    for (const sql of Object.keys(effects)) {
      const { command } = readOne(sql)
      assert.equal(command.certainty === 'parsed', !command.effects.has('unknown'), sql)
      assert.equal(command.doubt === null, command.certainty === 'parsed', sql)
    }
  })

  it('are in doubt wherever a name counts and nothing is known of the catalog', () => {
    for (const sql of ['SELECT * FROM t', 'SELECT lower(a)', "SELECT 'a' || 'b'", "SELECT 'x'::box", 'DELETE FROM t WHERE a = 1']) {
      assert.ok(effectsOf(sql, contextOf(null)).includes('unknown'), sql)
    }
    for (const sql of ['SELECT 1', "SELECT pg_catalog.lower('X')", 'BEGIN', "SET work_mem = '1MB'"]) {
      assert.ok(!effectsOf(sql, contextOf(null)).includes('unknown'), sql)
    }
  })

  it('are in doubt for a name that the catalog does not hold, unless it was taken just now', () => {
    const catalog = { ...assumedCatalog, isAssumed: false }
    const old = readOne('SELECT * FROM nowhere', contextOf(catalog))
    assert.equal(old.command.certainty, 'partial')
    assert.ok(old.hasUnresolvedNames)
    assert.equal(readOne('SELECT * FROM nowhere', contextOf(catalog, { isFresh: true })).command.certainty, 'parsed')
  })
})

describe('a message of several statements', () => {
  before(loadSqlParser)

  it('becomes one command each, with its own text, also behind characters of several bytes', () => {
    const texts = read("SELECT 'ä€😀'; /* ü */ DELETE FROM t ; ; SELECT 2").map(({ command }) => command.text)
    assert.deepEqual(texts, ["SELECT 'ä€😀'", 'DELETE FROM t', 'SELECT 2'])
  })

  it('is read in order: what is prepared first is known to what executes it', () => {
    const [, execute] = read('PREPARE p AS DELETE FROM t; EXECUTE p')
    assert.ok(execute?.command.unfiltered)
    assert.deepEqual([...(execute?.command.effects ?? [])], ['write'])
  })

  it('knows a table that it makes, and doubts names after code that it makes', () => {
    const catalog = { ...assumedCatalog, isAssumed: false }
    const made = read('CREATE TABLE fresh(a int); INSERT INTO fresh VALUES (1)', contextOf(catalog))
    assert.deepEqual(
      made.map(({ command }) => command.certainty),
      ['parsed', 'parsed'],
    )
    const code = read('CREATE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION f(); INSERT INTO t VALUES (1)')
    assert.deepEqual(
      code.map(({ command }) => command.certainty),
      ['parsed', 'partial'],
    )
  })

  it('forgets what names mean after a search path that cannot be told', () => {
    const functions = new Map()
    const catalog = { ...assumedCatalog, functions, isAssumed: false, systemRelations: new Set(['pg_catalog.pg_class']) }
    const [, , last] = read("SELECT set_config('search_path', 'x', false); SELECT 1; SELECT * FROM y", contextOf(catalog))
    assert.equal(last?.command.certainty, 'partial')
  })
})

describe('text that cannot be read', () => {
  before(loadSqlParser)
  const opaque: Readonly<Record<string, readonly [Buffer, Parameters<typeof contextOf>[1]]>> = {
    'a syntax error': [Buffer.from('SELEC 1'), {}],
    'a zero byte': [Buffer.from('SELECT 1\0; DROP TABLE t'), {}],
    'a zero byte at the end': [Buffer.from('SELECT 1\0'), {}],
    'half a surrogate pair': [Buffer.from([0x53, 0xed, 0xa0, 0x80]), {}],
    'broken UTF-8': [Buffer.from([0x53, 0x45, 0xff]), {}],
    'an overlong byte sequence': [Buffer.from([0x27, 0xc0, 0xa7, 0x27]), {}],
    'a backslash where strings are not standard': [Buffer.from("SELECT 'a\\'; DELETE FROM t; --'"), { standardConformingStrings: false }],
    'letters where the encoding is not UTF8': [Buffer.from("SELECT 'ä'"), { isUtf8: false }],
    'parentheses without end': [Buffer.from(`SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`), {}],
    'a chain of operators without end': [Buffer.from(`SELECT 1${'+1'.repeat(30_000)}`), {}],
    'queries within queries without end': [Buffer.from(`${'SELECT (('.repeat(3_000)}1${'))'.repeat(3_000)}`), {}],
  }
  for (const [name, [text, more]] of Object.entries(opaque)) {
    it(`is one opaque command: ${name}`, () => {
      const statements = readSql(text, contextOf(assumedCatalog, more))
      assert.equal(statements.length, 1)
      assert.equal(statements[0]?.command.certainty, 'opaque')
      assert.ok(statements[0]?.command.effects.has('unknown'))
    })
  }

  it('goes on reading afterwards', () => {
    readSql(Buffer.from(`SELECT ${'('.repeat(20_000)}1`), contextOf())
    assert.equal(effectsOf('SELECT 1'), 'read')
  })

  it('is no command at all when it is empty', () => {
    for (const text of ['', ' ', ';', ' ;\n; ', '\t\f\v']) assert.deepEqual(read(text), [])
    assert.deepEqual(read('/* nothing */ -- here'), [])
  })

  it('keeps a text without backslashes or letters readable under any setting', () => {
    const careful = contextOf(assumedCatalog, { standardConformingStrings: false, isUtf8: false })
    assert.equal(effectsOf("SELECT 'a''b'", careful), 'read')
  })
})
