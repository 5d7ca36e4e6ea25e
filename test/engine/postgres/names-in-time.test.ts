// A name means what it means when its statement runs: settings that end with a transaction, types that only a number names.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { syncMessage, writeBind, writeExecute, writeParse, writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import type { RawClient } from './raw-client.ts'
import { sessionStage } from './session-stage.ts'

const schema = `CREATE FUNCTION purge() RETURNS int LANGUAGE sql AS 'DELETE FROM public.t; SELECT 1';
CREATE SCHEMA safe; CREATE FUNCTION safe.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT public.purge()';
CREATE DOMAIN trap AS int CHECK (public.purge() = 1)`

describe('a name', () => {
  // Everything but writes is allowed; no row is lost whatever a test tries.
  const stage = sessionStage(schema, 2, {
    decide: ({ effects }) => (effects.has('write') || effects.has('unknown') ? 'deny' : 'allow'),
  })

  async function query(client: RawClient, sql: string): Promise<string> {
    client.send(writeQuery(sql))
    return client.answer()
  }

  it('is looked up again after the transaction whose path it was found by', () =>
    stage.session(async client => {
      assert.match(await query(client, 'BEGIN; SET LOCAL search_path = safe'), /Z\(T\)/)
      assert.equal(await query(client, 'SELECT f()'), 'T D(1) C(SELECT 1) Z(T)')
      assert.equal(await query(client, 'COMMIT; SELECT f()'), 'E(42501) Z(E)')
      assert.match(await query(client, 'ROLLBACK'), /Z\(I\)/)
      assert.equal(await query(client, 'SELECT f()'), 'E(42501) Z(I)')
    }))

  it('is looked up again behind a COMMIT that is still on its way', () =>
    stage.session(async client => {
      await query(client, 'BEGIN; SET LOCAL search_path = safe')
      client.send(writeQuery('COMMIT'), writeQuery('SELECT f()'))
      assert.equal(await client.answer(), 'C(COMMIT) Z(I)')
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      await query(client, 'BEGIN; SET LOCAL search_path = safe')
      const ask = (sql: string): Buffer[] => [writeParse('', sql), writeBind('', ''), writeExecute('')]
      client.send(...ask('COMMIT'), ...ask('SELECT f()'), syncMessage)
      assert.match(await client.answer(), /E\(42501\) Z\(\w\)$/)
    }))

  it('is looked up again after a savepoint is taken back', () =>
    stage.session(async client => {
      await query(client, 'BEGIN; SAVEPOINT a; SET search_path = safe')
      assert.equal(await query(client, 'SELECT f()'), 'T D(1) C(SELECT 1) Z(T)')
      await query(client, 'ROLLBACK TO a')
      assert.equal(await query(client, 'SELECT f()'), 'E(42501) Z(E)')
    }))

  it('of a type counts where only the number of a parameter tells it', () =>
    stage.session(async client => {
      const [[oid]] = (await stage.server.query(stage.database, "SELECT 'trap'::regtype::oid")) as [[string]]
      const bind = [writeBind('', '', [Buffer.from('5')]), writeExecute('')]
      client.send(writeParse('', 'SELECT 1', [Number(oid)]), ...bind, syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeParse('p', 'SELECT 1', [Number(oid)]), syncMessage, ...bind.slice(1), syncMessage)
      assert.equal(await client.answer(), '1 Z(I)')
      await client.answer()
      client.send(writeBind('', 'p', [Buffer.from('5')]), writeExecute(''), syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
      client.send(writeParse('', 'SELECT $1', [23]), ...bind, syncMessage)
      assert.equal(await client.answer(), '1 2 D(5) C(SELECT 1) Z(I)')
      client.send(writeParse('', 'SELECT $1', [987_654_321]), ...bind, syncMessage)
      assert.equal(await client.answer(), 'E(42501) Z(I)')
    }))

  it('of a prepared parameter does not slip by in SQL either', () =>
    stage.session(async client => {
      assert.equal(await query(client, 'PREPARE q(trap) AS SELECT 1'), 'E(42501) Z(I)')
      assert.equal(await query(client, 'PREPARE q(int) AS SELECT $1; EXECUTE q(7)'), 'C(PREPARE) T D(7) C(SELECT 1) Z(I)')
    }))
})
