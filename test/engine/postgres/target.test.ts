// The way to the target: TLS as asked for, logins that prove both sides, failures in the client's own protocol and without a secret.
import assert from 'node:assert/strict'
import net from 'node:net'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { authenticationOk, writeError, writeSasl } from '../../../gateway/wire/postgres/backend-writer.ts'
import { writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { int32, message } from '../../../gateway/wire/postgres/message-writer.ts'
import { freePort } from '../../../world/loopback-port.ts'
import { makeCertificates } from '../../../world/tls/certificates.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from './gateway-that.ts'
import type { GatewaySettings } from './gateway-that.ts'
import { RawClient } from './raw-client.ts'

const secretPassword = 'canary-7f3a-password'

/** Logs in through a gateway with these settings; the answer of a query, or the error. */
async function through(settings: GatewaySettings): Promise<string> {
  const gateway = await gatewayThat(settings)
  try {
    const client = await RawClient.logIn(gateway.login)
    client.send(writeQuery("SELECT coalesce((SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()), 'none')"))
    const answer = await client.answer()
    client.close()
    return answer
  } catch (error) {
    const { message } = error as Error
    assert.ok(!message.includes(secretPassword) && !JSON.stringify(gateway.recorder.kept).includes(secretPassword))
    return message
  } finally {
    await gateway.stop()
  }
}

/** A server that answers with these bytes, one a message of the gateway. */
async function fakeServer(answers: readonly Buffer[]): Promise<{ port: number; received: Buffer[]; close: () => void }> {
  const received: Buffer[] = []
  const server = net.createServer(socket => {
    let turn = 0
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk)
      const answer = answers[turn++]
      if (answer === undefined) socket.end()
      else socket.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as net.AddressInfo).port, received, close: () => server.close() }
}

describe('a target with TLS', () => {
  let server: PostgresServer
  let database: string
  const target = (): GatewaySettings['target'] => ({ port: server.port, user: server.user, password: server.password, database })

  before(async () => {
    server = await startPostgres({ tls: true })
    database = await server.createDatabase()
  })
  after(() => server.stop())

  it('is spoken to in TLS, with channel binding, when its certificate is trusted', async () => {
    assert.equal(await through({ target: target(), tls: { mode: 'verify-full', ca: server.ca } }), 'T D(true) C(SELECT 1) Z(I)')
    assert.equal(await through({ target: target(), tls: { mode: 'verify-ca', ca: server.ca } }), 'T D(true) C(SELECT 1) Z(I)')
    assert.equal(await through({ target: target(), tls: { mode: 'require', ca: null } }), 'T D(true) C(SELECT 1) Z(I)')
    assert.equal(await through({ target: target(), tls: { mode: 'disable', ca: null } }), 'T D(false) C(SELECT 1) Z(I)')
  })

  it('is not spoken to when its authority is another', async () => {
    const other = makeCertificates(['127.0.0.1']).ca
    assert.match(
      await through({ target: target(), tls: { mode: 'verify-full', ca: other } }),
      /^08006 sallyport: TLS with orders-db failed/,
    )
    assert.match(await through({ target: target(), tls: { mode: 'verify-ca', ca: null } }), /^08006 sallyport: TLS with orders-db failed/)
  })

  it('is not spoken to when it has another name', async () => {
    const settings = { target: { ...target(), host: '127.0.0.2' }, tls: { mode: 'verify-full', ca: server.ca } } as const
    assert.match(await through(settings), /^08006 sallyport: (TLS with orders-db failed|cannot reach)/)
  })
})

const at = (port: number): GatewaySettings['target'] => ({ port, user: 'ci', password: secretPassword, database: 'x' })

describe('a target', () => {
  it('that refuses the password answers with its own SQLSTATE', async () => {
    const server = await startPostgres()
    const answer = await through({ target: { ...at(server.port), user: 'postgres', database: 'postgres' } })
    assert.match(answer, /^28P01 sallyport: the database refused the gateway's login on orders-db: password authentication failed/)
    await server.stop()
  })

  it('that nobody listens at is 08006', async () => {
    assert.match(
      await through({ target: at(await freePort()) }),
      /^08006 sallyport: cannot reach 127\.0\.0\.1:\d+ for orders-db: ECONNREFUSED$/,
    )
  })

  it('that says nothing is 08006 in time', async () => {
    const silent = net.createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as net.AddressInfo
    assert.match(await through({ target: at(port), engine: { targetTimeoutMs: 200 } }), /^08006 sallyport: /)
    silent.close()
  })

  it('that has no TLS is not sent anything when TLS is asked for', async () => {
    const fake = await fakeServer([Buffer.from('N')])
    assert.match(
      await through({ target: at(fake.port), tls: { mode: 'require', ca: null } }),
      /^08006 sallyport: orders-db does not offer TLS/,
    )
    assert.equal(fake.received.length, 1)
    fake.close()
  })

  it('that asks for the password in plain text does not get it', async () => {
    const fake = await fakeServer([message(0x52, [int32(3)])])
    assert.match(await through({ target: at(fake.port) }), /^28000 sallyport: orders-db asks for a cleartext password without TLS/)
    assert.equal(Buffer.concat(fake.received).includes(secretPassword), false)
    fake.close()
  })

  it('that skips its proof is not believed', async () => {
    const fake = await fakeServer([writeSasl(['SCRAM-SHA-256']), authenticationOk])
    assert.match(await through({ target: at(fake.port) }), /^08P01 sallyport: orders-db did not speak PostgreSQL/)
    fake.close()
  })

  it('that speaks something else, or claims an impossible length, is refused', async () => {
    for (const answer of [
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]),
      Buffer.from([0x52, 0, 0, 0, 1]),
    ]) {
      const fake = await fakeServer([answer])
      assert.match(await through({ target: at(fake.port) }), /^08P01 sallyport: /)
      fake.close()
    }
  })

  it('that ends the login passes its reason on', async () => {
    const fake = await fakeServer([writeError({ severity: 'FATAL', sqlState: '53300', message: 'too many connections' })])
    assert.match(await through({ target: at(fake.port) }), /^53300 sallyport: .*too many connections/)
    fake.close()
  })

  it('may ask for md5 on loopback', async () => {
    const server = await startPostgres({ auth: 'md5', settings: { password_encryption: 'md5' } })
    assert.match(
      await through({ target: { port: server.port, user: server.user, password: server.password, database: 'postgres' } }),
      /^T D\(/,
    )
    await server.stop()
  })
})
