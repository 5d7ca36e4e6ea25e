// Functions the policy vouches for: they run, and stop running when they are replaced by something else.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { startPostgres, type PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat, type TestGateway } from './gateway-that.ts'

const SCHEMA = `
CREATE TABLE t (id int);
CREATE FUNCTION trusted() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION other() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2; END $$;
`

describe('a function the policy trusts', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let client: Client

  before(async () => {
    server = await startPostgres()
    const database = await server.createDatabase(SCHEMA)
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      decide: command => (command.certainty === 'parsed' ? 'allow' : 'deny'),
      engine: { trustedFunctions: new Set(['public.trusted']) },
    })
    client = new Client({ host: '127.0.0.1', user: 'ci', ...gateway.login })
    client.on('error', () => {})
    await client.connect()
  })
  after(async () => {
    await client.end()
    await gateway.stop()
    await server.stop()
  })

  it('runs, while another one that cannot be read does not', async () => {
    assert.deepEqual((await client.query('SELECT trusted()')).rows, [{ trusted: 1 }])
    await assert.rejects(client.query('SELECT other()'), /denied/)
  })

  it('runs in every later session too', async () => {
    const other = new Client({ host: '127.0.0.1', user: 'ci', ...gateway.login })
    await other.connect()
    try {
      assert.deepEqual((await other.query('SELECT trusted()')).rows, [{ trusted: 1 }])
      await assert.rejects(other.query('SELECT other()'), /denied/)
    } finally {
      await other.end()
    }
  })

  it('does not run any more once it is something else', async () => {
    await client.query('CREATE OR REPLACE FUNCTION trusted() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$')
    await assert.rejects(client.query('SELECT trusted()'), /denied/)
  })
})
