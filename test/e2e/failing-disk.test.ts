// The kernel refuses to write the log: the client is told in its own protocol, its session ends, and nothing reaches the server unrecorded.
// strace lets one kind of call fail for one file; file limits and a small file system are real.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { plainStart } from '../../gateway/control/gateway-start.ts'
import type { GatewayStart } from '../../gateway/control/gateway-start.ts'
import { launchGateway } from '../../gateway/control/launch.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { openExecStage, root, type ExecStage } from './exec-stage.ts'

/** More than any of these disks takes. */
const STATEMENTS = 3000
const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']

interface Outcome {
  /** SQLSTATE and words that the client got. */
  readonly code: string
  readonly message: string
  readonly ran: readonly string[]
  readonly recorded: ReadonlySet<string>
}

describe('a disk that refuses', () => {
  let stage: ExecStage
  before(async () => {
    stage = await openExecStage()
    await stage.postgres.query(stage.database, 'CREATE TABLE marks (mark text); GRANT ALL ON marks TO ci')
  })
  after(() => stage.close())

  for (const { what, calls, when } of [
    { what: 'to write the log', calls: 'write,pwrite64,writev,pwritev', when: '25+' },
    { what: 'one write of the log, and takes the next', calls: 'write,pwrite64,writev,pwritev', when: '25' },
    { what: 'the first write of the log after the start', calls: 'write,pwrite64,writev,pwritev', when: '2+' },
  ])
    it(`${what} (EIO): the command does not run, the client gets 58030 and its session ends`, async () => {
      const out = path.join(stage.dir, `eio-${calls.length}-${when}`)
      const outcome = await play(out, inject(path.join(out, 'events.jsonl'), calls, 'EIO', when))
      judge(outcome)
      await incomplete(out)
    })

  it('to sync the log (EIO): what was to be synced does not happen, and nothing runs after it', async () => {
    const out = path.join(stage.dir, 'eio-sync')
    // The first sync is that of run.open.
    const start = inject(path.join(out, 'events.jsonl'), 'fdatasync,fsync', 'EIO', '2+')
    const outcome = await play(out, start, n => (n === 20 ? 'DROP TABLE marks' : null))
    judge(outcome)
    assert.equal(outcome.ran.length, 20)
    await incomplete(out)
  })

  it('to open another file (EMFILE), for a checkpoint: the log ends with what was signed, and nothing runs after it', async () => {
    const out = path.join(stage.dir, 'emfile')
    const outcome = await play(out, inject(path.join(out, 'checkpoint.tmp'), 'open,openat', 'EMFILE', '2+'))
    judge(outcome)
    await incomplete(out)
  })

  it('more than so many open files (ulimit -n), while clients take them all: who is let in is recorded', async () => {
    const out = path.join(stage.dir, 'ulimit')
    const plain = plainStart(path.join(root, 'dist/gateway.mjs'), null)
    const start = { ...plain, file: 'bash', args: ['-c', 'ulimit -n 60; exec "$0" "$@"', plain.file, ...plain.args] }
    const launched = await launchGateway({ start, log: null, request: stage.launchRequest(out, readFileSync(stage.writePolicy(), 'utf8')) })
    const url = launched.ready.endpoints[0]?.url ?? ''
    const clients = Array.from({ length: 80 }, () => new Client({ connectionString: url, connectionTimeoutMillis: 5_000 }))
    for (const client of clients) client.on('error', () => undefined)
    const connected = await Promise.allSettled(clients.slice(0, 10).map(client => client.connect()))
    // Those that came first are let in; then all the others at once take what is left.
    connected.push(...(await Promise.allSettled(clients.slice(10).map(client => client.connect()))))
    const open = clients.filter((_, index) => connected[index]?.status === 'fulfilled')
    assert.ok(open.length > 5 && open.length < clients.length, `${open.length} clients were let in`)
    const told = await Promise.allSettled(open.map((client, n) => client.query(`INSERT INTO marks VALUES ('ulimit-${n}')`)))
    await Promise.allSettled(clients.map(client => client.end()))
    await launched.finish('over').catch(() => undefined)
    const { ran, recorded } = await marksOf('ulimit', out)
    assert.equal(ran.length, told.filter(({ status }) => status === 'fulfilled').length)
    assert.deepEqual(
      ran.filter(mark => !recorded.has(mark)),
      [],
    )
  })

  it('another byte (a full file system): the client is told, and everything that ran is there', async () => {
    const out = path.join(stage.dir, 'small')
    mkdirSync(out)
    const [mount, ...more] = [...asRoot, 'mount']
    execFileSync(mount, [...more, '-t', 'tmpfs', '-o', 'size=1m,mode=0777', 'none', out])
    try {
      const outcome = await play(
        path.join(out, 'full'),
        plainStart(path.join(root, 'dist/gateway.mjs'), null),
        n => `INSERT INTO marks VALUES ('full-${n}-${'x'.repeat(2000)}')`,
      )
      judge(outcome)
      await incomplete(path.join(out, 'full'))
    } finally {
      const [umount, ...rest] = [...asRoot, 'umount']
      execFileSync(umount, [...rest, '-l', out])
    }
  })

  /** One client that inserts marks until it is told off. @param instead another statement for the one or other turn. */
  async function play(out: string, start: GatewayStart, instead: (n: number) => string | null = () => null): Promise<Outcome> {
    const name = path.basename(out)
    const launched = await launchGateway({ start, log: null, request: stage.launchRequest(out, readFileSync(stage.writePolicy(), 'utf8')) })
    const url = launched.ready.endpoints[0]?.url ?? ''
    const client = new Client({ connectionString: url })
    const over = new Promise(resolve => client.once('end', resolve))
    client.on('error', () => undefined)
    let told: { code?: string; message?: string } = {}
    try {
      await client.connect()
      for (let n = 0; n < STATEMENTS; n += 1) await client.query(instead(n) ?? `INSERT INTO marks VALUES ('${name}-${n}')`)
    } catch (error) {
      told = error as typeof told
    }
    await over
    const late = new Client({ connectionString: url })
    late.on('error', () => undefined)
    await assert.rejects(late.connect(), { code: '58030' }, 'a session began although nothing can be recorded')
    await assert.rejects(launched.finish('over'), { code: 'RECORDING_FAILED' })
    return { code: told.code ?? '', message: told.message ?? '', ...(await marksOf(name, out)) }
  }

  async function marksOf(name: string, out: string): Promise<{ ran: string[]; recorded: Set<string> }> {
    const rows = await stage.postgres.query(stage.database, `SELECT mark FROM marks WHERE mark LIKE '${name}-%' ORDER BY 1`)
    const log = readFileSync(path.join(out, 'events.jsonl'), 'utf8')
    const commands = log.split('\n').filter(line => line.includes('"kind":"command"'))
    return {
      ran: rows.map(([mark]) => mark ?? ''),
      recorded: new Set(commands.flatMap(line => /VALUES \('([^']+)'\)/.exec(line)?.[1] ?? [])),
    }
  }

  function judge({ code, message, ran, recorded }: Outcome): void {
    assert.equal(code, '58030', message)
    assert.match(message, /recording/)
    assert.deepEqual(
      ran.filter(mark => !recorded.has(mark)),
      [],
    )
    assert.ok(ran.length < STATEMENTS)
  }

  async function incomplete(out: string): Promise<void> {
    const report = await verifyRecording(out)
    assert.equal(report.verdict, 'incomplete', report.wrong.join('; '))
    rmSync(out, { recursive: true })
  }

  function inject(file: string, calls: string, error: string, when: string): GatewayStart {
    const plain = plainStart(path.join(root, 'dist/gateway.mjs'), null)
    const args = ['-f', '-qq', '-o', '/dev/null', '-P', file, '-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${when}`]
    return { ...plain, file: 'strace', args: [...args, plain.file, ...plain.args] }
  }
})
