// pg_dump through the gateway writes what it writes without it, byte for byte.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import { installedPrograms, startInstalled } from './installed-postgres.ts'

const run = promisify(execFile)
const schema = `CREATE TYPE mood AS ENUM ('fine', 'tired');
CREATE TABLE people(id int PRIMARY KEY, "full name" text, mood mood DEFAULT 'fine', more jsonb DEFAULT '{}');
INSERT INTO people SELECT g, 'name ' || g FROM generate_series(1, 5000) g;
CREATE VIEW first_ones AS SELECT * FROM people WHERE id < 10;
CREATE FUNCTION add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE SEQUENCE numbers START 7;`

const bin = installedPrograms()
if (bin === null) process.stderr.write('pg_dump is not installed: its test is left out\n')
else {
  describe('pg_dump through the gateway', () => {
    it('writes the same as without it', async () => {
      const server = await startInstalled(bin)
      const gateway = await gatewayThat({ target: server })
      try {
        const direct = {
          PGHOST: '127.0.0.1',
          PGPORT: `${server.port}`,
          PGUSER: server.user,
          PGPASSWORD: server.password,
          PGDATABASE: server.database,
          PGSSLMODE: 'disable',
        }
        await run(path.join(bin, 'psql'), ['-Xq', '-c', schema], { env: { ...process.env, ...direct } })
        const dump = async (env: Readonly<Record<string, string>>): Promise<string> => {
          const { stdout } = await run(path.join(bin, 'pg_dump'), [], { env: { ...process.env, ...env }, maxBuffer: 1 << 28 })
          // Newer versions put a random word of their own at both ends.
          return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
        }
        const plain = await dump(direct)
        assert.ok(plain.includes('name 5000'))
        assert.equal(await dump(gateway.env), plain)
        assert.ok(gateway.recorder.of('file').some(({ operation, bytes }) => operation === 'copy out' && bytes > 50_000))
      } finally {
        await gateway.stop()
        await server.stop()
      }
    })
  })
}
