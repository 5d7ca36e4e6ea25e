// The list of PostgreSQL's own functions, operators and types is what a real server has, less what was decided by hand.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { specialBuiltins } from '../../../gateway/command/sql/builtin-effects.ts'
import { effectsOfBuiltin } from '../../../gateway/command/sql/builtins.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { builtinNamesFile, deriveBuiltinNames } from './builtin-derivation.ts'

describe('names of pg_catalog', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(async () => server.stop())

  it('are those of a real server, and every volatile function is decided', async () => {
    const { names, undecided } = await deriveBuiltinNames(server)
    assert.deepEqual(undecided, [])
    assert.deepEqual(JSON.parse(readFileSync(builtinNamesFile, 'utf8')), names)
  })

  it('hold no function that is given a query as harmless', async () => {
    const rows = await server.query(
      'postgres',
      `SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proargnames[1:pronargs] && '{query,sql}'
          AND NOT 'tsquery'::regtype = ANY (proargtypes)`,
    )
    const takers = rows.map(row => row[0] ?? '')
    assert.ok(takers.includes('query_to_xml') && takers.includes('ts_stat'))
    for (const name of takers) assert.ok(effectsOfBuiltin(name)?.includes('unknown'), `${name} counts as harmless`)
  })

  for (const name of [
    'pg_read_file',
    'pg_ls_dir',
    'lo_import',
    'lo_export',
    'pg_terminate_backend',
    'pg_notify',
    'setval',
    'nextval',
    'domain_in',
  ]) {
    it(`does not hold ${name} as harmless`, () => assert.notDeepEqual(effectsOfBuiltin(name), []))
  }

  it('gives each special function one decision', () => {
    for (const [name, effects] of specialBuiltins) assert.ok(effects.length > 0, name)
  })
})
