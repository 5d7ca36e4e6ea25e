// COPY both ways, over both protocols; what is pipelined around its data is still judged.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { message } from '../../../gateway/wire/postgres/message-writer.ts'
import { frontend } from '../../../gateway/wire/postgres/message-type.ts'
import {
  flushMessage,
  syncMessage,
  writeBind,
  writeCopyFail,
  writeExecute,
  writeParse,
  writeQuery,
} from '../../../gateway/wire/postgres/frontend-writer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { RawClient } from './raw-client.ts'

const copyDone = message(frontend.copyDone, [])
const line = (text: string): Buffer => message(frontend.copyData, [Buffer.from(text)])
const copyIn = 'COPY t FROM STDIN'

describe('COPY', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let database: string

  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase('CREATE TABLE t(id int); CREATE TABLE keep(id int); INSERT INTO keep VALUES (1)')
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      decide: command => (command.verb === 'delete' ? 'deny' : 'allow'),
    })
  })
  after(async () => {
    await gateway.stop()
    await server.stop()
  })

  async function session(rows: string, act: (client: RawClient) => Promise<void>): Promise<void> {
    await server.query(database, 'TRUNCATE t')
    const client = await RawClient.logIn(gateway.login)
    try {
      await act(client)
    } finally {
      client.close()
    }
    assert.deepEqual(await server.query(database, "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM t"), [[rows]])
    assert.deepEqual(await server.query(database, 'SELECT count(*) FROM keep'), [['1']])
  }

  it('takes data in and counts its bytes', () =>
    session('1,2', async client => {
      client.send(writeQuery(copyIn))
      await client.until('G')
      client.send(line('1\n'), line('2\n'), copyDone)
      assert.equal(await client.answer(), 'C(COPY 2) Z(I)')
      const file = gateway.recorder.of('file').at(-1)
      assert.equal(file?.operation, 'copy in')
      assert.equal(file?.bytes, 14)
    }))

  it('gives data out', () =>
    session('', async client => {
      client.send(writeQuery('COPY (SELECT generate_series(1,2)) TO STDOUT'))
      assert.equal(await client.answer(), 'H d d c C(COPY 2) Z(I)')
      assert.equal(gateway.recorder.of('file').at(-1)?.operation, 'copy out')
    }))

  it('takes data that was sent ahead', () =>
    session('7', async client => {
      client.send(writeQuery(copyIn), line('7\n'), copyDone, writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'G C(COPY 1) Z(I)')
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('has a statement behind its data judged', () =>
    session('7', async client => {
      client.send(writeQuery(copyIn), line('7\n'), copyDone, writeQuery('DELETE FROM keep'))
      assert.equal(await client.answer(), 'G C(COPY 1) Z(I)')
      assert.equal(await client.answer(), 'E(42501) Z(I)')
    }))

  it('works in the extended protocol, with the Sync that the server ignores', () =>
    session('3', async client => {
      client.send(writeParse('', copyIn), writeBind('', ''), writeExecute(''), syncMessage)
      assert.deepEqual(
        (await client.until('G')).map(({ type }) => type),
        ['1', '2', 'G'],
      )
      client.send(line('3\n'), flushMessage, copyDone, syncMessage)
      assert.equal(await client.answer(), 'C(COPY 1) Z(I)')
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('works in the extended protocol in one packet', () =>
    session('4', async client => {
      client.send(writeParse('', copyIn), writeBind('', ''), writeExecute(''), line('4\n'), copyDone, syncMessage, writeQuery('SELECT 1'))
      assert.equal(await client.answer(), '1 2 G C(COPY 1) Z(I)')
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('is given up by the client', () =>
    session('', async client => {
      client.send(writeQuery(copyIn))
      await client.until('G')
      client.send(line('1\n'), writeCopyFail('changed my mind'))
      assert.equal(await client.answer(), 'E(57014) Z(I)')
    }))

  it('fails on bad data, and what is still sent of it is ignored', () =>
    session('', async client => {
      client.send(writeQuery(copyIn))
      await client.until('G')
      client.send(line('x\n'), line('2\n'), copyDone)
      assert.equal(await client.answer(), 'E(22P02) Z(I)')
      client.send(writeParse('', copyIn), writeBind('', ''), writeExecute(''), syncMessage)
      await client.until('G')
      client.send(line('x\n'), line('2\n'), copyDone, syncMessage)
      assert.equal(await client.answer(), 'E(22P02) Z(I)')
      client.send(writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('fails at once, and what was sent ahead for it is ignored', () =>
    session('', async client => {
      client.send(writeQuery('COPY nosuch FROM STDIN'), line('1\n'), copyDone, writeQuery('SELECT 1'))
      assert.equal(await client.answer(), 'E(42P01) Z(I)')
      assert.equal(await client.answer(), 'T D(1) C(SELECT 1) Z(I)')
    }))

  it('lets no other message hide among its data', () =>
    session('', async client => {
      client.send(writeQuery(copyIn), writeQuery('SELECT 1'))
      const rest = (await client.rest()).map(({ type }) => type).filter(type => type !== 'S')
      assert.deepEqual(rest, ['G', 'E'])
    }))

  it('streams more than fits in memory of a message', () =>
    session('', async client => {
      client.send(writeQuery('COPY (SELECT 0 FROM generate_series(1,100000)) TO STDOUT'))
      const answers = await client.until('Z')
      assert.equal(answers.filter(({ type }) => type === 'd').length, 100_000)
    }))
})
