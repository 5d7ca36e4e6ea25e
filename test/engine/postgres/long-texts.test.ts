// Texts above 64 KB are read elsewhere: meanwhile other sessions are served, the pipeline keeps its order, and a cancel or an end wins.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { OffThreadReader } from '../../../gateway/command/sql/off-thread-reader.ts'
import { StatementCache } from '../../../gateway/command/sql/statement-cache.ts'
import type { SqlContext, SqlStatement } from '../../../gateway/command/sql/sql-statement.ts'
import { writeBind, writeExecute, writeParse, writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { writeCancelRequest } from '../../../gateway/wire/postgres/startup.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from './gateway-that.ts'
import type { GatewaySettings, TestGateway } from './gateway-that.ts'
import { fieldsOf, RawClient } from './raw-client.ts'

const sync = Buffer.from([0x53, 0, 0, 0, 4])
const comment = `/* ${'x'.repeat(70_000)} */`

describe('a text above 64 KB', () => {
  let server: PostgresServer
  let database: string

  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase('CREATE TABLE t (id int, name text)')
  })
  after(() => server.stop())

  async function withGateway(settings: Partial<GatewaySettings>, use: (gateway: TestGateway) => Promise<void>): Promise<void> {
    const { port, user, password } = server
    const gateway = await gatewayThat({ target: { port, user, password, database }, ...settings })
    try {
      await use(gateway)
    } finally {
      await gateway.stop()
    }
  }

  it('does not keep the statement of another session waiting while it is read', async () => {
    const order: string[] = []
    const reading = observedReader(() => order.push('read'))
    await withGateway({ engine: { read: reading.read } }, async gateway => {
      const [big, small] = [await RawClient.logIn(gateway.login), await RawClient.logIn(gateway.login)]
      const rows = Array.from({ length: 100_000 }, (_, at) => `(${at}, 'name ${at} and some words to make it longer')`).join(', ')
      big.send(writeQuery(`INSERT INTO t VALUES ${rows}`))
      await reading.begun
      for (let turn = 1; turn <= 3; turn++) {
        small.send(writeQuery(`SELECT ${turn}`))
        order.push(await small.answer())
      }
      order.push(await big.answer())
      const answers = [1, 2, 3].map(turn => `T D(${turn}) C(SELECT 1) Z(I)`)
      assert.deepEqual(order, [...answers, 'read', 'C(INSERT 0 100000) Z(I)'])
      assert.equal(gateway.recorder.of('command').find(({ effects }) => effects.includes('write'))?.certainty, 'parsed')
      big.close()
      small.close()
    })
  })

  it('is judged like any other: a write in it is refused, and nothing of it is sent', async () => {
    const decide: GatewaySettings['decide'] = command => (command.effects.has('write') ? 'deny' : 'allow')
    await withGateway({ decide }, async gateway => {
      const client = await RawClient.logIn(gateway.login)
      client.send(writeQuery(`${comment} DELETE FROM t`))
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeParse('', `${comment} DELETE FROM t`), writeBind('', ''), writeExecute(''), sync)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeParse('', `${comment} SELECT 1`), writeBind('', ''), writeExecute(''), sync)
      assert.equal(await client.answer(), '1 2 D(1) C(SELECT 1) Z(I)')
      client.close()
    })
  })

  it('keeps its place in a pipeline', async () => {
    await withGateway({}, async gateway => {
      const client = await RawClient.logIn(gateway.login)
      const ask = (text: string): Buffer[] => [writeParse('', text), writeBind('', ''), writeExecute('')]
      client.send(...ask('SELECT 1'), ...ask(`${comment} SELECT 2`), ...ask('SELECT 3'), sync, ...ask('SELECT 4'), sync)
      assert.equal(await client.answer(), '1 2 D(1) C(SELECT 1) 1 2 D(2) C(SELECT 1) 1 2 D(3) C(SELECT 1) Z(I)')
      assert.equal(await client.answer(), '1 2 D(4) C(SELECT 1) Z(I)')
      assert.deepEqual(
        gateway.texts().map(text => text.slice(-8)),
        ['SELECT 1', 'SELECT 2', 'SELECT 3', 'SELECT 4'],
      )
      client.close()
    })
  })

  it('is read again at Execute when the catalog has changed since Parse', async () => {
    const decide: GatewaySettings['decide'] = command => (command.effects.has('call') ? 'deny' : 'allow')
    await withGateway({ decide }, async gateway => {
      const client = await RawClient.logIn(gateway.login)
      client.send(writeQuery("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"))
      await client.answer()
      client.send(writeParse('p', `${comment} SELECT f(1)`), sync, writeBind('', 'p'), writeExecute(''), sync)
      assert.equal(await client.answer(), '1 Z(I)')
      assert.equal(await client.answer(), '2 D(1) C(SELECT 1) Z(I)')
      client.send(writeQuery("CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'"))
      await client.answer()
      client.send(writeBind('', 'p'), writeExecute(''), sync)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.close()
    })
  })

  it('that is never done is cancelled by the client, and the session lives on', async () => {
    const reading = stuckReader()
    await withGateway({ engine: { read: reading.read } }, async gateway => {
      const client = await RawClient.logIn(gateway.login)
      client.send(writeQuery(`${comment} SELECT 1`))
      await reading.begun
      const canceller = await RawClient.connect(gateway.port)
      canceller.send(writeCancelRequest(client.key!.pid, client.key!.key))
      const [error] = await client.until('Z')
      assert.equal(fieldsOf(error!.bytes).get('C'), '57014')
      client.send(writeQuery('SELECT 2'))
      assert.equal(await client.answer(), 'T D(2) C(SELECT 1) Z(I)')
      assert.deepEqual(gateway.texts(), ['SELECT 2'])
      client.close()
      canceller.close()
    })
  })

  it('never runs when its client has gone before it was read', async () => {
    const reading = stuckReader()
    await withGateway({ engine: { read: reading.read } }, async gateway => {
      const client = await RawClient.logIn(gateway.login)
      client.send(writeQuery(`${comment} INSERT INTO t VALUES (-1)`))
      await reading.begun
      client.close()
      const other = await RawClient.logIn(gateway.login)
      while (gateway.recorder.of('session.close').length === 0) await new Promise(resolve => setImmediate(resolve))
      await reading.finish()
      other.send(writeQuery('SELECT count(*) FROM t WHERE id = -1'))
      assert.equal(await other.answer(), 'T D(0) C(SELECT 1) Z(I)')
      assert.deepEqual(gateway.texts(), ['SELECT count(*) FROM t WHERE id = -1'])
      other.close()
    })
  })
})

/** Reads as the engine does, and tells when a long text is begun and done. */
function observedReader(onDone: () => void): ReturnType<typeof stuckReader> {
  const reading = stuckReader()
  return {
    ...reading,
    read: (text, context) => {
      const statements = reading.read(text, context)
      if (!(statements instanceof Promise)) return statements
      statements.then(onDone, onDone)
      void reading.finish()
      return statements
    },
  }
}

/** Reads short texts at once; a long one only when it is told to. */
function stuckReader(): {
  readonly read: (text: Buffer, context: SqlContext) => readonly SqlStatement[] | Promise<readonly SqlStatement[]>
  readonly begun: Promise<void>
  readonly finish: () => Promise<void>
} {
  const cache = new StatementCache()
  const reader = new OffThreadReader({ idleMs: 50 })
  let begin: () => void = () => {}
  let open: () => void = () => {}
  const begun = new Promise<void>(resolve => (begin = resolve))
  const gate = new Promise<void>(resolve => (open = resolve))
  let done: Promise<unknown> = Promise.resolve()
  return {
    begun,
    read: (text, context) => {
      if (text.length < 65_536) return cache.read(text, context)
      begin()
      const statements = gate.then(() => reader.read(text, context))
      done = statements
      return statements
    },
    finish: async () => {
      open()
      await done
    },
  }
}
