// What can go wrong on the way to a target has its number: unreachable, not trusted, login refused. Never a secret in it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { freePort } from '../../../world/loopback-port.ts'
import { startPostgres, type PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat, type GatewaySettings } from './gateway-that.ts'

const SECRET = 'canary-password-of-nobody'

describe('a target that cannot be opened', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ tls: true })
  })
  after(() => server.stop())

  it('is E07 to the log when nothing listens, and 08006 to the client', async () => {
    await refuses({ target: { ...login(), port: await freePort() } }, '08006', 'TARGET_UNREACHABLE')
  })

  it('is E08 when its certificate is of an authority that nobody trusts', async () => {
    await refuses({ target: login(), tls: { mode: 'verify-full', ca: null } }, '08006', 'TARGET_UNTRUSTED')
  })

  it('is E09 when it refuses the login, with the server’s own SQLSTATE', async () => {
    await refuses({ target: { ...login(), password: SECRET } }, '28P01', 'TARGET_LOGIN_REFUSED')
  })

  function login(): GatewaySettings['target'] {
    return { port: server.port, user: server.user, password: server.password, database: 'postgres' }
  }

  async function refuses(settings: GatewaySettings, sqlState: string, code: string): Promise<void> {
    const gateway = await gatewayThat(settings)
    const client = new Client({ host: '127.0.0.1', user: 'ci', ...gateway.login })
    client.on('error', () => undefined)
    try {
      await assert.rejects(client.connect(), (error: Error & { code?: string; detail?: string }) => {
        assert.equal(error.code, sqlState, error.message)
        assert.ok(!`${error.message}${error.detail ?? ''}`.includes(SECRET))
        return true
      })
      const recorded = JSON.stringify(gateway.recorder.kept)
      assert.match(recorded, new RegExp(code))
      assert.ok(!recorded.includes(SECRET) && !recorded.includes(server.password))
    } finally {
      await gateway.stop()
    }
  }
})
