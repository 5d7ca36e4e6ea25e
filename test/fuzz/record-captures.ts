// `node test/fuzz/record-captures.ts`: writes what real clients send after their login into captures/, one file a conversation.
// Run by hand when a client is to be added; the files are kept, so that every machine mutates the same bytes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { Client } from 'pg'
import { installedPrograms, startInstalled } from '../e2e/installed-postgres.ts'

/** A conversation is cut off here: the rest is more of the same. */
const MAX_BYTES = 24_000
const folder = path.join(import.meta.dirname, 'captures')

const schema = `CREATE TABLE orders (id int PRIMARY KEY, item text, amount numeric); INSERT INTO orders VALUES (1, 'lamp', 5), (2, 'desk', 7);
CREATE VIEW cheap AS SELECT * FROM orders WHERE amount < 6; CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'`
const typed = `\\set ON_ERROR_STOP off
SELECT * FROM orders; SELECT 1 \\; SELECT 2;
\\d orders
\\dt
BEGIN; UPDATE orders SET amount = amount + 1 WHERE id = 1; SAVEPOINT a; SELECT 1/0; ROLLBACK TO a; COMMIT;
PREPARE q(int) AS SELECT * FROM orders WHERE id = $1; EXECUTE q(1); DEALLOCATE q;
BEGIN; DECLARE c CURSOR FOR SELECT * FROM orders; FETCH 1 FROM c; CLOSE c; ROLLBACK;
CREATE TEMP TABLE t (a int); COPY t FROM STDIN;
1
2
\\.
COPY (SELECT * FROM orders) TO STDOUT;
EXPLAIN ANALYZE SELECT twice(3);
SET search_path = public; SHOW search_path;
DO $$ BEGIN PERFORM 1; END $$;
\\copy t to /dev/null
LISTEN ch; NOTIFY ch, 'x';
`
const psycopg = `
import psycopg
with psycopg.connect("") as conn:
    with conn.pipeline() as p:
        a = conn.execute("SELECT %s::int", (1,)); b = conn.execute("INSERT INTO orders VALUES (%s, %s, %s)", (10, "x", 1)); p.sync()
        c = conn.execute("SELECT * FROM orders WHERE id = %s", (10,))
    for n in range(8): conn.execute("SELECT %s + 1", (n,))
    cur = conn.cursor(binary=True); cur.execute("SELECT id, amount FROM orders"); cur.fetchall()
    with conn.cursor().copy("COPY orders FROM STDIN") as copy:
        copy.write_row((20, "y", 2))
    with conn.cursor("named") as named:
        named.execute("SELECT generate_series(1, 5)"); named.fetchmany(2)
    conn.rollback()
`

const bin = installedPrograms()
if (bin === null) throw new Error('no PostgreSQL server is installed')
const server = await startInstalled(bin, 'trust')
try {
  await run('psql', ['-X', '-c', schema], server.port)
  const program = (name: string): string => path.join(bin, name)
  await record('psql', port => run(program('psql'), ['-X'], port, typed))
  await record('pg_dump', port => run(program('pg_dump'), ['--table=orders'], port))
  await record('pgbench-init', port => run(program('pgbench'), ['-i', '-s', '1', '-I', 'dtgvp'], port))
  await run(program('pgbench'), ['-i', '-s', '1'], server.port)
  for (const mode of ['simple', 'extended', 'prepared'])
    await record(`pgbench-${mode}`, port => run(program('pgbench'), ['-n', '-t', '4', '-M', mode], port))
  await record('psycopg', port => run('/usr/bin/python3', ['-c', psycopg], port))
  await record('node-postgres', playNodePostgres)
} finally {
  await server.stop()
}

async function playNodePostgres(port: number): Promise<void> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', ssl: false })
  client.on('error', () => {})
  await client.connect()
  await client.query('SELECT $1::int AS a, $2::text AS b', [1, 'x'])
  await client.query({ name: 'one', text: 'SELECT * FROM orders WHERE id = $1', values: [1] })
  await client.query({ name: 'one', text: 'SELECT * FROM orders WHERE id = $1', values: [2] })
  await client.query('BEGIN')
  await client.query('UPDATE orders SET item = $1 WHERE id = $2', ['z', 2])
  await client.query('SELECT 1/0').catch(() => {})
  await client.query('ROLLBACK')
  await client.query('SELECT 1; SELECT 2')
  await client.end()
}

/** Plays a client against the server and keeps what its first connection sends after the login. */
async function record(name: string, play: (port: number) => Promise<void>): Promise<void> {
  const streams: Buffer[][] = []
  const proxy = net.createServer(client => {
    const sent: Buffer[] = []
    streams.push(sent)
    const target = net.connect(server.port, '127.0.0.1')
    client.on('data', (chunk: Buffer) => sent.push(chunk))
    client.pipe(target)
    target.pipe(client)
    for (const socket of [client, target]) socket.on('error', () => {})
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  await play((proxy.address() as net.AddressInfo).port)
  proxy.close()
  const longest = streams.map(parts => afterLogin(Buffer.concat(parts))).toSorted((a, b) => b.length - a.length)[0]
  if (longest === undefined) throw new Error(`${name} did not connect`)
  writeFileSync(path.join(folder, `${name}.bin`), wholeMessages(longest))
}

/** The startup message goes by its own length; with `trust` nothing else belongs to the login. */
function afterLogin(bytes: Buffer): Buffer {
  return bytes.length < 4 ? bytes : bytes.subarray(bytes.readInt32BE(0))
}

function wholeMessages(bytes: Buffer): Buffer {
  let end = 0
  while (end + 5 <= bytes.length && end < MAX_BYTES) end += bytes.readInt32BE(end + 1) + 1
  return bytes.subarray(0, Math.min(end, bytes.length))
}

async function run(program: string, args: readonly string[], port: number, input = ''): Promise<void> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    PGHOST: '127.0.0.1',
    PGPORT: `${port}`,
    PGUSER: 'postgres',
    PGDATABASE: 'postgres',
    PGSSLMODE: 'disable',
    PGGSSENCMODE: 'disable',
  }
  const child = spawn(program, args, { env, stdio: ['pipe', 'ignore', 'inherit'] })
  child.stdin.end(input)
  await once(child, 'exit')
}
