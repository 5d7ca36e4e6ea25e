// Recordings for tests: a clock that is set by hand, and runs that say something of every kind.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Clock } from '../../gateway/core/clock.ts'
import type { EventBody } from '../../gateway/core/events.ts'
import { readIdentities, readRecipient } from '../../gateway/record/age/age-keys.ts'
import type { AgeIdentity, AgeKey } from '../../gateway/record/age/age-keys.ts'
import { openRunLog } from '../../gateway/record/run-log.ts'
import type { RunLog, RunLogOptions, Sealed } from '../../gateway/record/run-log.ts'

export const origin = 'localhost/acme/shop/run/7712.1/4f9c'

/** Time that passes only when told to. */
export class HandClock implements Clock {
  #ms = 0
  readonly #sleepers = new Set<{ at: number; wake: () => void }>()

  now(): Date {
    return new Date(Date.UTC(2026, 0, 2, 3, 4, 5) + this.#ms)
  }

  monotonicMs(): number {
    return 1000 + this.#ms
  }

  sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.#ms + waitMs, wake: resolve }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        reject(new Error('aborted'))
      })
    })
  }

  /** Lets time pass, and everything happen that was due. */
  async pass(ms: number): Promise<void> {
    this.#ms += ms
    for (const sleeper of this.#sleepers) {
      if (sleeper.at > this.#ms) continue
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
    await new Promise(setImmediate)
  }
}

export function temporaryFolder(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-record-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

export function logIn(dir: string, options: Partial<RunLogOptions> = {}): { log: RunLog; clock: HandClock } {
  const clock = new HandClock()
  return { log: openRunLog({ dir, origin, clock, ...options }), clock }
}

export function openingOf(key: string): EventBody {
  return {
    kind: 'run.open',
    run: { id: 'r-1', repository: 'acme/shop', pullRequest: 42 },
    identity: { issuer: 'github', subject: 'repo:acme/shop:environment:production', groups: ['release'] },
    policy: { digest: `sha256:${'5'.repeat(64)}`, source: 'acme/shop:.github/sallyport.yml@9c1e2ab' },
    connections: [{ name: 'orders-db', protocol: 'postgres', address: 'orders.internal:5432' }],
    gateway: { version: '0.1.0', isolation: 'user' },
    key,
  }
}

export function commandOf(command: number, text: string, outcome: 'allow' | 'ask' | 'deny' = 'allow'): EventBody[] {
  const rule = { allow: 'reads', ask: 'unfiltered-writes', deny: 'no-ddl' }[outcome]
  return [
    {
      kind: 'command',
      command,
      connection: 'orders-db',
      verb: text.split(' ', 1)[0]?.toLowerCase() ?? '',
      effects: ['read'],
      resources: ['public.customers'],
      certainty: 'parsed',
      doubt: null,
      text,
      values: [],
    },
    { kind: 'decision', command, outcome, rule, because: outcome === 'allow' ? null : 'Ask the DBA.' },
  ]
}

/** Two sessions: reads with masked rows, a refused DROP, an approved DELETE, an error. */
export function tellStory(log: RunLog, session = 's-1'): void {
  log.commit(null, [openingOf(log.key)], 'synced')
  log.commit(session, [{ kind: 'session.open', connection: 'orders-db', protocol: 'postgres', client: 'psql', user: 'ci' }], 'written')
  const select = log.nextCommand()
  log.commit(session, commandOf(select, 'SELECT id, email FROM customers'), 'written')
  log.append(session, {
    kind: 'rows',
    command: select,
    columns: ['id', 'email'],
    rows: [
      ['1', '•••'],
      ['2', null],
    ],
    omitted: 1,
  })
  log.append(session, { kind: 'mask', command: select, rule: 'pii', column: 'public.customers.email', values: 2 })
  log.append(session, { kind: 'result', command: select, tag: 'SELECT 3', rows: 3, durationMs: 4.25 })
  const drop = log.nextCommand()
  log.commit(session, commandOf(drop, 'DROP TABLE customers', 'deny'), 'written')
  const remove = log.nextCommand()
  log.commit(session, commandOf(remove, 'DELETE FROM carts', 'ask'), 'synced')
  const where = 'https://github.com/acme/shop/pull/42#issuecomment-1'
  const until = '2026-01-02T03:34:05.000Z'
  log.commit(
    session,
    [{ kind: 'ask', command: remove, code: '7F3K-9QX2', approvers: 'dba (dana)', needs: 1, until, where, digest: 'sha256:7f' }],
    'synced',
  )
  const dana = { id: 7, login: 'dana', at: '2026-01-02T03:10:45.000Z', evidence: 'https://github.com/acme/shop/pull/42#issuecomment-2' }
  log.commit(session, [{ kind: 'answer', command: remove, code: '7F3K-9QX2', outcome: 'approved', by: [dana], reason: null }], 'synced')
  log.append(session, { kind: 'result', command: remove, tag: 'DELETE 48133', rows: 48133, durationMs: 812 })
  log.append(session, { kind: 'error', command: null, code: '57P01', message: 'terminating connection' })
  log.commit(session, [{ kind: 'session.close', reason: 'client closed', commands: 3, durationMs: 1000 }], 'synced')
}

/** A sealed recording in a folder. */
export async function sealedStory(dir: string, options: Partial<RunLogOptions> = {}): Promise<Sealed> {
  const { log } = logIn(dir, options)
  tellStory(log)
  return log.seal({ reason: 'finished' })
}

/** The auditor of these tests. Her key is public, so her recordings are nobody's secret. */
export const auditorSecret = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX'
export const auditorPublic = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj'

export function auditor(): { recipient: AgeKey; identities: readonly AgeIdentity[] } {
  return { recipient: readRecipient(auditorPublic), identities: readIdentities(auditorSecret, 'auditor.txt') }
}
