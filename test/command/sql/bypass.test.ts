// The bypass cases, read against a real server's catalog: what must be stopped is not within reading, the session's own affairs,
// transactions and filtered writes; what is harmless is. How messages carry them is the engine's test.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import type { Catalog } from '../../../gateway/command/sql/catalog.ts'
import { loadSqlParser, readSql } from '../../../gateway/command/sql/read-sql.ts'
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

  /** The catalog after what came before the case, which is then taken back. */
  async function catalogAfter(pre: readonly string[]): Promise<Catalog> {
    await client.query('BEGIN')
    try {
      for (const sql of pre) await client.query(sql.replace('ALTER DATABASE {{DB}} SET', 'SET LOCAL'))
      return await takeCatalog(query, 2)
    } finally {
      await client.query('ROLLBACK')
    }
  }

  for (const one of [...given, ...own]) {
    it(`${one.flag ? 'stops' : 'lets through'} ${one.id} ${one.note || one.sql.slice(0, 80)}`, async () => {
      const text = one.sql_hex === undefined ? Buffer.from(one.sql) : Buffer.from(one.sql_hex, 'hex')
      const earlier = one.setup ?? one.pre ?? []
      const known = earlier.length === 0 ? catalog : await catalogAfter(earlier)
      const statements = readSql(text, contextOf(known))
      assert.equal(
        isStopped(statements),
        one.flag,
        statements.map(({ command }) => `${command.verb}: ${[...command.effects].join(' ')} ${command.doubt ?? ''}`).join('; '),
      )
    })
  }

  it('has at least 200 cases of its own', () => assert.ok(own.length >= 200, `only ${own.length}`))
})
