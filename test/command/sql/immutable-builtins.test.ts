// The list of the server's immutable functions is what a real server says of itself.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtinConduct } from '../../../gateway/command/sql/taint-builtins.ts'
import names from '../../../gateway/command/sql/immutable-builtins.json' with { type: 'json' }
import { startPostgres } from '../../../world/postgres/server.ts'

/** Every overload of the name is immutable and part of the server: it computes from its arguments, whatever they are. */
const query = `
  SELECT proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
   WHERE pronamespace = 'pg_catalog'::regnamespace
   GROUP BY 1 HAVING bool_and(provolatile = 'i' AND lanname = 'internal' AND prokind = 'f')`

describe('immutable functions of the server', () => {
  it('are immutable in every form, and pure for masks', async () => {
    const server = await startPostgres()
    try {
      const known = new Set((await server.query('postgres', query)).map(([name]) => name))
      const listed = Object.values(names).flatMap(line => line.split(' '))
      assert.ok(listed.length > 1_000)
      assert.deepEqual(
        listed.filter(name => !known.has(name)),
        [],
      )
      for (const name of listed) assert.equal(builtinConduct(name), 'pure', name)
      for (const name of ['query_to_xml', 'table_to_xml', 'pg_read_file', 'lo_get', 'ts_stat', 'ts_rewrite', 'pg_mcv_list_items'])
        assert.equal(builtinConduct(name), null, name)
    } finally {
      await server.stop()
    }
  })
})
