// PostgreSQL, side by side: direct, pgbouncer in session mode, and the gateway with policy, recording and one masked column.
// Rounds are interleaved and medians are shown, so that a busy machine slows all three alike.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { startPostgres } from '../world/postgres/server.ts'
import type { BulkOrder, BulkOutcome } from './bulk-client.ts'
import { startGateway } from './gateway.ts'
import { environmentOf } from './login.ts'
import type { Login } from './login.ts'
import { startBouncer } from './pgbouncer.ts'
import { cpuUs, residentMb } from './process-cost.ts'
import { BenchTable } from './table.ts'
import type { Figures, Way } from './table.ts'

const ROUNDS = 3
const BULK_ROUNDS = 3
const SECONDS = 2
/** pgbench's scale: 100,000 rows, about 10 MB, each. */
const SCALE = 11
/** About 100 bytes each. */
const COPIED_ROWS = 1_050_000
const MASKED_ROWS = 2_000_000
const programs = ['18', '17', '16', '15', '14', '13'].map(version => `/usr/lib/postgresql/${version}/bin`)
const run = promisify(execFile)

interface Measured {
  readonly name: Way
  readonly login: Login
  /** Process between client and server; null for the direct way. */
  readonly pid: number | null
}

/** Prints the tables of PostgreSQL's figures. */
export async function benchPostgres(): Promise<void> {
  const bin = programs.find(folder => existsSync(path.join(folder, 'pgbench')))
  if (bin === undefined) {
    console.log('PostgreSQL: left out, because pgbench is not installed (Debian: postgresql-client and postgresql-contrib).')
    return
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-'))
  const server = await startPostgres()
  const stops: (() => Promise<void>)[] = [() => server.stop()]
  try {
    const database = await server.createDatabase('CREATE TABLE people(id int, name text, email text)')
    const direct: Login = { port: server.port, user: server.user, password: server.password, database }
    await run(path.join(bin, 'pgbench'), ['-i', '-q', '-s', `${SCALE}`], { env: environmentOf(direct) })
    await server.query(
      database,
      `INSERT INTO people SELECT g, 'name of person number ' || g, 'somebody-' || g || '@example.org' FROM generate_series(1, ${MASKED_ROWS}) g;
       CREATE UNLOGGED TABLE loaded(id int, words text)`,
    )
    const gateway = await startGateway(direct, dir)
    stops.push(() => gateway.stop())
    const idleMb = residentMb(gateway.pid)
    const bouncer = await startBouncer(direct)
    if (bouncer !== null) stops.push(() => bouncer.stop())
    const ways: readonly Measured[] = [
      { name: 'direct', login: direct, pid: null },
      ...(bouncer === null ? [] : [{ name: 'pgbouncer' as const, login: { ...direct, port: bouncer.port }, pid: bouncer.pid }]),
      { name: 'gateway', login: gateway.login, pid: gateway.pid },
    ]
    const table = new BenchTable(bouncer !== null)
    table.begin(
      'PostgreSQL',
      `Medians of ${ROUNDS} interleaved rounds of ${SECONDS} s (bulk: ${BULK_ROUNDS} of 100 MB or more). Gateway: the built bundle with policy, recording on disk and one masked column; pgbouncer: session mode. CPU: of the process in between, pgbouncer / gateway.`,
    )
    // The gateway's code is compiled while it runs: nobody is measured before it has.
    for (const mode of ['prepared', 'simple']) for (const way of ways) await transactions(bin, way, mode, 8)
    for (const clients of [1, 8]) {
      for (const mode of ['prepared', 'extended', 'simple']) {
        const tps = await interleaved(ways, ROUNDS, way => transactions(bin, way, mode, clients))
        if (clients === 1) {
          table.latency(`${mode}, 1 client, ms`, tps, mode === 'prepared' ? 0.1 : null)
        } else table.ratio(`${mode}, ${clients} clients, tps`, tps, 'us/txn', mode === 'extended' ? null : 0.6)
      }
    }
    const busyMb = residentMb(gateway.pid)
    const fetch = (sql: string, rows = 0) => interleaved(ways, BULK_ROUNDS, way => bulk(way, sql, rows))
    table.ratio('SELECT, MB/s', await fetch('SELECT * FROM pgbench_accounts'), 'us/MB', 0.9)
    table.ratio('COPY out, MB/s', await fetch('COPY pgbench_accounts TO STDOUT'), 'us/MB', 0.9)
    table.ratio('COPY in, MB/s', await fetch('COPY loaded FROM STDIN', COPIED_ROWS), 'us/MB', 0.9)
    table.atLeast('SELECT with a masked column, MB/s', await fetch('SELECT * FROM people'), 'us/MB', 100)
    table.atLeast('COPY out with a masked column, MB/s', await fetch('COPY people TO STDOUT'), 'us/MB', 100)
    table.limit('gateway: resident memory, idle, MB', idleMb, 120)
    table.limit('gateway: resident memory after 8 clients, MB', busyMb, 121.6)
    table.limit('gateway: resident memory after bulk, MB', residentMb(gateway.pid), 121.6)
    table.limit('gateway: `sallyport exec` to its command, ms', gateway.readyMs, 1000)
    for (const name of ['main.mjs', 'gateway.mjs']) table.limit(`dist/${name}, MB`, (gateway.sizes.get(name) ?? Number.NaN) / 1000, 4)
    table.end()
  } finally {
    for (const stop of stops.toReversed()) await stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Round {
  /** Transactions or megabytes a second. */
  readonly speed: number
  /** Transactions or megabytes. */
  readonly amount: number
}

async function interleaved(ways: readonly Measured[], rounds: number, measure: (way: Measured) => Promise<Round>): Promise<Figures> {
  const found = new Map<Way, { speeds: number[]; costs: number[] }>(ways.map(({ name }) => [name, { speeds: [], costs: [] }]))
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) {
      const before = way.pid === null ? 0 : cpuUs(way.pid)
      const { speed, amount } = await measure(way)
      found.get(way.name)?.speeds.push(speed)
      if (way.pid !== null) found.get(way.name)?.costs.push((cpuUs(way.pid) - before) / amount)
    }
  }
  return new Map([...found].map(([way, { speeds, costs }]) => [way, { speed: median(speeds), cost: median(costs) }]))
}

async function transactions(bin: string, { login }: Measured, mode: string, clients: number): Promise<Round> {
  const args = ['-S', '-n', '-M', mode, '-c', `${clients}`, '-j', '1', '-T', `${SECONDS}`]
  const { stdout } = await run(path.join(bin, 'pgbench'), args, { env: environmentOf(login) })
  return {
    speed: Number(/tps = ([\d.]+)/.exec(stdout)?.[1]),
    amount: Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1]),
  }
}

async function bulk({ login }: Measured, sql: string, rows: number): Promise<Round> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'bulk-client.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(`${JSON.stringify({ ...login, sql, rows } satisfies BulkOrder)}\n`)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`the bulk client ended with ${code}`)
  const { bytes, ms } = JSON.parse(text) as BulkOutcome
  return { speed: bytes / 1000 / ms, amount: bytes / 1_000_000 }
}

function median(figures: readonly number[]): number {
  return figures.toSorted((left, right) => left - right)[Math.floor(figures.length / 2)] ?? Number.NaN
}
