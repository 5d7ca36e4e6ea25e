// `npm run bench -- recording`: what it costs to write down an event, to seal a gibibyte, and to verify it with the built program.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '../gateway/core/clock.ts'
import type { EventBody } from '../gateway/core/events.ts'
import { openRunLog } from '../gateway/record/run-log.ts'
import type { RunLog } from '../gateway/record/run-log.ts'

const GIBIBYTE = 2 ** 30
const EVENTS = 20_000
const SYNCED = 200
const SEAL_GOAL_S = 3
const VERIFY_GOAL_S = 30
const VERIFY_GOAL_MB = 200

interface Verified {
  readonly seconds: number
  /** High water of resident memory. */
  readonly megabytes: number
  readonly status: number | null
}

/** Prints a table; sets the exit status when a goal is missed. */
export async function benchRecording(bytes = GIBIBYTE): Promise<void> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-recording-'))
  try {
    console.log('### The recording\n\n| what | figure | goal |\n|---|--:|---|')
    const log = openRunLog({ dir: path.join(dir, 'rec'), origin: 'localhost/bench/1', clock: systemClock })
    log.commit(null, [opening(log.key)], 'synced')
    row('a command and its decision, written', perEvent(log, EVENTS, 'written'), 'us', null)
    row('a command and its decision, synced', perEvent(log, SYNCED, 'synced'), 'us', null)
    row('a result, queued', await queued(log), 'us', null)
    await fill(log, bytes)
    const startedMs = performance.now()
    await log.seal({ reason: 'bench' })
    const size = statSync(path.join(dir, 'rec', 'events.jsonl')).size
    const title = `${(size / GIBIBYTE).toFixed(2)} GiB, ${log.lines.toLocaleString('en')} lines`
    row(`sealing ${title}`, (performance.now() - startedMs) / 1000, 's', SEAL_GOAL_S)
    const { seconds, megabytes, status } = await verify(path.join(dir, 'rec'), dir)
    if (status !== 0) throw new Error(`verify ended with ${String(status)}`)
    row(`verifying ${title}`, seconds, 's', VERIFY_GOAL_S)
    row('memory of verifying it', megabytes, 'MB', VERIFY_GOAL_MB)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function perEvent(log: RunLog, count: number, durability: 'written' | 'synced'): number {
  const startedMs = performance.now()
  for (let n = 0; n < count; n += 1) log.commit('s-1', command(log.nextCommand(), n), durability)
  return ((performance.now() - startedMs) * 1000) / count
}

async function queued(log: RunLog): Promise<number> {
  const startedMs = performance.now()
  for (let n = 0; n < EVENTS; n += 1)
    if (!log.append('s-1', { kind: 'result', command: 1, tag: 'SELECT 1', rows: 1, durationMs: 1.5 })) await log.drained()
  return ((performance.now() - startedMs) * 1000) / EVENTS
}

/** Statements with a hundred kept rows each, until the log is as long. */
async function fill(log: RunLog, bytes: number): Promise<void> {
  const rows = Array.from({ length: 100 }, (_, n) => [String(n), `name ${n}`, '[redacted]', 'x'.repeat(60)])
  let written = 0
  for (let n = 0; written < bytes; n += 1) {
    const number = log.nextCommand()
    log.commit('s-1', command(number, n), 'written')
    const event: EventBody = { kind: 'rows', command: number, columns: ['id', 'name', 'email', 'note'], rows, omitted: 0 }
    if (!log.append('s-1', event)) await log.drained()
    written += 100 * 90 + 700
  }
}

function command(number: number, n: number): EventBody[] {
  const text = `SELECT id, name, email, note FROM customers WHERE region = ${n} ORDER BY id`
  const read = { effects: ['read'], resources: ['public.customers'], certainty: 'parsed', doubt: null, values: [] }
  return [
    { kind: 'command', command: number, connection: 'orders-db', verb: 'select', text, ...read },
    { kind: 'decision', command: number, outcome: 'allow', rule: 'reads', because: null },
  ]
}

function opening(key: string): EventBody {
  return {
    kind: 'run.open',
    run: { id: 'bench' },
    identity: { issuer: 'bench', subject: 'bench' },
    policy: { digest: 'sha256:0', source: 'bench' },
    connections: [],
    gateway: { version: '0', isolation: 'none' },
    key,
  }
}

async function verify(recording: string, dir: string): Promise<Verified> {
  const root = path.resolve(import.meta.dirname, '..')
  const dist = path.join(dir, 'dist')
  const [built] = await once(spawn(process.execPath, [path.join(root, 'tools/build.mjs'), dist], { stdio: 'inherit' }), 'exit')
  if (built !== 0) throw new Error('the bundles cannot be built')
  const startedMs = performance.now()
  const child = spawn(process.execPath, [path.join(dist, 'cli.mjs'), 'verify', recording, '--json'], { stdio: 'ignore' })
  let megabytes = 0
  const watch = setInterval(() => {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${String(child.pid)}/status`, 'latin1')) ?? []
      megabytes = Math.max(megabytes, Number(kilobytes ?? 0) / 1024)
    } catch {
      // It has just ended.
    }
  }, 50)
  const [status] = (await once(child, 'exit')) as [number | null]
  clearInterval(watch)
  return { seconds: (performance.now() - startedMs) / 1000, megabytes, status }
}

function row(what: string, figure: number, unit: string, most: number | null): void {
  const goal = most === null ? '' : `< ${most} ${unit}: ${figure < most ? 'met' : 'short'}`
  console.log(`| ${what} | ${figure.toLocaleString('en', { maximumFractionDigits: 1 })} ${unit} | ${goal} |`)
  if (most !== null && figure >= most) process.exitCode = 1
}
