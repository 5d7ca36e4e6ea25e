// Ends in the middle: a client that goes while it is not read, a target that goes while it is written to, a portal nobody reads to its end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'
import {
  flushMessage,
  syncMessage,
  writeBind,
  writeDescribe,
  writeExecute,
  writeParse,
  writeQuery,
} from '../../../gateway/wire/postgres/frontend-writer.ts'
import { frontend } from '../../../gateway/wire/postgres/message-type.ts'
import { message } from '../../../gateway/wire/postgres/message-writer.ts'
import { approved } from './gateway-that.ts'
import { fieldsOf } from './raw-client.ts'
import type { RawClient } from './raw-client.ts'
import { sessionStage } from './session-stage.ts'

describe('a session that ends in the middle', () => {
  const stage = sessionStage('CREATE TABLE copied(words text)', 2, { decide: command => (command.verb === 'delete' ? 'ask' : 'allow') })

  it('drops what is held when its client goes, however much that client has sent behind it', () =>
    stage.session(async client => {
      client.send(writeQuery('DELETE FROM t'))
      const { answer, signal } = await stage.gateway.people.request(1)
      const padding = Buffer.alloc(64 * 1024, 0x20).toString()
      for (let sent = 0; sent < 256; sent++) client.send(writeQuery(`SELECT 1${padding}`))
      await untilStuck(client)
      client.close()
      if (!signal.aborted) await once(signal, 'abort')
      answer(approved)
      assert.deepEqual(stage.gateway.texts(), ['DELETE FROM t'])
    }))

  it('judges nothing any more of what waited behind a statement under way', () =>
    stage.session(async client => {
      const holder = new Client({
        host: stage.server.host,
        port: stage.server.port,
        user: stage.server.user,
        password: stage.server.password,
        database: stage.database,
      })
      await holder.connect()
      await holder.query('SELECT pg_advisory_lock(1)')
      // Behind a definition the next text waits for its end.
      const first = 'SELECT pg_advisory_xact_lock(1); CREATE TABLE made(id int)'
      client.send(writeQuery(first), writeQuery('INSERT INTO t VALUES (3)'))
      await stage.gateway.recorder.seen(event => event.kind === 'command')
      client.close()
      // The end has arrived with the close; the gateway reads it in the next turns of this very loop.
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
      await holder.end()
      await stage.gateway.recorder.seen(event => event.kind === 'session.close')
      await stage.gateway.stop()
      assert.deepEqual(stage.gateway.texts(), ['SELECT pg_advisory_xact_lock(1)', 'CREATE TABLE made(id int)'])
    }))

  it('tells a client that is in the middle of COPY that the target has gone', () =>
    stage.session(async client => {
      client.send(writeQuery('COPY copied FROM STDIN'))
      await client.until('G')
      const data = message(frontend.copyData, [Buffer.from(`${'words '.repeat(1000)}\n`)])
      const sending = (async () => {
        while (!client.socket.destroyed) {
          if (!client.socket.write(data)) await Promise.race([once(client.socket, 'drain'), once(client.socket, 'close')])
          else await new Promise(setImmediate)
        }
      })()
      await stage.server.query(
        'postgres',
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${stage.database}' AND query LIKE 'COPY%'`,
      )
      const error = (await client.until('E')).at(-1)!
      assert.match(fieldsOf(error.bytes).get('C') ?? '', /^57P01$|^08006$/)
      await client.rest()
      await sending
      await stage.gateway.stop()
      assert.deepEqual(
        stage.gateway.recorder.of('error').map(({ command }) => command),
        [1],
      )
      assert.deepEqual(await stage.server.query(stage.database, 'SELECT count(*) FROM copied'), [['0']])
    }))

  it('records the rows of a portal that was not read to its end', () =>
    stage.session(async client => {
      client.send(
        writeParse('', 'SELECT generate_series(1, 10) AS n'),
        writeBind('', ''),
        writeDescribe('portal', ''),
        writeExecute('', 2),
        syncMessage,
      )
      assert.equal(await client.answer(), '1 2 T D(1) D(2) s Z(I)')
      assert.deepEqual(
        stage.gateway.recorder.of('rows').map(({ rows }) => rows),
        [[['1'], ['2']]],
      )
      assert.deepEqual(
        stage.gateway.recorder.of('result').map(({ tag, rows }) => [tag, rows]),
        [['portal suspended', 2]],
      )
    }))

  it('counts a portal that is read to its end in parts as one command', () =>
    stage.session(async client => {
      client.send(
        writeQuery('BEGIN'),
        writeParse('', 'SELECT generate_series(1, 3) AS n'),
        writeBind('p', ''),
        writeExecute('p', 2),
        syncMessage,
        writeExecute('p', 2),
        syncMessage,
        writeQuery('COMMIT'),
      )
      await client.answer()
      assert.equal(await client.answer(), '1 2 D(1) D(2) s Z(T)')
      assert.equal(await client.answer(), 'D(3) C(SELECT 1) Z(T)')
      await client.answer()
      assert.deepEqual(
        stage.gateway.recorder.of('result').map(({ tag, rows }) => [tag, rows]),
        [
          ['BEGIN', 0],
          ['SELECT 1', 3],
          ['COMMIT', 0],
        ],
      )
    }))

  it('keeps no more of a batch without an end than its bound, whatever the batch is made of', () =>
    stage.session(async client => {
      const padding = Buffer.alloc(4000, 0x20).toString()
      for (let sent = 0; sent < 2000; sent++) client.send(writeParse(`s${sent}`, `SELECT 1${padding}`))
      // No Sync, no Flush: what comes back was sent on because it was too much to keep.
      for (let answered = 0; answered < 1000; answered++) assert.equal((await client.next()).type, '1')
      client.send(flushMessage, syncMessage)
      await client.until('Z')
      assert.deepEqual(stage.gateway.texts(), [])
    }))
})

/** Resolves when the other side has stopped reading: nothing more leaves, and there is more to leave. */
async function untilStuck({ socket }: RawClient): Promise<void> {
  for (let last = -1; socket.writableLength !== last || last === 0;) {
    last = socket.writableLength
    await setTimeout(50)
  }
}
