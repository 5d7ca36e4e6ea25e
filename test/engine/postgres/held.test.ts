// A statement that waits for people: the client is told, nothing is sent before the verdict, and it never runs for a client that has gone.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { once } from 'node:events'
import {
  writeBind,
  writeExecute,
  writeParse,
  writeQuery,
  syncMessage,
  terminateMessage,
} from '../../../gateway/wire/postgres/frontend-writer.ts'
import { writeCancelRequest } from '../../../gateway/wire/postgres/startup.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { approved, expired, gatewayThat, rejected } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { fieldsOf, RawClient, shortOf } from './raw-client.ts'

describe('a held statement', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let database: string

  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase('CREATE TABLE t(id int); INSERT INTO t VALUES (1), (2)')
  })
  after(() => server.stop())

  async function session(act: (client: RawClient) => Promise<void>, rows = '2'): Promise<void> {
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      decide: command => (command.verb === 'delete' ? 'ask' : 'allow'),
    })
    const client = await RawClient.logIn(gateway.login)
    try {
      await act(client)
    } finally {
      client.close()
      await gateway.stop()
    }
    assert.deepEqual(await server.query(database, 'SELECT count(*) FROM t'), [[rows]])
  }

  it('is announced with who may answer and where, and runs after an approval', () =>
    session(async client => {
      client.send(writeQuery('DELETE FROM t WHERE id = 99'))
      const notice = await client.next()
      assert.equal(notice.type, 'N')
      const fields = fieldsOf(notice.bytes)
      assert.equal(fields.get('S'), 'NOTICE')
      assert.match(fields.get('M') ?? '', /waiting for approval ABCD-2345 \(dba\) until 00:00 UTC/)
      assert.equal(fields.get('H'), 'https://pr.example/1')
      const { request, answer } = await gateway.people.request(1)
      assert.deepEqual(request.bytes, writeQuery('DELETE FROM t WHERE id = 99'))
      answer(approved)
      assert.equal(await client.answer(), 'C(DELETE 0) Z(I)')
      assert.deepEqual(gateway.people.reports.length, 1)
    }))

  it('is refused with who and why after a rejection, and with 57014 when nobody answers', () =>
    session(async client => {
      client.send(writeQuery('DELETE FROM t'))
      const first = await gateway.people.request(1)
      first.answer(rejected)
      const error = (await client.until('E')).at(-1)!
      assert.equal(fieldsOf(error.bytes).get('C'), '42501')
      assert.match(fieldsOf(error.bytes).get('M') ?? '', /rejected by @dana: not today/)
      await client.until('Z')
      client.send(writeQuery('DELETE FROM t'))
      const second = await gateway.people.request(2)
      second.answer(expired)
      assert.equal(await client.answer(), 'E(57014) Z(I)')
    }))

  it('keeps everything behind it waiting, in order', () =>
    session(async client => {
      client.send(
        writeQuery('SELECT 1'),
        writeParse('', 'DELETE FROM t WHERE id = $1'),
        writeBind('', '', [Buffer.from('99')]),
        writeExecute(''),
        syncMessage,
        writeQuery('SELECT 2'),
      )
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
      const { request, answer } = await gateway.people.request(1)
      assert.deepEqual(
        request.commands.map(command => command.protocol === 'postgres' && command.values),
        [['99']],
      )
      assert.deepEqual(gateway.texts(), ['SELECT 1', 'DELETE FROM t WHERE id = $1'])
      answer(approved)
      assert.equal(await client.answer(), '1 2 C(DELETE 0) Z(I)')
      assert.equal(await client.answer(), 'T D(2) C(SELECT 1) Z(I)')
    }))

  it('tells the approver that locks are held, and is refused with a failed transaction', () =>
    session(async client => {
      client.send(writeQuery('BEGIN'), writeQuery('INSERT INTO t VALUES (3)'), writeQuery('DELETE FROM t'))
      const { request, answer } = await gateway.people.request(1)
      assert.deepEqual(request.notes, ['a transaction is open: its locks are held while you decide'])
      answer(rejected)
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), 'C(INSERT 0 1) Z(T)')
      assert.equal(await client.answer(), 'E(42501) Z(E)')
    }))

  it('is answered by 57014 when it is cancelled, and a late approval releases nothing', () =>
    session(async client => {
      client.send(writeQuery('DELETE FROM t'))
      const { answer, signal } = await gateway.people.request(1)
      const cancelling = await RawClient.connect(gateway.port)
      cancelling.send(writeCancelRequest(client.key!.pid, client.key!.key))
      assert.equal((await cancelling.rest()).length, 0)
      assert.equal(await client.answer(), 'E(57014) Z(I)')
      assert.equal(signal.aborted, true)
      answer(approved)
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('is not cancelled by a wrong key', () =>
    session(async client => {
      client.send(writeQuery('DELETE FROM t WHERE id = 99'))
      const { answer, signal } = await gateway.people.request(1)
      const wrong = Buffer.from(client.key!.key)
      wrong[0] = (wrong[0] ?? 0) ^ 1
      const cancelling = await RawClient.connect(gateway.port)
      cancelling.send(writeCancelRequest(client.key!.pid, wrong))
      await cancelling.rest()
      assert.equal(signal.aborted, false)
      answer(approved)
      assert.equal(await client.answer(), 'C(DELETE 0) Z(I)')
    }))

  for (const [how, leave] of [
    ['hangs up', (client: RawClient) => client.close()],
    ['says good-bye', (client: RawClient) => client.send(terminateMessage)],
  ] as const) {
    it(`never runs for a client that ${how}`, () =>
      session(async client => {
        client.send(writeQuery('DELETE FROM t'))
        const { answer, signal } = await gateway.people.request(1)
        const left = once(signal, 'abort')
        leave(client)
        await left
        answer(approved)
        await gateway.recorder.seen(event => event.kind === 'session.close')
      }))
  }

  it('ends with the target', () =>
    session(async client => {
      client.send(writeQuery('SELECT pg_backend_pid()'))
      const pid = shortOf((await client.until('Z'))[1]!).slice(2, -1)
      client.send(writeQuery('DELETE FROM t'))
      const { signal } = await gateway.people.request(1)
      await server.query(database, `SELECT pg_terminate_backend(${pid})`)
      const rest = await client.rest()
      assert.deepEqual(
        rest.filter(({ type }) => type === 'E').map(message => shortOf(message)),
        ['E(57P01)'],
      )
      assert.equal(signal.aborted, true)
    }))

  it('passes a cancel of a running statement on to the target', () =>
    session(async client => {
      client.send(writeQuery('SELECT pg_sleep(60)'))
      await gateway.recorder.seen(event => event.kind === 'decision')
      const cancelling = await RawClient.connect(gateway.port)
      // The statement may not have reached the target yet, as without a gateway: then the cancel is lost and sent again.
      const again = setInterval(() => cancelAgain(), 200)
      const cancelAgain = (): void => {
        void RawClient.connect(gateway.port).then(one => one.send(writeCancelRequest(client.key!.pid, client.key!.key)))
      }
      cancelling.send(writeCancelRequest(client.key!.pid, client.key!.key))
      assert.equal(await client.answer(), 'T E(57014) Z(I)')
      clearInterval(again)
    }))
})
