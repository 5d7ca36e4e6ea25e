// `npm run demo`: the tour, on this machine only. Every step is asserted; one that differs ends it with status 1.
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Launched } from '../../gateway/control/launch.ts'
import { answerAlone, answerByPerson, waitForRequest } from './answer.ts'
import { showCluster } from './cluster.ts'
import { showHost } from './host.ts'
import { query, typed, type JobEnvironment } from './job.ts'
import { failed, must, quote, say, step } from './screen.ts'
import { openStage } from './stage.ts'

const root = path.resolve(import.meta.dirname, '../..')
const isAlone = process.argv.includes('--yes') || !process.stdin.isTTY || process.env['CI'] !== undefined
const out = path.join(root, 'demo-out')

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
step('A database, an issuer of OIDC tokens, a pull request and a gateway start on this machine')
const stage = await openStage(path.join(out, 'recording'))
process.once('SIGINT', () => void stage.close().then(() => process.exit(130)))
try {
  const gate = await stage.openGate()
  say(`  PostgreSQL is up. Its password is known to the gateway only.`)
  say(`  recording key: ${gate.ready.key}`)
  const job = gate.ready.environment
  await connectDirectly()
  await readMasked(job)
  await searchPassword(job)
  await drop(job)
  await showCluster(stage.cluster, job)
  await askForDelete(job)
  await showHost(stage.host, job, stage.clientDir, stage.shop, isAlone)
  await finish(gate)
  verifyRecording(gate)
  next()
} finally {
  await stage.close()
}
process.exitCode = failed() === 0 ? 0 : 1
say(failed() === 0 ? '\nEvery step came out as it should.' : `\n${failed()} steps came out differently.`)

async function connectDirectly(): Promise<void> {
  step('The job goes straight to the database')
  const { postgres, database } = stage
  const ran = await query(
    {
      PGHOST: postgres.host,
      PGPORT: String(postgres.port),
      PGUSER: 'shop',
      PGPASSWORD: 'guess',
      PGDATABASE: database,
      PGSSLMODE: 'disable',
    },
    'SELECT 1',
  )
  quote(ran.stderr)
  must(ran.status !== 0 && ran.stderr.includes('password authentication failed'), 'it has no credential, so it does not get in')
}

async function readMasked(job: JobEnvironment): Promise<void> {
  const sql = 'SELECT id, name, email, card FROM customers ORDER BY id'
  step(`Through the gateway: ${typed(sql)}`)
  const ran = await query(job, sql)
  quote(ran.stdout + ran.stderr)
  const [owner] = await stage.postgres.query(stage.database, `${sql} LIMIT 1`)
  say(`  the owner of the data sees:  ${(owner ?? []).join(' | ')}`)
  must(ran.status === 0 && ran.stdout.includes('Ada Alder'), 'the rows arrive')
  must(!ran.stdout.includes('ada@') && ran.stdout.includes('example.com'), 'the column email is masked, by the policy')
  must(!ran.stdout.includes('4111 1111') && ran.stdout.includes('1111'), 'a card number is masked wherever it appears, by its pattern')
}

async function searchPassword(job: JobEnvironment): Promise<void> {
  step('The job looks for the password: its variables, every process it can read, every file it was given')
  const search = path.join(import.meta.dirname, 'search.ts')
  const ran = spawnSync(process.execPath, [search, stage.clientDir], {
    input: stage.password,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...job },
  })
  quote(ran.stdout)
  const { looked, found } = JSON.parse(ran.stdout) as { looked: number; found: string[] }
  must(looked > 10 && found.length === 0, `not found in ${looked} places`)
}

async function drop(job: JobEnvironment): Promise<void> {
  for (const sql of ['DROP TABLE customers', 'COMMIT; DROP TABLE customers', '/* a harmless SELECT */ DROP TABLE customers']) {
    step(typed(sql))
    const ran = await query(job, sql)
    quote(ran.stderr, 3)
    must(ran.status !== 0 && ran.stderr.includes('denied by rule no-ddl'), 'blocked before it reached the database')
  }
  const [[count] = []] = await stage.postgres.query(stage.database, 'SELECT count(*) FROM customers')
  must(count === '2', 'the table is still there')
}

async function askForDelete(job: JobEnvironment): Promise<void> {
  const sql = "DELETE FROM carts WHERE updated_at < now() - interval '90 days'"
  step(`${typed(sql)}   (flagged: somebody must approve)`)
  const waiting = query(job, sql, words => quote(words, 3))
  const code = await waitForRequest(stage.shop)
  const stop = isAlone ? await answerAlone(stage.shop, code).then(() => () => undefined) : answerByPerson(stage.shop, code)
  const ran = await waiting
  stop()
  quote(
    ran.stdout +
      ran.stderr
        .split('\n')
        .filter(line => line.startsWith('ERROR'))
        .join('\n'),
  )
  const [[left] = []] = await stage.postgres.query(
    stage.database,
    "SELECT count(*) FROM carts WHERE updated_at < now() - interval '90 days'",
  )
  const wasApproved = ran.status === 0
  if (isAlone) must(wasApproved, 'it ran once dana had approved, and not when kim had')
  must(wasApproved === (left === '0'), wasApproved ? 'the rows are gone' : 'it was not approved, and nothing was deleted')
}

async function finish(gate: Launched): Promise<void> {
  step('The job is over: the gateway seals the recording')
  const finished = await gate.finish('the demo is over')
  quote(finished.words.join('\n'))
  if (finished.summary !== '') writeFileSync(path.join(out, 'summary.md'), finished.summary)
  quote(finished.summary, 12)
}

function verifyRecording(gate: Launched): void {
  step('Anybody can verify it, offline')
  const verify = (at: string): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [path.join(root, 'dist/cli.mjs'), 'verify', at, '--key', gate.ready.key], { encoding: 'utf8' })
  const intact = verify(stage.out)
  quote(String(intact.stdout))
  must(intact.status === 0, 'the recording is intact')
  const copy = path.join(out, 'tampered')
  cpSync(stage.out, copy, { recursive: true })
  const events = path.join(copy, 'events.jsonl')
  const bytes = readFileSync(events)
  const at = bytes.indexOf('DROP TABLE')
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(events, bytes)
  const tampered = verify(copy)
  quote(`${String(tampered.stdout)}${String(tampered.stderr)}`, 4)
  must(
    tampered.status === 1 && /TAMPERED/.test(`${String(tampered.stdout)}${String(tampered.stderr)}`),
    'one flipped bit in a copy is found',
  )
  const text = readFileSync(path.join(stage.out, 'events.jsonl'), 'utf8')
  const isSecretKept = stage.cluster !== null && text.includes(stage.cluster.password)
  must(
    !text.includes(stage.password) &&
      !text.includes('PRIVATE KEY') &&
      !text.includes('4111 1111') &&
      !text.includes('ada@example.com') &&
      !isSecretKept,
    'neither the password nor a masked value is in it',
  )
}

function next(): void {
  step('Next')
  const page = path.join(stage.out, 'replay.html')
  if (existsSync(page)) copyFileSync(page, path.join(out, 'replay.html'))
  say(`  look:    node dist/cli.mjs replay demo-out/recording`)
  if (existsSync(page)) say(`           demo-out/replay.html in a browser`)
  say('  use:     the workflow in README.md; docs/policy.md for the policy')
}
