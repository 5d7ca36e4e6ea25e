// With a policy that allows everything nothing changes: what psql prints through the gateway is what it prints without it, byte for byte.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from '../../engine/postgres/gateway-that.ts'
import { psqlOutput, withoutChance } from './psql-output.ts'

const folder = path.join(import.meta.dirname, 'sql')
const psql = ['/usr/bin/psql', '/usr/local/bin/psql', '/opt/homebrew/bin/psql'].find(program => existsSync(program))

if (psql === undefined) process.stderr.write('psql is not installed: the tests of transparency are left out\n')
else {
  describe('psql through a gateway that allows everything', () => {
    let server: PostgresServer

    before(async () => {
      server = await startPostgres()
    })
    after(() => server.stop())

    for (const file of readdirSync(folder).toSorted()) {
      it(`prints the same as without it: ${path.basename(file, '.sql').replaceAll('-', ' ')}`, async () => {
        const { port, user, password } = server
        const direct = { PGHOST: '127.0.0.1', PGPORT: `${port}`, PGUSER: user, PGPASSWORD: password, PGSSLMODE: 'disable' }
        const plain = await psqlOutput(psql, path.join(folder, file), { ...direct, PGDATABASE: await server.createDatabase() })
        assert.match(plain, /ERROR:/)
        const database = await server.createDatabase()
        const gateway = await gatewayThat({ target: { port, user, password, database } })
        try {
          const passed = await psqlOutput(psql, path.join(folder, file), gateway.env)
          assert.equal(withoutChance(passed), withoutChance(plain))
          assert.ok(gateway.recorder.of('command').length > 30)
        } finally {
          await gateway.stop()
        }
      })
    }
  })
}
