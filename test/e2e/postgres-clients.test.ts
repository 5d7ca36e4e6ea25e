// Unmodified clients through the gateway: psql, pgbench, node-postgres, psycopg. What they do to the database and what they are told.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import type { TestGateway } from '../engine/postgres/gateway-that.ts'
import { identity, orders } from '../session/samples.ts'

const schema = `CREATE TABLE customers(id int PRIMARY KEY, email text);
INSERT INTO customers VALUES (1, 'canary-ada@leak.example'), (2, 'canary-bob@leak.example');
CREATE TABLE items(id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'lamp'), (2, 'desk')`

/** Debian's wrapper of pgbench picks another version than psql's; the real programs stand here. */
const programs = '/usr/lib/postgresql/15/bin'

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>, input = ''): Promise<Outcome> {
  return new Promise(resolve => {
    const own = `${programs}/${program}`
    const child = execFile(
      existsSync(own) ? own : program,
      args,
      { env: { ...process.env, ...env }, timeout: 60_000 },
      (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
      },
    )
    child.stdin?.end(input)
  })
}

describe('through the gateway', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let database: string

  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase(schema)
    const rule = {
      name: 'pii',
      on: null,
      columns: [{ schema: 'public', table: 'customers', column: 'email' }],
      patterns: [],
      fields: [],
      with: { kind: 'redact' as const },
      unless: [],
      inference: 'allow' as const,
    }
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      decide: command =>
        command.verb === 'delete' || (command.verb === 'drop table' && command.text.includes('items')) ? 'deny' : 'allow',
      masker: maskerFor([rule], Buffer.alloc(16, 1))(identity, orders),
    })
  })
  after(async () => {
    await gateway.stop()
    await server.stop()
  })

  it('psql reads, is refused, and keeps its prompt', async () => {
    const { code, out, err } = await run(
      'psql',
      ['-XAt'],
      gateway.env,
      'SELECT name FROM items ORDER BY id;\nDROP TABLE items;\nSELECT 42;\n\\d items\n',
    )
    assert.equal(code, 0)
    assert.match(out, /^lamp\ndesk\n42\n/)
    assert.match(out, /id\|integer/)
    assert.match(err, /ERROR:  sallyport: denied by rule no-writes: Nothing is written here\./)
    assert.deepEqual(await server.query(database, 'SELECT count(*) FROM items'), [['2']])
  })

  it('psql sees a masked column masked, in every protocol and by COPY', async () => {
    for (const args of [
      ['-c', 'SELECT * FROM customers'],
      ['-c', 'COPY customers TO STDOUT'],
      ['-c', 'SELECT email AS e FROM customers c'],
    ]) {
      const { out, err } = await run('psql', ['-XAt', ...args], gateway.env)
      assert.equal(`${out}${err}`.includes('canary'), false, args.join(' '))
    }
    const client = new Client({ host: '127.0.0.1', port: gateway.port, user: 'x', password: gateway.ticket, database })
    await client.connect()
    for (const values of [[], [1]]) {
      const { rows } = await client.query(`SELECT id, email FROM customers ${values.length === 0 ? '' : 'WHERE id = $1'}`, values)
      assert.ok(rows.length > 0)
      assert.equal(JSON.stringify(rows).includes('canary'), false)
    }
    await client.end()
    assert.equal(JSON.stringify(gateway.recorder.kept).includes('canary'), false)
    assert.ok(gateway.recorder.of('mask').some(({ rule, values }) => rule === 'pii' && values > 0))
  })

  it('psql runs a migration with \\copy in a transaction', async () => {
    const script =
      'BEGIN;\nCREATE TABLE made(id int, name text);\n\\copy made FROM STDIN\n1\tone\n2\ttwo\n\\.\nALTER TABLE made ADD COLUMN more int DEFAULT 7;\nUPDATE made SET more = 8 WHERE id = 1;\nCOMMIT;\n'
    const { code, err } = await run('psql', ['-X', '-v', 'ON_ERROR_STOP=1', '-f', '-'], gateway.env, script)
    assert.equal(err, '')
    assert.equal(code, 0)
    assert.deepEqual(await server.query(database, 'SELECT id, more FROM made ORDER BY id'), [
      ['1', '8'],
      ['2', '7'],
    ])
  })

  for (const mode of ['simple', 'extended', 'prepared']) {
    it(`pgbench runs in ${mode} mode`, async () => {
      await run('pgbench', ['-i', '-s', '1', '-q', '-I', 'dtgvp'], {
        ...gateway.env,
        PGPORT: `${server.port}`,
        PGUSER: server.user,
        PGPASSWORD: server.password,
      })
      const { code, out, err } = await run('pgbench', ['-n', '-M', mode, '-c', '3', '-t', '20'], gateway.env)
      assert.equal(code, 0, err)
      assert.match(out, /number of transactions actually processed: 60\/60/)
      assert.deepEqual(await server.query(database, 'SELECT count(*) FROM pgbench_history'), [['60']])
    })
  }

  it('node-postgres prepares, pages, fails and goes on', async () => {
    const client = new Client({
      host: '127.0.0.1',
      port: gateway.port,
      user: 'x',
      password: gateway.ticket,
      database,
      application_name: 'shop',
    })
    await client.connect()
    for (let round = 0; round < 3; round++) {
      const { rows } = await client.query({ name: 'by-id', text: 'SELECT name FROM items WHERE id = $1', values: [1 + (round % 2)] })
      assert.deepEqual(rows, [{ name: round % 2 === 0 ? 'lamp' : 'desk' }])
    }
    await assert.rejects(client.query('DELETE FROM items'), { code: '42501' })
    await assert.rejects(client.query('DELETE FROM items WHERE id = $1', [1]), { code: '42501' })
    await assert.rejects(client.query('SELECT 1/0'), { code: '22012' })
    await client.query('BEGIN')
    await assert.rejects(client.query('DELETE FROM items WHERE id = $1', [1]), { code: '42501' })
    await assert.rejects(client.query('SELECT 1'), { code: '25P02' })
    await client.query('ROLLBACK')
    assert.deepEqual((await client.query('SELECT count(*)::int AS n FROM items')).rows, [{ n: 2 }])
    await client.end()
    assert.ok(gateway.recorder.of('session.open').some(({ client }) => client === 'shop'))
  })

  it('psycopg runs pipelines, prepared statements and COPY', async () => {
    const script = `
import psycopg
with psycopg.connect(autocommit=True) as c:
    with c.pipeline():
        cursors = [c.execute('SELECT %s::int', [n]) for n in range(20)]
    assert [cursor.fetchone()[0] for cursor in cursors] == list(range(20))
    for n in range(12):
        assert c.execute('SELECT name FROM items WHERE id = %s', [1]).fetchone() == ('lamp',)
    try:
        with c.pipeline():
            c.execute('INSERT INTO items VALUES (%s, %s)', [77, 'x'])
            c.execute('DELETE FROM items WHERE id = %s', [1])
        raise SystemExit('not refused')
    except psycopg.errors.InsufficientPrivilege:
        pass
    assert c.execute('SELECT count(*) FROM items').fetchone() == (2,)
    with c.cursor().copy('COPY items FROM STDIN') as copy:
        copy.write_row((3, 'chair'))
    with c.cursor().copy('COPY items TO STDOUT') as copy:
        assert len(list(copy)) == 3
    with c.transaction():
        with c.cursor('named') as named:
            named.execute('SELECT id FROM items ORDER BY id')
            assert named.fetchmany(2) == [(1,), (2,)]
print('fine')
`
    const { out, err } = await run('/usr/bin/python3', ['-'], gateway.env, script)
    assert.equal(out, 'fine\n', err)
    await server.query(database, 'DELETE FROM items WHERE id = 3')
  })

  it('psycopg2 reads, writes and cancels', async () => {
    const script = `
import psycopg2, threading, time
c = psycopg2.connect('')
cur = c.cursor()
cur.execute('SELECT name FROM items WHERE id = %s', (2,))
assert cur.fetchone() == ('desk',)
stop = threading.Event()
def cancel():
    while not stop.wait(0.1):
        c.cancel()
thread = threading.Thread(target=cancel)
thread.start()
try:
    cur.execute('SELECT pg_sleep(30)')
    raise SystemExit('not cancelled')
except psycopg2.errors.QueryCanceled:
    pass
finally:
    stop.set()
    thread.join()
print('fine')
`
    const { out, err } = await run('/usr/bin/python3', ['-'], gateway.env, script)
    assert.equal(out, 'fine\n', err)
  })
})
