// The recording says by what the login could read masked columns without the gateway, and how to close it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { resultMaskDeskFor } from '../../../gateway/engine/postgres/result-mask-desk.ts'
import { startPostgres, type PostgresServer } from '../../../world/postgres/server.ts'
import { maskerOf } from '../../cases/mask.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { createPostgresEngine } from '../../../gateway/engine/postgres/engine.ts'
import { someConnection } from '../../mask/samples.ts'
import { noMasks } from '../../session/samples.ts'
import { gatewayThat } from './gateway-that.ts'

describe('the role of a masked connection', () => {
  let server: PostgresServer
  let database: string

  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase(`
CREATE ROLE plain LOGIN PASSWORD 'x'; CREATE ROLE wide LOGIN PASSWORD 'x'; CREATE ROLE "the Owner" LOGIN PASSWORD 'x';
GRANT pg_read_all_data TO wide; GRANT pg_execute_server_program TO wide; ALTER ROLE wide BYPASSRLS;
CREATE TABLE people (id int, name text, email text); ALTER TABLE people OWNER TO "the Owner"; GRANT SELECT (id, name) ON people TO plain;
INSERT INTO people VALUES (1, 'Ann', 'canary@leak.example');
CREATE ROLE readers; GRANT pg_read_all_data TO readers; CREATE ROLE staff; GRANT readers TO staff; GRANT "the Owner" TO staff;
CREATE ROLE member LOGIN PASSWORD 'x'; GRANT staff TO member`)
  })
  after(async () => server.stop())

  /** Warnings of two sessions of one gateway. */
  async function warningsFor(user: string, isMasked = true): Promise<readonly string[]> {
    const password = user === 'postgres' ? server.password : 'x'
    const gateway = await gatewayThat({
      target: { port: server.port, user, password, database },
      masker: isMasked ? maskerOf(['public.people.email']) : noMasks,
      engine: { maskDeskFor: resultMaskDeskFor },
    })
    try {
      for (let session = 0; session < 2; session++) {
        const client = new Client({ host: '127.0.0.1', user: 'ci', ...gateway.login })
        await client.connect()
        assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
        await client.end()
      }
      return gateway.recorder.of('error').map(({ code, message }) => `${code} ${message}`)
    } finally {
      await gateway.stop()
    }
  }

  it('is told once when it is a superuser', async () => {
    const found = await warningsFor('postgres')
    assert.equal(found.length, 1)
    assert.match(
      found[0] ?? '',
      /^01000 .*superuser: ALTER ROLE postgres NOSUPERUSER; GRANT SELECT \(id, name\) ON public\.people TO postgres \(or log in as/,
    )
  })

  it('is told each of its wide memberships, and how to end it', async () => {
    const found = (await warningsFor('wide')).join('\n')
    assert.match(found, /REVOKE pg_read_all_data FROM wide; GRANT SELECT \(id, name\) ON public\.people TO wide$/m)
    assert.match(found, /REVOKE pg_execute_server_program FROM wide$/m)
    assert.match(found, /ALTER ROLE wide NOBYPASSRLS$/m)
    assert.doesNotMatch(found, /owns|superuser/)
  })

  it('is told which masked tables it owns, and what to grant instead', async () => {
    const found = await warningsFor('the Owner')
    assert.equal(found.length, 1)
    assert.match(
      found[0] ?? '',
      /"the Owner" owns public\.people.*OWNER TO another role; GRANT SELECT \(id, name\) ON public\.people TO "the Owner"/,
    )
  })

  it('is told of what it has by others only, and which membership to end', async () => {
    const found = await warningsFor('member')
    assert.equal(found.length, 2)
    assert.match(found[0] ?? '', /member of pg_read_all_data through staff: REVOKE staff FROM member; GRANT SELECT \(id, name\)/)
    assert.match(found[1] ?? '', /member of staff, and so owns public\.people.*: REVOKE staff FROM member; GRANT SELECT \(id, name\)/)
  })

  it('reads by the printed grants what is not masked, and nothing else, once it has done what it is told', async () => {
    const [first = '', ...rest] = (await warningsFor('wide')).map(one => one.replace(/^.*?: .*?: /, ''))
    for (const sql of [first, ...rest]) await server.query(database, sql)
    assert.deepEqual(await warningsFor('wide'), [])
    const direct = new Client({ host: '127.0.0.1', port: server.port, user: 'wide', password: 'x', database })
    await direct.connect()
    try {
      assert.deepEqual((await direct.query('SELECT id, name FROM people')).rows, [{ id: 1, name: 'Ann' }])
      await assert.rejects(direct.query('SELECT email FROM people'), /permission denied/)
    } finally {
      await direct.end()
    }
  })

  it('is told before the first client, and what masks name that is not there', async () => {
    await server.query(database, 'GRANT pg_read_all_data TO wide')
    const engine = createPostgresEngine()
    const masker = maskerOf(['public.people.email', 'public.people.emial', 'public.*.ssn'])
    const lease = {
      username: 'wide',
      kind: 'password' as const,
      secret: new Secret('x'),
      certificate: null,
      expiresAt: null,
      receipt: '',
    }
    const connection = { ...someConnection, host: '127.0.0.1', port: server.port, database }
    const found = await engine.inspect!({ connection, lease, masker }, AbortSignal.timeout(10_000))
    assert.ok(found.every(one => one.startsWith('orders-db: ')))
    assert.match(found.join('\n'), /masks are weaker .* REVOKE pg_read_all_data FROM wide/)
    assert.match(found.join('\n'), /mask pii names public\.people\.emial, which is not there/)
    assert.doesNotMatch(found.join('\n'), /ssn/)
    assert.deepEqual(await engine.inspect!({ connection, lease, masker: noMasks }, AbortSignal.timeout(10_000)), [])
  })

  it('is not said to be fine where it could not be looked at', async () => {
    const lease = { username: null, kind: 'password' as const, secret: new Secret('x'), certificate: null, expiresAt: null, receipt: '' }
    const masker = maskerOf(['public.people.email'])
    const looksAt = (user: string | null, port = server.port): Promise<readonly string[]> =>
      createPostgresEngine().inspect!(
        { connection: { ...someConnection, host: '127.0.0.1', port, database, user }, lease, masker },
        AbortSignal.timeout(10_000),
      )
    await assert.rejects(looksAt(null), /no login name/)
    await assert.rejects(looksAt('nobody'), /refused the gateway's login/)
    await assert.rejects(looksAt('wide', 1))
  })

  it('is told nothing when the server keeps it from the rest, or nothing is masked', async () => {
    assert.deepEqual(await warningsFor('plain'), [])
    assert.deepEqual(await warningsFor('postgres', false), [])
  })
})
