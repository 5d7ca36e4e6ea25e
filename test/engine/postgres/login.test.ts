// The way in: tickets, encryption requests, versions, startup parameters, garbage. What is refused reaches no target.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { once } from 'node:events'
import tls from 'node:tls'
import { after, before, describe, it } from 'node:test'
import { writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { int32, message } from '../../../gateway/wire/postgres/message-writer.ts'
import { version30, version32, writeSslRequest, writeStartup } from '../../../gateway/wire/postgres/startup.ts'
import { makeCertificates } from '../../../world/tls/certificates.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { fieldsOf, RawClient, shortOf } from './raw-client.ts'

const gssRequest = message(0, [int32(80_877_104)])

describe('a client at the door', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let secure: TestGateway
  const certificates = makeCertificates(['127.0.0.1'])
  const directory = mkdtempSync(path.join(os.tmpdir(), 'sallyport-login-'))
  const caFile = path.join(directory, 'ca.pem')

  before(async () => {
    writeFileSync(caFile, certificates.ca)
    server = await startPostgres()
    const database = await server.createDatabase()
    const target = { port: server.port, user: server.user, password: server.password, database }
    gateway = await gatewayThat({ target, engine: { loginTimeoutMs: 700 } })
    secure = await gatewayThat({ target, engine: { tls: { certificate: certificates.certificate, key: certificates.key } } })
  })
  after(async () => {
    await gateway.stop()
    await secure.stop()
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  async function refusal(parameters: Readonly<Record<string, string>>): Promise<string> {
    return RawClient.logIn({ ...gateway.login, parameters }).then(
      client => {
        client.close()
        return 'let in'
      },
      (error: unknown) => (error as Error).message,
    )
  }

  it('is let in by the ticket, whatever name it gives', async () => {
    const client = await RawClient.logIn({ ...gateway.login, user: 'whoever' })
    client.send(writeQuery('SELECT current_user'))
    assert.equal(await client.answer(), 'T D(postgres) C(SELECT 1) Z(I)')
    client.close()
  })

  it('is refused with 28P01 without it, and no session is opened', async () => {
    const before = gateway.recorder.of('session.open').length
    await assert.rejects(RawClient.logIn({ ...gateway.login, password: 'wrong' }), /28P01 .*ticket/)
    await assert.rejects(RawClient.logIn({ ...gateway.login, password: server.password }), /28P01/)
    assert.equal(gateway.recorder.of('session.open').length, before)
  })

  it('is told that there is neither TLS nor GSS on loopback, and goes on in plain', async () => {
    const client = await RawClient.connect(gateway.port)
    client.send(writeSslRequest())
    assert.equal((await client.bytes(1)).toString(), 'N')
    client.send(gssRequest)
    assert.equal((await client.bytes(1)).toString(), 'N')
    await client.start(gateway.login)
    client.close()
  })

  it('may not ask for the same encryption twice, nor send bytes behind the question', async () => {
    const twice = await RawClient.connect(gateway.port)
    twice.send(writeSslRequest())
    await twice.bytes(1)
    twice.send(writeSslRequest())
    assert.deepEqual((await twice.rest()).map(shortOf), ['E(08P01)'])
    const ahead = await RawClient.connect(secure.port)
    ahead.send(writeSslRequest(), writeStartup(version30, new Map([['user', 'x']])))
    assert.deepEqual((await ahead.rest()).map(shortOf), ['E(08P01)'])
  })

  it('is let in over TLS where the gateway has a certificate', async () => {
    const { stdout } = await psql(secure, { PGSSLMODE: 'verify-full', PGSSLROOTCERT: caFile }, 'SELECT 42')
    assert.equal(stdout.trim(), '42')
  })

  it('binds the login to the certificate when it insists', async () => {
    const { stdout } = await psql(secure, { PGSSLMODE: 'require', PGCHANNELBINDING: 'require' }, 'SELECT 42')
    assert.equal(stdout.trim(), '42')
  })

  it('may begin with TLS at once, if it names the protocol', async () => {
    const good = tls.connect({ host: '127.0.0.1', port: secure.port, ca: certificates.ca, ALPNProtocols: ['postgresql'] })
    await once(good, 'secureConnect')
    assert.equal(good.alpnProtocol, 'postgresql')
    const client = new RawClient(good)
    await client.start(secure.login)
    client.send(writeQuery('SELECT 1'))
    assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    client.close()
    const unnamed = tls.connect({ host: '127.0.0.1', port: secure.port, ca: certificates.ca })
    const messages = new RawClient(unnamed)
    assert.deepEqual(await messages.rest(), [])
  })

  it('gets a key of its own: 4 bytes in 3.0, 32 in 3.2', async () => {
    for (const [version, length] of [
      [version30, 4],
      [version32, 32],
    ] as const) {
      const client = await RawClient.logIn({ ...gateway.login, version })
      assert.equal(client.key?.key.length, length)
      client.close()
    }
  })

  it('is told the newest version and which options nobody knows', async () => {
    const client = await RawClient.connect(gateway.port)
    client.send(
      writeStartup(
        (3 << 16) | 9999,
        new Map([
          ['user', 'x'],
          ['_pq_.grease', 'y'],
        ]),
      ),
    )
    const negotiate = await client.next()
    assert.equal(negotiate.type, 'v')
    assert.equal(negotiate.bytes.readInt32BE(5), version32)
    assert.ok(negotiate.bytes.toString().includes('_pq_.grease'))
    client.close()
  })

  it('may set what only its session feels', async () => {
    assert.equal(
      await refusal({ search_path: 'x', application_name: 'app', options: '-c statement_timeout=1000 --work-mem=64MB -cTimeZone=UTC' }),
      'let in',
    )
  })

  for (const [name, parameters] of [
    ['role', { role: 'postgres' }],
    ['session_authorization', { session_authorization: 'postgres' }],
    ['replication', { replication: 'database' }],
    ['session_replication_role by options', { options: '-c session_replication_role=replica' }],
    ['a parameter hidden by backslashes', { options: '-c\\ session_replication_role=replica' }],
    ['a long name with dashes', { options: '--session-replication-role=replica' }],
    ['strings that are read otherwise', { standard_conforming_strings: 'off' }],
    ['another switch', { options: '-d 5' }],
    ['an unknown parameter', { nosuch: 'x' }],
    ['another database', { database: 'template1' }],
  ] as const) {
    it(`may not set ${name}`, async () => {
      const before = gateway.recorder.of('session.open').length
      assert.match(await refusal(parameters), /^0A000 sallyport: /)
      assert.equal(gateway.recorder.of('session.open').length, before)
    })
  }

  for (const [name, bytes] of [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['an impossible length', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0])],
    ['another major version', message(0, [int32(2 << 16)])],
    ['a startup packet without an end', message(0, [int32(version30), Buffer.from('user\0x')])],
    ['a parameter twice', message(0, [int32(version30), 'user', 'x', 'user', 'y', Buffer.of(0)])],
    ['TLS where there is none', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
  ] as const) {
    it(`is sent away when it speaks ${name}`, async () => {
      const client = await RawClient.connect(gateway.port)
      client.send(bytes)
      const [error] = await client.rest()
      assert.equal(fieldsOf(error!.bytes).get('S'), 'FATAL')
      assert.equal(fieldsOf(error!.bytes).get('C'), '08P01')
    })
  }

  it('is sent away when it takes too long', async () => {
    const slow = await RawClient.connect(gateway.port)
    slow.send(Buffer.from([0]))
    const [error] = await slow.rest()
    assert.match(fieldsOf(error!.bytes).get('M') ?? '', /took too long/)
  })

  it('may go at any moment', async () => {
    const packet = writeStartup(version30, new Map([['user', 'x']]))
    for (let length = 0; length <= packet.length; length += 5) {
      const client = await RawClient.connect(gateway.port)
      client.send(packet.subarray(0, length))
      client.close()
    }
    const client = await RawClient.logIn(gateway.login)
    client.close()
  })
})

async function psql(gateway: TestGateway, env: Readonly<Record<string, string>>, sql: string): Promise<{ stdout: string }> {
  return promisify(execFile)('psql', ['-XAtc', sql], { env: { ...process.env, ...gateway.env, ...env }, timeout: 60_000 })
}
