// The bypass cases, read against a real server's catalog: what must be stopped is not within reading, the session's own affairs,
// transactions and filtered writes; what is harmless is. How messages carry them is the engine's test.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import type { Catalog } from '../../../gateway/command/sql/catalog.ts'
import { loadSqlParser, readSql, readWithValues } from '../../../gateway/command/sql/read-sql.ts'
import { takeCatalog } from '../../../gateway/engine/postgres/catalog-snapshot.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { contextOf, isStopped } from './reading-context.ts'

interface Case {
  readonly id: string
  readonly sql: string
  readonly sql_hex?: string
  readonly flag: boolean
  readonly note: string
  readonly mode?: string
  readonly params?: readonly string[]
  readonly pre?: readonly string[]
  readonly setup?: readonly string[]
  readonly schema_sql?: string
}

function casesIn(file: string): readonly Case[] {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../cases', file), 'utf8')
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Case)
}

const [header, ...given] = casesIn('pg-bypass.jsonl')
const own = casesIn('pg-own.jsonl').filter(one => 'sql' in one)
/** Under which path a portal was opened is known to a session only: these are played, not read. */
const ofSessions: ReadonlySet<string> = new Set(['portal-then-path'])

describe('bypass cases, as read', () => {
  let server: PostgresServer
  let client: Client
  let catalog: Catalog
  before(async () => {
    await loadSqlParser()
    server = await startPostgres()
    const database = await server.createDatabase(header?.schema_sql)
    client = new Client({ host: server.host, port: server.port, user: server.user, password: server.password, database })
    await client.connect()
    catalog = await takeCatalog(query, 1)
  })
  after(async () => {
    await client.end()
    await server.stop()
  })

  /** Every value as text, as the engine's own connection answers. */
  async function query(text: string): Promise<(string | null)[][]> {
    const { rows } = await client.query<(string | null)[]>({
      text,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    })
    return rows
  }

  /** The catalog after what came before the case, which is then taken back, names of prepared statements as well. */
  async function catalogAfter({ setup = [], pre = [] }: Case): Promise<Catalog> {
    await client.query('BEGIN')
    try {
      for (const sql of setup) await client.query(sql.replace('ALTER DATABASE {{DB}} SET', 'SET LOCAL'))
      // What a client sent before may have failed, and the case be about that.
      for (const sql of pre) {
        await client.query('SAVEPOINT one')
        await client.query(sql.replace('ALTER DATABASE {{DB}} SET', 'SET LOCAL')).catch(() => client.query('ROLLBACK TO one'))
      }
      return await takeCatalog(query, 2)
    } finally {
      await client.query('ROLLBACK')
      await client.query('DEALLOCATE ALL')
    }
  }

  for (const one of [...given, ...own].filter(({ mode = '' }) => !ofSessions.has(mode))) {
    it(`${one.flag ? 'stops' : 'lets through'} ${one.id} ${one.note || one.sql.slice(0, 80)}`, async () => {
      const text = one.sql_hex === undefined ? Buffer.from(one.sql) : Buffer.from(one.sql_hex, 'hex')
      const known = one.setup === undefined && one.pre === undefined ? catalog : await catalogAfter(one)
      const context = contextOf(known)
      const statements = readSql(text, context).map(statement => readWithValues(statement, one.params ?? [], context))
      assert.equal(
        isStopped(statements),
        one.flag,
        statements.map(({ command }) => `${command.verb}: ${[...command.effects].join(' ')} ${command.doubt ?? ''}`).join('; '),
      )
    })
  }

  it('has at least 200 cases of its own', () => assert.ok(own.length >= 200, `only ${own.length}`))
})
