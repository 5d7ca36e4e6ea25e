// What a client sees of a refusal, in both protocols, inside and outside of transactions: and that the database did not change.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { message, int16, int32 } from '../../../gateway/wire/postgres/message-writer.ts'
import { frontend } from '../../../gateway/wire/postgres/message-type.ts'
import {
  flushMessage,
  syncMessage,
  writeBind,
  writeClose,
  writeDescribe,
  writeExecute,
  writeParse,
  writeQuery,
} from '../../../gateway/wire/postgres/frontend-writer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { fieldsOf, RawClient } from './raw-client.ts'

const denied = writeParse('', 'DELETE FROM t')
const run = [writeBind('', ''), writeExecute('')]

describe('a refused statement', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let database: string

  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase('CREATE TABLE t(id int); INSERT INTO t VALUES (1), (2)')
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      decide: command => (command.verb === 'delete' || command.certainty === 'opaque' ? 'deny' : 'allow'),
    })
  })
  after(async () => {
    await gateway.stop()
    await server.stop()
  })

  /** Runs against a new session; afterwards nothing was deleted. */
  async function session(act: (client: RawClient) => Promise<void>, login = {}): Promise<void> {
    const client = await RawClient.logIn({ ...gateway.login, ...login })
    try {
      await act(client)
    } finally {
      client.close()
    }
    assert.deepEqual(await server.query(database, 'SELECT count(*) FROM t'), [['2']])
  }

  it('is an error with its rule, and the session lives on', () =>
    session(async client => {
      client.send(writeQuery('DELETE FROM t'))
      const [error] = await client.until('Z')
      const fields = fieldsOf(error!.bytes)
      assert.equal(fields.get('C'), '42501')
      assert.equal(fields.get('M'), 'sallyport: denied by rule no-writes: Nothing is written here.')
      assert.deepEqual(JSON.parse(fields.get('D') ?? ''), {
        code: 'COMMAND_DENIED',
        rule: 'no-writes',
        connection: 'orders-db',
        command: 'DELETE FROM t',
      })
      assert.ok((fields.get('H') ?? '').length > 10)
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('takes the whole message with it', () =>
    session(async client => {
      client.send(writeQuery('SELECT 1; INSERT INTO t VALUES (3); DELETE FROM t'))
      assert.equal(await client.answer(), 'E(42501) Z(I)')
    }))

  it('fails an open transaction for real, as PostgreSQL would', () =>
    session(async client => {
      client.send(writeQuery('BEGIN; INSERT INTO t VALUES (3)'))
      assert.equal(await client.answer(), 'C(BEGIN) C(INSERT 0 1) Z(T)')
      client.send(writeQuery('DELETE FROM t'))
      assert.equal(await client.answer(), 'E(42501) Z(E)')
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'E(25P02) Z(E)')
      client.send(writeQuery('DELETE FROM t'))
      assert.equal(await client.answer(), 'E(42501) Z(E)')
      client.send(writeQuery('COMMIT'))
      assert.equal(await client.answer(), 'C(ROLLBACK) Z(I)')
    }))

  it('keeps its savepoint usable', () =>
    session(async client => {
      client.send(
        writeQuery('BEGIN'),
        writeQuery('SAVEPOINT a'),
        writeQuery('DELETE FROM t'),
        writeQuery('ROLLBACK TO a'),
        writeQuery('SELECT 1'),
      )
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), 'C(SAVEPOINT) Z(T)')
      assert.equal(await client.answer(), 'E(42501) Z(E)')
      assert.equal(await client.answer(), 'C(ROLLBACK) Z(T)')
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(T)')
    }))

  it('skips to Sync in the extended protocol, and nothing of its batch was sent', () =>
    session(async client => {
      client.send(denied, writeBind('', ''), writeDescribe('portal', ''), writeExecute(''), writeParse('after', 'SELECT 2'), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeBind('', 'after'), writeExecute(''), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
    }))

  it('fails an open transaction in the extended protocol too', () =>
    session(async client => {
      client.send(writeQuery('BEGIN'))
      await client.until('Z')
      client.send(denied, ...run, syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(E)')
      client.send(writeParse('', 'ROLLBACK'), ...run, syncMessage)
      assert.equal(await client.answer(), '1 2 C(ROLLBACK) Z(I)')
    }))

  it('takes back what stood before it in its batch', () =>
    session(async client => {
      client.send(writeParse('', 'INSERT INTO t VALUES (3)'), ...run, denied, ...run, writeParse('', 'SELECT 1'), ...run, syncMessage)
      assert.equal(await client.answer(), '1 2 C(INSERT 0 1) E(42501) Z(I)')
    }))

  it('is found behind a Flush, where earlier statements have run already', () =>
    session(async client => {
      client.send(writeParse('', 'INSERT INTO t VALUES (3)'), ...run, flushMessage)
      assert.equal((await client.until('C')).map(({ type }) => type).join(''), '12C')
      client.send(denied, ...run, flushMessage)
      assert.equal((await client.until('E')).length, 1)
      client.send(writeParse('', 'SELECT 1'), ...run, syncMessage)
      assert.equal(await client.answer(), 'Z(I)')
    }))

  it('is found in every batch of a pipeline in one packet', () =>
    session(async client => {
      client.send(
        writeParse('', 'SELECT 1'),
        ...run,
        syncMessage,
        denied,
        ...run,
        syncMessage,
        writeParse('', 'SELECT 2'),
        ...run,
        syncMessage,
      )
      assert.equal(await client.answer(), '1 2 D(1) C(SELECT 1) Z(I)')
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      assert.equal(await client.answer(), '1 2 D(2) C(SELECT 1) Z(I)')
    }))

  it('is found at Execute when it was parsed long before', () =>
    session(async client => {
      client.send(writeParse('s', 'DELETE FROM t'), syncMessage)
      assert.equal(await client.answer(), '1 Z(I)')
      client.send(writeBind('', 's'), writeExecute(''), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeBind('', 's'), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
    }))

  it('is found at Execute of a portal that was bound in an earlier batch', () =>
    session(async client => {
      client.send(writeQuery('BEGIN'), writeParse('s', 'DELETE FROM t'), writeBind('p', 's'), syncMessage)
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), 'E(42501) Z(E)')
      client.send(writeExecute('p'), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(E)')
    }))

  it('is found under names of SQL and of the protocol alike', () =>
    session(async client => {
      client.send(writeQuery('PREPARE a AS DELETE FROM t'))
      assert.equal(await client.answer(), 'C(PREPARE) Z(I)')
      client.send(writeBind('', 'a'), writeExecute(''), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeParse('b', 'DELETE FROM t'), syncMessage)
      assert.equal(await client.answer(), '1 Z(I)')
      client.send(writeQuery('PREPARE c AS SELECT 7'))
      await client.until('Z')
      client.send(writeBind('', 'c'), writeExecute(''), syncMessage)
      assert.equal(await client.answer(), '2 D(7) C(SELECT 1) Z(I)')
    }))

  it('is found when a failed Parse leaves the old statement under its name, all in one packet', () =>
    session(async client => {
      client.send(writeParse('s', 'DELETE FROM t'), syncMessage)
      assert.equal(await client.answer(), '1 Z(I)')
      client.send(writeParse('s', 'SELECT 1'), syncMessage, writeBind('', 's'), writeExecute(''), syncMessage)
      assert.equal(await client.answer(), 'E(42P05) Z(I)')
      assert.equal(await client.answer(), 'E(42501) Z(I)')
    }))

  it('is found when an error makes the server skip the Parse that would have replaced it', () =>
    session(async client => {
      client.send(denied, syncMessage)
      assert.equal(await client.answer(), '1 Z(I)')
      client.send(writeBind('', 'nobody knows'), syncMessage)
      await client.until('Z')
      client.send(writeParse('', 'SELECT 1/0'), ...run, writeParse('', 'SELECT 1'), syncMessage, ...run, syncMessage)
      assert.equal(await client.answer(), '1 E(22012) Z(I)')
      // The unnamed statement is now the one that divides by zero.
      assert.equal(await client.answer(), 'E(22012) Z(I)')
    }))

  it('forgets a name with Close, DEALLOCATE and DISCARD', () =>
    session(async client => {
      for (const forget of [
        [writeClose('statement', 's'), syncMessage],
        [writeQuery('DEALLOCATE s')],
        [writeQuery('DEALLOCATE ALL')],
        [writeQuery('DISCARD ALL')],
      ]) {
        client.send(writeParse('s', 'SELECT 1'), syncMessage)
        assert.equal(await client.answer(), '1 Z(I)')
        client.send(writeBind('', 's'), writeExecute(''), syncMessage)
        assert.equal(await client.answer(), '2 D(1) C(SELECT 1) Z(I)')
        client.send(...forget)
        await client.until('Z')
        client.send(writeBind('', 's'), writeExecute(''), syncMessage)
        // Unknown names are opaque, and this policy denies what is opaque.
        assert.equal(await client.answer(), 'E(42501) Z(I)')
      }
    }))

  it('is found when a name is made anew inside the batch that uses it', () =>
    session(async client => {
      client.send(writeQuery('PREPARE x AS SELECT 1'))
      await client.until('Z')
      client.send(
        writeParse('', 'DEALLOCATE x'),
        ...run,
        writeParse('', 'PREPARE x AS DELETE FROM t'),
        ...run,
        writeParse('', 'EXECUTE x'),
        ...run,
        syncMessage,
      )
      assert.match(await client.answer(), /E\(42501\) Z\(I\)$/)
    }))

  it('is not found where nothing is refused: rows by portions, from one portal', () =>
    session(async client => {
      client.send(
        writeQuery('BEGIN'),
        writeParse('', 'SELECT * FROM generate_series(1,3)'),
        writeBind('p', ''),
        writeExecute('p', 2),
        syncMessage,
      )
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), '1 2 D(1) D(2) s Z(T)')
      client.send(writeExecute('p', 2), syncMessage)
      assert.equal(await client.answer(), 'D(3) C(SELECT 1) Z(T)')
      const results = gateway.recorder.of('result').filter(({ tag }) => tag === 'SELECT 1')
      assert.equal(results.at(-1)?.rows, 3)
    }))

  it('is a simple query inside a batch that has no Sync yet', () =>
    session(async client => {
      client.send(writeParse('', 'SELECT 1'), ...run, writeQuery('SELECT 2'), syncMessage)
      assert.match(await client.answer(), /E\(08P01\) Z\(I\)$/)
      assert.equal(await client.answer(), 'Z(I)')
      client.send(writeParse('', 'SELECT 1'), ...run, flushMessage)
      await client.until('C')
      client.send(writeQuery('DELETE FROM t'), syncMessage)
      assert.equal(await client.answer(), 'E(08P01) Z(I)')
      assert.equal(await client.answer(), 'Z(I)')
    }))

  it('is a function called by number', () =>
    session(async client => {
      const call = message(frontend.functionCall, [int32(1598), int16(0), int16(0), int16(0)])
      client.send(call)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeQuery('BEGIN'), call)
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), 'E(42501) Z(E)')
    }))

  it('is a text with bytes behind its end', () =>
    session(async client => {
      client.send(message(frontend.query, [Buffer.from('SELECT 1\0; DELETE FROM t\0')]))
      assert.equal(await client.answer(), 'E(08P01) Z(I)')
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('reports a statement behind an error as not run', () =>
    session(async client => {
      client.send(writeParse('', 'SELECT 1/0'), ...run, writeParse('', 'INSERT INTO t VALUES (9)'), ...run, syncMessage)
      assert.equal(await client.answer(), '1 E(22012) Z(I)')
      const insert = gateway.recorder.of('command').findLast(({ text }) => text.includes('VALUES (9)'))
      const error = gateway.recorder.of('error').find(({ command }) => command === insert?.command)
      assert.equal(error?.code, '25P02')
      assert.equal(
        gateway.recorder.of('result').some(({ command }) => command === insert?.command),
        false,
      )
    }))

  it('keeps an empty query what it is', () =>
    session(async client => {
      client.send(writeQuery(''), writeQuery(' ; '), writeParse('', ''), ...run, syncMessage)
      assert.equal(await client.answer(), 'I Z(I)')
      assert.equal(await client.answer(), 'I Z(I)')
      assert.equal(await client.answer(), '1 2 I Z(I)')
    }))

  it('follows a table made in the same transaction', () =>
    session(async client => {
      client.send(
        writeQuery('BEGIN'),
        writeQuery('CREATE TABLE fresh(a int)'),
        writeQuery('INSERT INTO fresh VALUES (1)'),
        writeQuery('SELECT * FROM fresh'),
        writeQuery('ROLLBACK'),
        writeQuery('SELECT * FROM fresh'),
      )
      assert.equal(await client.answer(), 'C(BEGIN) Z(T)')
      assert.equal(await client.answer(), 'C(CREATE TABLE) Z(T)')
      assert.equal(await client.answer(), 'C(INSERT 0 1) Z(T)')
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(T)')
      assert.equal(await client.answer(), 'C(ROLLBACK) Z(I)')
      assert.equal(await client.answer(), 'E(42P01) Z(I)')
      const reads = gateway.recorder.of('command').filter(({ text }) => text === 'INSERT INTO fresh VALUES (1)')
      assert.deepEqual(
        reads.map(({ certainty }) => certainty),
        ['parsed'],
      )
    }))
})
