// A statement that waits for people: the client is told, nothing is sent before the verdict, and it never runs for a client that has gone.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
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
import { approved, expired, rejected } from './gateway-that.ts'
import { fieldsOf, RawClient, shortOf } from './raw-client.ts'
import { sessionStage } from './session-stage.ts'

describe('a held statement', () => {
  const stage = sessionStage('', 2, { decide: command => (command.verb === 'delete' ? 'ask' : 'allow') })

  it('is announced with who may answer and where, and runs after an approval', () =>
    stage.session(async client => {
      client.send(writeQuery('DELETE FROM t WHERE id = 99'))
      const notice = await client.next()
      assert.equal(notice.type, 'N')
      const fields = fieldsOf(notice.bytes)
      assert.equal(fields.get('S'), 'NOTICE')
      assert.match(fields.get('M') ?? '', /waiting for approval ABCD-2345 \(dba\) until 00:00 UTC/)
      assert.equal(fields.get('H'), 'https://pr.example/1')
      const { request, answer } = await stage.gateway.people.request(1)
      assert.deepEqual(request.bytes, writeQuery('DELETE FROM t WHERE id = 99'))
      answer(approved)
      assert.equal(await client.answer(), 'C(DELETE 0) Z(I)')
      assert.deepEqual(stage.gateway.people.reports.length, 1)
    }))

  it('is refused with who and why after a rejection, and with 57014 when nobody answers', () =>
    stage.session(async client => {
      client.send(writeQuery('DELETE FROM t'))
      const first = await stage.gateway.people.request(1)
      first.answer(rejected)
      const error = (await client.until('E')).at(-1)!
      assert.equal(fieldsOf(error.bytes).get('C'), '42501')
      assert.match(fieldsOf(error.bytes).get('M') ?? '', /rejected by @dana: not today/)
      await client.until('Z')
      client.send(writeQuery('DELETE FROM t'))
      const second = await stage.gateway.people.request(2)
      second.answer(expired)
      assert.equal(await client.answer(), 'E(57014) Z(I)')
    }))

  it('keeps everything behind it waiting, in order', () =>
    stage.session(async client => {
      client.send(
        writeQuery('SELECT 1'),
        writeParse('', 'DELETE FROM t WHERE id = $1'),
        writeBind('', '', [Buffer.from('99')]),
        writeExecute(''),
        syncMessage,
        writeQuery('SELECT 2'),
      )
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
      const { request, answer } = await stage.gateway.people.request(1)
      assert.deepEqual(
        request.commands.map(command => command.protocol === 'postgres' && command.values),
        [['99']],
      )
      assert.deepEqual(stage.gateway.texts(), ['SELECT 1', 'DELETE FROM t WHERE id = $1'])
      answer(approved)
      assert.equal(await client.answer(), '1 2 C(DELETE 0) Z(I)')
      assert.equal(await client.answer(), 'T D(2) C(SELECT 1) Z(I)')
    }))

  it('tells the approver that locks are held, and is refused with a failed transaction', () =>
    stage.session(async client => {
      client.send(writeQuery('BEGIN'), writeQuery('INSERT INTO t VALUES (3)'), writeQuery('DELETE FROM t'))
      const { request, answer } = await stage.gateway.people.request(1)
      assert.deepEqual(request.notes, ['a transaction is open: its locks are held while you decide'])
      answer(rejected)
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), 'C(INSERT 0 1) Z(T)')
      assert.equal(await client.answer(), 'E(42501) Z(E)')
    }))

  it('is answered by 57014 when it is cancelled, and a late approval releases nothing', () =>
    stage.session(async client => {
      client.send(writeQuery('DELETE FROM t'))
      const { answer, signal } = await stage.gateway.people.request(1)
      const cancelling = await RawClient.connect(stage.gateway.port)
      cancelling.send(writeCancelRequest(client.key!.pid, client.key!.key))
      assert.equal((await cancelling.rest()).length, 0)
      assert.equal(await client.answer(), 'E(57014) Z(I)')
      assert.equal(signal.aborted, true)
      answer(approved)
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('is not cancelled by a wrong key', () =>
    stage.session(async client => {
      client.send(writeQuery('DELETE FROM t WHERE id = 99'))
      const { answer, signal } = await stage.gateway.people.request(1)
      const wrong = Buffer.from(client.key!.key)
      wrong[0] = (wrong[0] ?? 0) ^ 1
      const cancelling = await RawClient.connect(stage.gateway.port)
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
      stage.session(async client => {
        client.send(writeQuery('DELETE FROM t'))
        const { answer, signal } = await stage.gateway.people.request(1)
        const left = once(signal, 'abort')
        leave(client)
        await left
        answer(approved)
        await stage.gateway.recorder.seen(event => event.kind === 'session.close')
      }))
  }

  it('ends with the target', () =>
    stage.session(async client => {
      client.send(writeQuery('SELECT pg_backend_pid()'))
      const pid = shortOf((await client.until('Z'))[1]!).slice(2, -1)
      client.send(writeQuery('DELETE FROM t'))
      const { signal } = await stage.gateway.people.request(1)
      await stage.server.query(stage.database, `SELECT pg_terminate_backend(${pid})`)
      const rest = await client.rest()
      assert.deepEqual(
        rest.filter(({ type }) => type === 'E').map(message => shortOf(message)),
        ['E(57P01)'],
      )
      assert.equal(signal.aborted, true)
    }))

  it('passes a cancel of a running statement on to the target', () =>
    stage.session(async client => {
      client.send(writeQuery('SELECT pg_sleep(60)'))
      await stage.gateway.recorder.seen(event => event.kind === 'decision')
      const cancelling = await RawClient.connect(stage.gateway.port)
      // The statement may not have reached the target yet, as without a gateway: then the cancel is lost and sent again.
      const again = setInterval(() => cancelAgain(), 200)
      const cancelAgain = (): void => {
        void RawClient.connect(stage.gateway.port).then(one => one.send(writeCancelRequest(client.key!.pid, client.key!.key)))
      }
      cancelling.send(writeCancelRequest(client.key!.pid, client.key!.key))
      assert.equal(await client.answer(), 'T E(57014) Z(I)')
      clearInterval(again)
    }))
})
