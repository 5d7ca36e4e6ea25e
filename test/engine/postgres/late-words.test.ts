// Code of the database that speaks under another message than the one that set it off: deferred triggers, functions run by the planner.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { resultMaskDeskFor } from '../../../gateway/engine/postgres/result-mask-desk.ts'
import { writeBind, writeDescribe, writeExecute, writeParse, writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { startPostgres, type PostgresServer } from '../../../world/postgres/server.ts'
import { maskerOf } from '../../cases/mask.ts'
import { gatewayThat, type TestGateway } from './gateway-that.ts'
import { RawClient } from './raw-client.ts'

const SCHEMA = `
CREATE TABLE people (id int PRIMARY KEY, name text, email text);
INSERT INTO people VALUES (1, 'Ann', 'canary-ann@leak.example');
CREATE TABLE plain (id int);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'was %', OLD; RAISE EXCEPTION 'is %', NEW; END $$;
CREATE CONSTRAINT TRIGGER tells AFTER UPDATE ON people DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell();
CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT email FROM people WHERE id = $1';
`
const UPDATE = "UPDATE people SET name = 'Bea' WHERE id = 1"
const sync = Buffer.from([0x53, 0, 0, 0, 4])
const flush = Buffer.from([0x48, 0, 0, 0, 4])

describe('words that come late', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let client: RawClient

  before(async () => {
    server = await startPostgres()
    const database = await server.createDatabase(SCHEMA)
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      masker: maskerOf(['public.people.email']),
      engine: { maskDeskFor: resultMaskDeskFor },
    })
    client = await RawClient.logIn(gateway.login)
  })
  after(async () => {
    client.close()
    await gateway.stop()
    await server.stop()
  })

  /** Everything that came up to so many ReadyForQuery, as latin1; and nothing of it, nor of the recording, holds the canary. */
  async function answerOf(readies: number, ...messages: readonly Buffer[]): Promise<string> {
    client.send(...messages)
    let all = ''
    for (let left = readies; left > 0;) {
      const { type, bytes } = await client.next()
      all += `${type} ${bytes.toString('latin1', 5)}\n`
      if (type === 'Z') left -= 1
    }
    assert.ok(!all.includes('canary'), all)
    assert.ok(!JSON.stringify(gateway.recorder.kept).includes('canary'))
    return all
  }

  async function play(...texts: readonly string[]): Promise<string> {
    let last = ''
    for (const text of texts) last = await answerOf(1, writeQuery(text))
    return last
  }

  const run = (text: string): readonly Buffer[] => [writeParse('', text), writeBind('', ''), writeExecute('')]

  const ways: Readonly<Record<string, () => Promise<string>>> = {
    'at COMMIT': async () => play('BEGIN', UPDATE, 'COMMIT'),
    'at COMMIT behind a savepoint': async () => play('BEGIN', UPDATE, 'SAVEPOINT s', 'COMMIT'),
    'at COMMIT behind a second BEGIN': async () => play('BEGIN', UPDATE, 'BEGIN', 'COMMIT AND CHAIN'),
    'at SET CONSTRAINTS': async () => play('BEGIN', UPDATE, 'SET CONSTRAINTS ALL IMMEDIATE'),
    'at the end of a message, under a harmless statement': async () => play(`${UPDATE}; SELECT 1`),
    'at Sync': async () => answerOf(1, ...run(UPDATE), sync),
    'at Sync behind another statement': async () => answerOf(1, ...run(UPDATE), ...run('SELECT 1'), sync),
    'at Sync behind an answer that was flushed': async () => {
      client.send(...run(UPDATE), flush)
      await client.until('C')
      client.send(...run('SELECT 1'), flush)
      await client.until('C')
      return answerOf(1, sync)
    },
    'in a pipeline': async () => answerOf(3, ...run('SELECT 1'), sync, ...run(UPDATE), sync, ...run('SELECT 1'), sync),
    'of a prepared statement': async () => play(`PREPARE late AS ${UPDATE}`, 'BEGIN', 'EXECUTE late', 'COMMIT'),
  }
  for (const [when, way] of Object.entries(ways)) {
    it(`of a deferred trigger say nothing ${when}`, async () => {
      const answer = await way()
      assert.match(answer, /withheld by sallyport/)
      assert.match(answer, /CP0001/)
      await play('ROLLBACK')
    })
  }

  it('of a function that the planner runs say nothing at Bind', async () => {
    const text = 'SELECT mail_of(1)::int'
    const answer = await answerOf(1, writeParse('', text), writeBind('', ''), writeDescribe('portal', ''), flush, writeExecute(''), sync)
    assert.match(answer, /22P02[^]*withheld by sallyport/)
  })

  it('of the server arrive as they are when nothing masked was touched since', async () => {
    await play('BEGIN', UPDATE, 'ROLLBACK')
    assert.match(await play('SELECT nope FROM plain'), /column "nope" does not exist/)
    assert.match(await answerOf(1, ...run('SELECT 1 FROM nope'), sync), /relation "nope" does not exist/)
    assert.match(await play('SAVEPOINT s'), /SAVEPOINT can only be used in transaction blocks/)
    await play('BEGIN')
    assert.match(await play("SELECT 'x'::int"), /invalid input syntax for type integer: "x"/)
    await play('ROLLBACK')
  })
})
