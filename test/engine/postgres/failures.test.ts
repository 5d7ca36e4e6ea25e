// When something breaks: the recording, the target, the client, the protocol. Nothing runs that is not recorded, and everybody is told.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  syncMessage,
  terminateMessage,
  writeBind,
  writeExecute,
  writeParse,
  writeQuery,
} from '../../../gateway/wire/postgres/frontend-writer.ts'
import { message } from '../../../gateway/wire/postgres/message-writer.ts'
import { frontend } from '../../../gateway/wire/postgres/message-type.ts'
import { fieldsOf, RawClient, shortOf } from './raw-client.ts'
import { sessionStage } from './session-stage.ts'

const insert = 'INSERT INTO t VALUES (3)'

describe('when something breaks', () => {
  const stage = sessionStage('', 0)

  for (const [protocol, messages] of [
    ['simple', [writeQuery(insert)]],
    ['extended', [writeParse('', insert), writeBind('', ''), writeExecute(''), syncMessage]],
  ] as const) {
    it(`runs nothing that cannot be recorded, and ends the session with 58030 (${protocol})`, () =>
      stage.session(async client => {
        stage.gateway.recorder.failAt(event => event.kind === 'command')
        client.send(...messages)
        const rest = await client.rest()
        assert.deepEqual(rest.map(shortOf), ['E(58030)'])
        assert.equal(fieldsOf(rest[0]!.bytes).get('S'), 'FATAL')
      }))
  }

  it('opens no session when the recording has failed', () =>
    stage.session(async () => {
      stage.gateway.recorder.hasFailed = true
      await assert.rejects(RawClient.logIn(stage.gateway.login), /58030/)
      stage.gateway.recorder.hasFailed = false
    }))

  it('tells the client when the target is gone', () =>
    stage.session(async client => {
      client.send(writeQuery('SELECT pg_terminate_backend(pg_backend_pid())'))
      const rest = (await client.rest()).map(shortOf).filter(one => one.startsWith('E'))
      assert.deepEqual(rest, ['E(57P01)'])
      const error = stage.gateway.recorder.of('error').at(-1)
      assert.equal(error?.code, '57P01')
    }))

  it('lets the target finish what a client sent before it left', () =>
    stage.session(async client => {
      client.send(writeQuery(`${insert}; SELECT pg_sleep(0.2)`), terminateMessage)
      await stage.gateway.recorder.seen(event => event.kind === 'session.close')
      assert.deepEqual(
        stage.gateway.recorder.of('result').map(({ tag }) => tag),
        ['INSERT 0 1', 'SELECT 1'],
      )
    }, 1))

  it('survives clients that leave in the middle of anything', () =>
    stage.session(async client => {
      const leavings: readonly (readonly Buffer[])[] = [
        [Buffer.from([0x51])],
        [Buffer.from([0x51, 0, 0, 0, 50])],
        [writeParse('', 'SELECT 1')],
        [writeParse('', 'SELECT 1'), writeBind('', ''), writeExecute('')],
        [writeQuery('SELECT * FROM generate_series(1, 100000)')],
        [writeQuery('COPY t FROM STDIN')],
        [writeQuery('BEGIN')],
      ]
      for (const sent of leavings) {
        const leaving = await RawClient.logIn(stage.gateway.login)
        leaving.send(...sent)
        leaving.close()
      }
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  for (const [name, bytes, state] of [
    ['a length that cannot be', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]), '08P01'],
    ['a message above the limit', Buffer.from([0x51, 0x02, 0, 0, 0]), '54000'],
    ['an unknown type of message', message(0x21, []), '08P01'],
    ['a password after the login', message(frontend.password, ['x']), '08P01'],
    ['fields that end too early', message(frontend.bind, ['', '']), '08P01'],
  ] as const) {
    it(`ends the session of a client that sends ${name}`, () =>
      stage.session(async client => {
        client.send(bytes)
        const rest = await client.rest()
        assert.deepEqual(rest.map(shortOf), [`E(${state})`])
        assert.equal(stage.gateway.recorder.of('command').length, 0)
      }))
  }

  it('keeps its memory when a client does not read its result', () =>
    stage.session(async client => {
      client.socket.pause()
      const before = process.memoryUsage.rss()
      client.send(writeQuery("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))
      await stage.gateway.recorder.seen(event => event.kind === 'decision')
      // The server can only go on when the gateway reads; give it the chance to go too far.
      for (let turn = 0; turn < 20; turn++) {
        await stage.server.query(stage.database, 'SELECT 1')
        assert.ok(process.memoryUsage.rss() - before < 100 * 1024 * 1024)
      }
    }))

  it('says so when the gateway itself stops', () =>
    stage.session(async client => {
      const stopping = stage.gateway.stop()
      const rest = (await client.rest()).map(shortOf)
      await stopping
      assert.deepEqual(rest, ['E(57P01)'])
    }))
})
