// The world's PostgreSQL is a real one: it takes its password, refuses a wrong one, and serves TLS that its authority vouches for.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'

describe('the world’s PostgreSQL', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ tls: true })
  })
  after(() => server.stop())

  it('gives each test a database of its own', async () => {
    const first = await server.createDatabase('CREATE TABLE t AS SELECT 1 AS a')
    const second = await server.createDatabase()
    assert.deepEqual(await server.query(first, 'SELECT a FROM t'), [['1']])
    await assert.rejects(server.query(second, 'SELECT a FROM t'), /does not exist/)
  })

  it('refuses a wrong password', async () => {
    const client = new Client({ host: server.host, port: server.port, user: 'postgres', password: 'wrong', database: 'postgres' })
    await assert.rejects(client.connect(), /password authentication failed/)
  })

  it('serves TLS under its own authority', async () => {
    const { host, port, user, password, ca } = server
    const client = new Client({ host, port, user, password, database: 'postgres', ssl: { ca: ca ?? '', rejectUnauthorized: true } })
    await client.connect()
    const { rows } = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    await client.end()
    assert.deepEqual(rows, [{ ssl: true }])
  })
})
