// `sallyport exec` as a user runs it: the built cli, real psql, a real database behind the gateway.
import assert from 'node:assert/strict'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { openExecStage, root, type ExecStage } from './exec-stage.ts'

const psql = (sql: string): string[] => ['psql', '-X', '-At', '-c', sql]

describe('sallyport exec', () => {
  let stage: ExecStage
  before(async () => {
    stage = await openExecStage()
  })
  after(() => stage.close())
  beforeEach(() => {
    rmSync(path.join(stage.dir, 'rec'), { recursive: true, force: true })
    stage.writePolicy()
    stage.writeToken()
  })

  it('gives psql the database without the password, masks, and leaves a recording that verifies', async () => {
    const ran = await stage.exec(psql('SELECT id, name, email FROM customers ORDER BY id'))
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /1\|Ada Alder\|/)
    assert.doesNotMatch(ran.stdout, /canary\.example/)
    const verified = await stage.sallyport(['verify', path.join(stage.dir, 'rec'), '--json'])
    assert.equal(verified.status, 0, verified.stdout)
    const text = JSON.stringify(stage.events())
    assert.ok(!text.includes(stage.password) && !text.includes('canary.example'))
    assert.deepEqual(
      ['run.open', 'session.open', 'command', 'decision', 'result', 'rows', 'mask', 'session.close', 'run.close'].filter(
        kind => !text.includes(`"kind":"${kind}"`),
      ),
      [],
    )
  })

  it('ends with the status of its command', async () => {
    assert.equal((await stage.exec(['sh', '-c', 'exit 42'])).status, 42)
  })

  it('hides from the command what env:// names, and shows it nothing of the credential', async () => {
    const ran = await stage.exec(['sh', '-c', 'env; cat "$PGSERVICEFILE"'])
    assert.equal(ran.status, 0)
    assert.match(ran.stdout, /^PGHOST=127\.0\.0\.1$/m)
    assert.match(ran.stdout, /^SALLYPORT_ORDERS_DB_URL=postgres/m)
    assert.match(ran.stdout, /^\[orders-db\]$/m)
    assert.ok(!ran.stdout.includes(stage.password) && !ran.stdout.includes('ORDERS_PASSWORD'))
    assert.ok(!ran.stderr.includes(stage.password))
  })

  it('shows the credential to no process that the command can look into', async () => {
    const ran = await stage.exec([
      'sh',
      '-c',
      'cat /proc/$PPID/environ /proc/[0-9]*/cmdline; for p in /proc/[0-9]*; do cat $p/environ; done',
    ])
    assert.ok(ran.stdout.includes('ORDERS_PASSWORD='), 'the environment of exec itself was looked at')
    assert.ok(!ran.stdout.includes(stage.password))
  })

  it('serves the connection by name as a service', async () => {
    const ran = await stage.exec(['psql', '-X', '-At', 'service=orders-db', '-c', 'SELECT count(*) FROM orders'])
    assert.equal(ran.stdout.trim(), '50', ran.stderr)
  })

  it('denies in psql’s own words, and the database is as it was', async () => {
    const ran = await stage.exec(psql('DROP TABLE orders'))
    assert.equal(ran.status, 1)
    assert.match(ran.stderr, /ERROR: {2}sallyport: denied by rule no-ddl: Schema changes go through the DBA\./)
    assert.deepEqual(await stage.postgres.query(stage.database, 'SELECT count(*) FROM orders'), [['50']])
  })

  it('asks in the pull request, and runs the command once an approver has said yes', async () => {
    const running = stage.exec(psql("UPDATE orders SET item = 'seen'"), ['--pull-request', '42'])
    const code = await codeIn(stage)
    assert.deepEqual(await stage.postgres.query(stage.database, "SELECT count(*) FROM orders WHERE item = 'seen'"), [['0']])
    stage.shop.say(stage.shop.people.dana, `/sallyport approve ${code}`)
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /UPDATE 50/)
    assert.match(ran.stderr, /waiting for approval/)
    assert.deepEqual(await stage.postgres.query(stage.database, "SELECT count(*) FROM orders WHERE item = 'seen'"), [['50']])
  })

  it('refuses what could carry a masked column past the mask, and says so to programs', async () => {
    const ran = await stage.exec(psql('COPY (SELECT email FROM customers) TO STDOUT (FORMAT binary)'))
    assert.equal(ran.status, 1)
    assert.match(ran.stderr, /refused by mask pii/)
    assert.match(ran.stderr, /"code":"MASK_UNPROVEN"/)
    assert.doesNotMatch(ran.stdout, /canary/)
  })

  it('counts what a person refused as not approved', async () => {
    const asked = stage.shop.pull.comments.length
    const running = stage.exec(psql("UPDATE orders SET item = 'no'"), ['--pull-request', '42'])
    let code: string | undefined
    while (code === undefined) {
      await new Promise(resolve => setTimeout(resolve, 50))
      code = stage.shop.pull.comments
        .slice(asked)
        .map(({ body }) => /\/sallyport approve ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(body)?.[1])
        .find(found => found !== undefined)
    }
    stage.shop.say(stage.shop.people.dana, `/sallyport deny ${code} not now`)
    const ran = await running
    assert.equal(ran.status, 1)
    assert.match(ran.stderr, /1 commands, 0 denied, 1 not approved/)
    assert.deepEqual(await stage.postgres.query(stage.database, "SELECT count(*) FROM orders WHERE item = 'no'"), [['0']])
  })

  it('leaves a recording in which one changed byte is E28', async () => {
    await stage.exec(psql('SELECT count(*) FROM orders'))
    const file = path.join(stage.dir, 'rec/events.jsonl')
    const bytes = readFileSync(file)
    const at = bytes.indexOf('count(')
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(file, bytes)
    const ran = await stage.sallyport(['verify', path.join(stage.dir, 'rec')])
    assert.equal(ran.status, 1)
    assert.match(ran.stdout, /TAMPERED at line \d+/)
    assert.match(ran.stderr, /SALLYPORT-E28/)
  })

  it('opens to its ticket only', async () => {
    const ran = await stage.exec(['sh', '-c', 'PGPASSWORD=guess psql -X -c "SELECT 1"'])
    assert.equal(ran.status, 2)
    assert.match(ran.stderr, /FATAL: {2}.*ticket/)
    assert.doesNotMatch(JSON.stringify(stage.events()), /session\.open/)
  })

  it('says at the start that nobody can be asked in a pull request without the GitHub token', async () => {
    const ran = await stage.exec(['true'], ['--pull-request', '42'], { GITHUB_TOKEN: '' })
    assert.equal(ran.status, 0)
    assert.match(ran.stderr, /warning: nobody can be asked in pull request 42: the GitHub token is not set/)
    rmSync(path.join(stage.dir, 'rec'), { recursive: true })
    assert.doesNotMatch((await stage.exec(['true'], [], { GITHUB_TOKEN: '' })).stderr, /nobody can be asked/)
  })

  it('says with status 4 that a token is not for it, without its text', async () => {
    const token = stage.writeToken({ aud: 'somebody-else' })
    const ran = await stage.exec(['true'], ['--token-file', token])
    assert.equal(ran.status, 4)
    assert.match(ran.stderr, /SALLYPORT-E03/)
    assert.doesNotMatch(ran.stderr, /eyJ/)
    assert.ok(!existsSync(path.join(stage.dir, 'rec', 'events.jsonl')))
  })

  it('says with status 4 that an identity opens nothing', async () => {
    stage.writeToken({ repository: 'somebody/else' })
    const ran = await stage.exec(['true'])
    assert.equal(ran.status, 4)
    assert.match(ran.stderr, /SALLYPORT-E04/)
  })

  it('says with status 2 what is wrong with a policy, by line and column', async () => {
    stage.writePolicy('\n  - { name: reads, sql: { efects: [read] }, then: allow }')
    const ran = await stage.exec(['true'])
    assert.equal(ran.status, 2)
    assert.match(ran.stderr, /SALLYPORT-E16 .*:\d+:\d+.*efects.*effects/s)
  })

  it('says with status 3 that the issuer cannot be read', async () => {
    stage.issuer.faults.jwks = 'down'
    try {
      const ran = await stage.exec(['true'])
      assert.equal(ran.status, 3)
      assert.match(ran.stderr, /SALLYPORT-E20/)
    } finally {
      stage.issuer.faults.jwks = 'none'
    }
  })

  it('says with status 3 that a credential is missing, before the command runs', async () => {
    const ran = await stage.exec(['sh', '-c', 'echo it ran'], [], { ORDERS_PASSWORD: '' })
    assert.equal(ran.status, 3)
    assert.match(ran.stderr, /SALLYPORT-E21/)
    assert.doesNotMatch(ran.stdout, /it ran/)
  })

  it('tells the client that the target refused the login, without the password', async () => {
    const ran = await stage.exec(psql('SELECT 1'), [], { ORDERS_PASSWORD: 'canary-wrong' })
    assert.equal(ran.status, 2)
    assert.match(ran.stderr, /password authentication failed|refused the gateway/)
    assert.ok(!ran.stderr.includes('canary-wrong'))
  })

  it('passes a signal on once: not again when the keyboard sent it to everybody', async () => {
    // Not a shell: its trap takes two signals in a row for one.
    const counting = `setInterval(() => {}, 1000)
process.on('SIGINT', () => { console.log('heard'); setTimeout(() => process.exit(3), 1500) })
console.log('ready')`
    const args = execArgs(stage, [process.execPath, '-e', counting])
    const keyboard = await signalled(stage, ['script', '-qec', args.map(quoted).join(' '), '/dev/null'], child =>
      child.stdin.write('\u0003'),
    )
    assert.equal(keyboard.stdout.match(/heard/g)?.length, 1, keyboard.stdout)
    rmSync(path.join(stage.dir, 'rec'), { recursive: true, force: true })
    const alone = await signalled(stage, args, child => child.kill('SIGINT'))
    assert.equal(alone.stdout.match(/heard/g)?.length, 1, alone.stdout)
    assert.equal(alone.status, 3)
    assert.equal(stage.events().at(-1)?.['kind'], 'run.close')
  })

  it('ended while it starts leaves nothing behind, and COMMAND does not run', async () => {
    const temporary = path.join(stage.dir, 'tmp')
    mkdirSync(temporary)
    stage.issuer.faults.jwks = 'slow'
    try {
      const [file = '', ...args] = execArgs(stage, ['sh', '-c', 'echo it ran'])
      const asked = stage.issuer.requests.length
      const child = spawn(file, args, { env: { ...execEnvironment(stage), TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'pipe'] })
      let words = ''
      child.stdout.on('data', (text: Buffer) => (words += text.toString()))
      while (stage.issuer.requests.length === asked) await new Promise(resolve => setTimeout(resolve, 20))
      assert.equal(readdirSync(temporary).length, 1)
      child.kill('SIGTERM')
      const [status]: unknown[] = await once(child, 'close')
      assert.equal(status, 143)
      assert.ok(!words.includes('it ran'))
      assert.deepEqual(readdirSync(temporary), [])
    } finally {
      stage.issuer.faults.jwks = 'none'
    }
  })

  it('says with status 125 that a folder holds a recording, which stays as it was', async () => {
    assert.equal((await stage.exec(['true'])).status, 0)
    const before = readFileSync(path.join(stage.dir, 'rec', 'events.jsonl'))
    const again = await stage.exec(['sh', '-c', 'echo it ran'])
    assert.equal(again.status, 125)
    assert.match(again.stderr, /SALLYPORT-E27 .*already holds a recording/)
    assert.doesNotMatch(again.stdout, /it ran/)
    assert.deepEqual(readFileSync(path.join(stage.dir, 'rec', 'events.jsonl')), before)
  })

  it('says with status 2 that it needs a command', async () => {
    assert.equal((await stage.exec([])).status, 2)
    assert.equal((await stage.sallyport(['exce'])).status, 2)
  })
})

function execArgs({ dir }: ExecStage, command: readonly string[]): string[] {
  const options = ['--config', path.join(dir, 'sallyport.yml'), '--token-file', path.join(dir, 'token.jwt'), '--out', path.join(dir, 'rec')]
  return [process.execPath, path.join(root, 'dist/cli.mjs'), 'exec', ...options, '--', ...command]
}

const execEnvironment = (stage: ExecStage): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  ORDERS_PASSWORD: stage.password,
  GITHUB_API_URL: stage.shop.github.url,
})

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Runs it, and lets `interrupt` once the command is ready. */
async function signalled(
  stage: ExecStage,
  [file = '', ...args]: readonly string[],
  interrupt: (child: ChildProcessWithoutNullStreams) => void,
): Promise<{ readonly status: unknown; readonly stdout: string }> {
  const child = spawn(file, args, { env: execEnvironment(stage), stdio: 'pipe' })
  let stdout = ''
  let isInterrupted = false
  child.stdout.on('data', (text: Buffer) => {
    stdout += text.toString()
    if (isInterrupted || !/^ready\r?$/m.test(stdout)) return
    isInterrupted = true
    interrupt(child)
  })
  const [status]: unknown[] = await once(child, 'close')
  return { status, stdout }
}

/** The code of the newest request in the pull request. */
async function codeIn({ shop }: ExecStage): Promise<string> {
  for (;;) {
    const found = shop.pull.comments
      .map(({ body }) => /\/sallyport approve ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(body)?.[1])
      .findLast(code => code !== undefined)
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
