// A run as people have them, for the replay page's tests and pictures: reads with masked cells, a refusal, an approval that took
// a while, an error, and an hour on a web server in a terminal. Its clock stands still between events.
import type { Clock } from '../../gateway/core/clock.ts'
import type { EventBody } from '../../gateway/core/events.ts'
import type { TerminalRecording } from '../../gateway/core/terminal.ts'
import { openRunLog } from '../../gateway/record/run-log.ts'
import type { RunLog, RunLogOptions, Sealed } from '../../gateway/record/run-log.ts'

const PULL = 'https://github.com/acme/shop/pull/42'

/** Time that passes only when told to. Nobody sleeps: everything here is written by commits. */
export class StepClock implements Clock {
  #ms = 0

  now(): Date {
    return new Date(Date.UTC(2026, 0, 2, 3, 4, 5) + this.#ms)
  }

  monotonicMs(): number {
    return this.#ms
  }

  sleep(_: number, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }))
  }

  pass(ms: number): void {
    this.#ms += ms
  }
}

/** Records and seals it. */
export async function sealedSampleRun(dir: string, options: Partial<RunLogOptions> = {}): Promise<Sealed> {
  const clock = new StepClock()
  const log = openRunLog({ dir, origin: 'github.com/acme/shop/run/7712.1/4f9c', clock, ...options })
  tell(log, clock)
  return log.seal({ reason: 'finished' })
}

function tell(log: RunLog, clock: StepClock): void {
  log.commit(null, [opening(log.key)], 'synced')
  clock.pass(800)
  const db = new Told(log, clock, 's-8Kq2vXw1aLpZ', 'orders-db')
  db.open('postgres', 'psql', 'ci')
  const read = db.command(
    'SELECT id, name, email, total FROM customers JOIN orders USING (id) ORDER BY total DESC LIMIT 3',
    'allow',
    'reads',
  )
  db.say({
    kind: 'rows',
    command: read,
    columns: ['id', 'name', 'email', 'total'],
    rows: [
      ['4711', 'Ada Lindgren', '[redacted]', '1280.00'],
      ['0815', 'Bo Wójcik', '[redacted]', '964.50'],
      ['2342', 'Chihiro Satō', null, '733.10'],
    ],
    omitted: 0,
  })
  db.say({ kind: 'mask', command: read, rule: 'pii', column: 'public.customers.email', values: 2 })
  db.result(read, 'SELECT 3', 3, 4.25)
  clock.pass(1200)
  db.command('DROP TABLE customers', 'deny', 'no-ddl', 'Schema changes go through the DBA.')
  clock.pass(2100)
  const remove = db.command("DELETE FROM carts WHERE updated_at < now() - interval '90 days'", 'ask', 'large-deletes', 'Touches many rows.')
  const until = '2026-01-02T03:34:05.000Z'
  log.commit(
    db.id,
    [
      {
        kind: 'ask',
        command: remove,
        code: '7F3K-9QX2',
        approvers: 'dba (dana)',
        needs: 1,
        until,
        where: `${PULL}#issuecomment-1`,
        digest: 'sha256:7f',
      },
    ],
    'synced',
  )
  clock.pass(21_000)
  const dana = { id: 7, login: 'dana', at: '2026-01-02T03:04:29.000Z', evidence: `${PULL}#issuecomment-2` }
  log.commit(db.id, [{ kind: 'answer', command: remove, code: '7F3K-9QX2', outcome: 'approved', by: [dana], reason: null }], 'synced')
  db.result(remove, 'DELETE 48133', 48_133, 812)
  clock.pass(900)
  const failing = db.command('UPDATE orders SET state = $1 WHERE id = $2', 'allow', 'writes', null, ['shipped', '4711'])
  db.say({ kind: 'error', command: failing, code: '40001', message: 'could not serialize access due to concurrent update' })
  db.close()

  const web = new Told(log, clock, 's-Zr7nB0dTq3Yc', 'web')
  web.open('ssh', 'OpenSSH_9.6', 'deploy')
  const shell = web.command('shell', 'allow', 'restarts')
  playShell(log.openTerminal(web.id, shell, { columns: 84, rows: 22 }, `web: command ${shell}`), clock)
  web.result(shell, 'exit 0', 0, 14_200)
  web.close()
}

/** What `deploy` did on the server. */
function playShell(terminal: TerminalRecording, clock: StepClock): void {
  const prompt = '\u001b[1;32mdeploy@web-1\u001b[0m:\u001b[1;34m/srv/app\u001b[0m$ '
  const show = (text: string, waitMs = 120): void => {
    clock.pass(waitMs)
    terminal.output(Buffer.from(text.replaceAll(/(?<!\r)\n/g, '\r\n')))
  }
  const type = (text: string): void => {
    for (const key of text) {
      clock.pass(70)
      terminal.input(Buffer.from(key))
      terminal.output(Buffer.from(key))
    }
    terminal.input(Buffer.from('\r'))
    show('\n', 40)
  }
  show(prompt)
  type('systemctl status shop --no-pager')
  show(
    `\u001b[1;32m●\u001b[0m shop.service - The shop\n     Loaded: loaded (/etc/systemd/system/shop.service; \u001b[1;32menabled\u001b[0m)\n     Active: \u001b[1;32mactive (running)\u001b[0m since Fri 2026-01-02 01:12:40 UTC; 1h 52min ago\n   Main PID: 2211 (node)\n      Tasks: 11 (limit: 4647)\n     Memory: 148.3M\n`,
    300,
  )
  show(prompt)
  type('sudo systemctl restart shop')
  show('[sudo] password for deploy: ', 200)
  for (const key of 'correct horse') {
    clock.pass(60)
    terminal.input(Buffer.from(key))
  }
  terminal.input(Buffer.from('\r'))
  show(`\n${prompt}`, 2600)
  type('./smoke-test')
  for (let done = 0; done <= 100; done += 4) {
    const filled = Math.round(done * 0.4)
    show(`\r\u001b[K \u001b[36m${'█'.repeat(filled)}\u001b[90m${'░'.repeat(40 - filled)}\u001b[0m ${String(done).padStart(3)} %`, 90)
  }
  show('\n')
  for (const [name, ms] of [
    ['GET /', 12],
    ['GET /cart', 31],
    ['POST /orders', 87],
    ['GET /health', 3],
  ] as const)
    show(` \u001b[32m✓\u001b[0m ${name.padEnd(20)} \u001b[38;5;244m${ms} ms\u001b[0m\n`, 180)
  show(
    ` \u001b[33m!\u001b[0m ${'GET /legacy'.padEnd(20)} \u001b[38;2;255;140;0mslow: 1204 ms\u001b[0m\n\n \u001b[1m5 passed\u001b[0m, 1 slow\n${prompt}`,
    1300,
  )
  type('exit')
  clock.pass(60)
  terminal.close()
}

/** One session of the run. */
class Told {
  readonly id: string
  readonly #log: RunLog
  readonly #clock: StepClock
  readonly #connection: string
  #commands = 0

  constructor(log: RunLog, clock: StepClock, id: string, connection: string) {
    this.#log = log
    this.#clock = clock
    this.id = id
    this.#connection = connection
  }

  open(protocol: 'postgres' | 'ssh', client: string, user: string): void {
    this.#log.commit(this.id, [{ kind: 'session.open', connection: this.#connection, protocol, client, user }], 'written')
  }

  command(text: string, outcome: 'allow' | 'ask' | 'deny', rule: string, because: string | null = null, values: string[] = []): number {
    this.#clock.pass(250)
    this.#commands += 1
    const command = this.#log.nextCommand()
    const connection = this.#connection
    const read = { effects: ['read'], resources: [], certainty: 'parsed', doubt: null }
    this.#log.commit(
      this.id,
      [
        { kind: 'command', command, connection, verb: text.split(' ', 1)[0] ?? '', text, values, ...read },
        { kind: 'decision', command, outcome, rule, because },
      ],
      'written',
    )
    return command
  }

  say(event: EventBody): void {
    this.#log.append(this.id, event)
  }

  result(command: number, tag: string, rows: number, durationMs: number): void {
    this.#clock.pass(durationMs)
    this.say({ kind: 'result', command, tag, rows, durationMs })
  }

  close(): void {
    this.#log.commit(this.id, [{ kind: 'session.close', reason: 'client closed', commands: this.#commands, durationMs: 1000 }], 'synced')
  }
}

function opening(key: string): EventBody {
  return {
    kind: 'run.open',
    run: { id: 'r-7712', repository: 'acme/shop', pullRequest: 42 },
    identity: { issuer: 'github', subject: 'repo:acme/shop:environment:production', groups: ['release'] },
    policy: { digest: `sha256:${'9c1e2ab4'.repeat(8)}`, source: 'acme/shop:.github/sallyport.yml@9c1e2ab' },
    connections: [
      { name: 'orders-db', protocol: 'postgres', address: 'orders.internal:5432' },
      { name: 'web', protocol: 'ssh', address: 'web-1.internal:22' },
    ],
    gateway: { version: '0.1.0', isolation: 'user' },
    key,
  }
}
