// PostgreSQL, side by side: direct, pgbouncer in session mode, and the gateway with policy, recording and one masked column.
// Rounds are interleaved and medians are shown, so that a busy machine slows all three alike.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { startPostgres } from '../world/postgres/server.ts'
import type { BenchTarget } from './gateway-process.ts'
import { startBouncer } from './pgbouncer.ts'

const ROUNDS = 5
const SECONDS = 2
/** pgbench's scale: 100,000 rows, about 10 MB of COPY, each. */
const SCALE = 10
const programs = ['/usr/lib/postgresql/18/bin', '/usr/lib/postgresql/17/bin', '/usr/lib/postgresql/16/bin', '/usr/lib/postgresql/15/bin']
const run = promisify(execFile)

type Way = 'direct' | 'pgbouncer' | 'gateway'
type Environment = Readonly<Record<string, string>>

/** Prints the table of PostgreSQL's figures. */
export async function benchPostgres(): Promise<void> {
  const bin = programs.find(folder => existsSync(path.join(folder, 'pgbench')))
  if (bin === undefined) {
    console.log('PostgreSQL: left out, because pgbench is not installed (Debian: postgresql-client and postgresql-contrib).')
    return
  }
  const server = await startPostgres()
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-'))
  const database = await server.createDatabase('CREATE TABLE people(id int, name text, email text)')
  const direct = environment(server.port, server.user, server.password, database)
  await run(path.join(bin, 'pgbench'), ['-i', '-q', '-s', `${SCALE}`], { env: { ...process.env, ...direct } })
  await server.query(
    database,
    "INSERT INTO people SELECT g, 'name ' || g, 'somebody-' || g || '@example.org' FROM generate_series(1, 1000000) g",
  )
  const target: BenchTarget = {
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    dir: path.join(dir, 'recording'),
  }
  const gateway = await startGateway(target)
  const bouncer = await startBouncer(target)
  const ways: readonly (readonly [Way, Environment])[] = [
    ['direct', direct],
    ...(bouncer === null ? [] : [['pgbouncer', environment(bouncer.port, server.user, server.password, database)] as const]),
    ['gateway', environment(gateway.port, server.user, gateway.ticket, database)],
  ]
  try {
    console.log('### PostgreSQL\n')
    console.log(
      `Medians of ${ROUNDS} interleaved rounds of ${SECONDS} s, one machine for all. Gateway: policy, recording on disk, one masked column.\n`,
    )
    console.log('| workload | direct | pgbouncer | gateway | to direct | to pgbouncer | goal |')
    console.log('|---|--:|--:|--:|--:|--:|---|')
    for (const [mode, clients] of [
      ['prepared', 1],
      ['simple', 1],
      ['prepared', 8],
      ['extended', 8],
      ['simple', 8],
    ] as const) {
      const found = await interleaved(ways, env => transactions(bin, env, mode, clients))
      if (clients === 1) {
        const added = (1000 / found.gateway - 1000 / found.direct).toFixed(3)
        print(`${mode}, 1 client, tps (added ${added} ms)`, found, mode === 'prepared' ? 'added <= 0.10 ms' : '')
      } else print(`${mode}, ${clients} clients, tps`, found, mode === 'extended' ? '' : '>= 0.6 of pgbouncer')
    }
    for (const [name, sql, goal] of [
      ['COPY out', 'COPY pgbench_accounts TO STDOUT', '>= 0.9 of pgbouncer'],
      ['SELECT *', 'SELECT * FROM pgbench_accounts', '>= 0.9 of pgbouncer'],
      ['SELECT with a masked column', 'SELECT * FROM people', '>= 100 MB/s'],
    ] as const) {
      print(`${name}, MB/s`, await interleaved(ways, env => throughput(bin, env, sql)), goal)
    }
    console.log(`\nResident memory of the gateway after all this: ${residentMb(gateway.pid)} MB (goal: 120 MB and 0.2 MB a connection).\n`)
  } finally {
    await gateway.stop()
    await bouncer?.stop()
    await server.stop()
    rmSync(dir, { recursive: true })
  }
}

async function interleaved(
  ways: readonly (readonly [Way, Environment])[],
  measure: (env: Environment) => Promise<number>,
): Promise<Record<Way, number>> {
  const found: Record<Way, number[]> = { direct: [], pgbouncer: [], gateway: [] }
  for (let round = 0; round < ROUNDS; round++) for (const [way, env] of ways) found[way].push(await measure(env))
  return { direct: median(found.direct), pgbouncer: median(found.pgbouncer), gateway: median(found.gateway) }
}

async function transactions(bin: string, env: Environment, mode: string, clients: number): Promise<number> {
  const args = ['-S', '-n', '-M', mode, '-c', `${clients}`, '-j', '1', '-T', `${SECONDS}`]
  const { stdout } = await run(path.join(bin, 'pgbench'), args, { env: { ...process.env, ...env } })
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
}

/** Reads all of a result, over a driver-less client, and counts what comes off the socket. */
async function throughput(bin: string, env: Environment, sql: string): Promise<number> {
  const startedMs = performance.now()
  const child = spawn(path.join(bin, 'psql'), ['-XAtq', '-v', 'FETCH_COUNT=0', '-c', sql], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let bytes = 0
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length))
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`psql ended with ${code}`)
  return bytes / 1_000_000 / ((performance.now() - startedMs) / 1000)
}

async function startGateway(target: BenchTarget): Promise<{ port: number; ticket: string; pid: number; stop: () => Promise<void> }> {
  const script = path.join(import.meta.dirname, 'gateway-process.ts')
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.write(`${JSON.stringify(target)}\n`)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { port, ticket } = JSON.parse(line.toString()) as { port: number; ticket: string }
  return {
    port,
    ticket,
    pid: child.pid ?? 0,
    async stop() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

function environment(port: number, user: string, password: string, database: string): Environment {
  return { PGHOST: '127.0.0.1', PGPORT: `${port}`, PGUSER: user, PGPASSWORD: password, PGDATABASE: database, PGSSLMODE: 'disable' }
}

function print(name: string, { direct, pgbouncer, gateway }: Record<Way, number>, goal: string): void {
  const ratio = (other: number): string => (Number.isNaN(other) ? '-' : (gateway / other).toFixed(2))
  console.log(`| ${name} | ${shown(direct)} | ${shown(pgbouncer)} | ${shown(gateway)} | ${ratio(direct)} | ${ratio(pgbouncer)} | ${goal} |`)
}

function shown(figure: number): string {
  if (Number.isNaN(figure)) return '-'
  return figure >= 1000 ? Math.round(figure).toLocaleString('en') : figure.toFixed(1)
}

function residentMb(pid: number): string {
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return kb === undefined ? '?' : `${Math.round(Number(kb) / 1024)}`
}

function median(figures: readonly number[]): number {
  return figures.toSorted((left, right) => left - right)[Math.floor(figures.length / 2)] ?? Number.NaN
}
