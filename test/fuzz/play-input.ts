// Plays one input through a real session of the engine, between a client and a target that live in this process, and says what went wrong:
// an exception, a session that does not end, a byte that reached the target without having been admitted.
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { ApprovalDesk } from '../../gateway/core/approval.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { SqlCommand } from '../../gateway/core/command.ts'
import type { Recorder } from '../../gateway/core/recorder.ts'
import type { Admission, Session } from '../../gateway/core/session.ts'
import { assumedCatalog } from '../../gateway/command/sql/catalog.ts'
import { StatementCache } from '../../gateway/command/sql/statement-cache.ts'
import { KnownCatalog } from '../../gateway/engine/postgres/known-catalog.ts'
import { noMasks as noMaskDesk } from '../../gateway/engine/postgres/mask-desk.ts'
import { Relay } from '../../gateway/engine/postgres/relay.ts'
import { openFrontDesk } from '../../gateway/session/front-desk.ts'
import { newTicket } from '../../gateway/session/ticket.ts'
import { approved, expired, rejected } from '../engine/postgres/gateway-that.ts'
import { dba, identity, noMasks, orders, policyThat, run } from '../session/samples.ts'
import { FakeTarget, REFUSED } from './fake-target.ts'
import type { Run } from './fake-target.ts'
import { makeInput } from './mutate.ts'
import { Random } from './random.ts'

/** Turns of waiting in which nothing happens before a session counts as quiet. */
const QUIET_TURNS = 3
const MAX_TURNS = 2_000
/** What the gateway itself sends: in the place of what it refused, and around a snapshot. */
const ownTexts: ReadonlySet<string> = new Set([
  REFUSED,
  "SAVEPOINT sallyport; SET LOCAL lock_timeout = '2s'",
  'ROLLBACK TO SAVEPOINT sallyport; RELEASE SAVEPOINT sallyport',
])

export interface Outcome {
  /** null = as it must be. */
  readonly problem: string | null
  readonly admitted: number
  readonly ran: number
}

const cache = new StatementCache()
const known = new KnownCatalog(async () => assumedCatalog)
await known.renew(async work => work(async () => []))

let commands = 0
const recorder: Recorder = {
  commit: () => {},
  append: () => true,
  drained: async () => {},
  openTerminal: () => {
    throw new Error('a database has no terminal')
  },
  nextCommand: () => (commands += 1),
  hasFailed: false,
}
const policy = policyThat(command => {
  const { effects, certainty, unfiltered } = command as SqlCommand
  if (effects.has('ddl') || effects.has('lock')) return { outcome: 'ask', rule: 'asks', because: null, approvers: dba }
  const isFine = certainty === 'parsed' && !unfiltered && !effects.has('admin') && !effects.has('file') && !effects.has('program')
  return { outcome: isFine ? 'allow' : 'deny', rule: isFine ? 'fine' : 'no', because: null }
})

export async function playInput(seed: number, input: number): Promise<Outcome> {
  const random = new Random(seed, input)
  const { chunks, hasHostileTarget } = makeInput(random)
  const target = new FakeTarget(random, hasHostileTarget)
  const client = new FakeClient()
  const admissions: Admitted[] = []
  policy.asked.length = 0
  const session = watched(openSession(random), admissions)
  const relay = new Relay({
    session,
    client: client as unknown as Duplex,
    target: target.target,
    known,
    renewCatalog: async () => assumedCatalog,
    loadCatalog: async () => assumedCatalog,
    read: (text, context) => cache.read(text, context),
    trustedFunctions: new Set(),
    maskDeskFor: () => noMaskDesk,
    cancelTarget: () => {},
  })
  let isOver = false
  try {
    await relay.prepare()
    const over = relay.run(Buffer.alloc(0), new AbortController().signal).then(() => (isOver = true))
    for (const chunk of chunks) {
      client.emit('data', chunk)
      if (random.once(40)) relay.cancel()
      if (random.once(3) && !(await quiet(target))) return failed('it does not come to rest', admissions, target)
    }
    if (!(await quiet(target))) return failed('it does not come to rest', admissions, target)
    client.emit('end')
    target.destroy()
    if (!(await quiet(target, () => isOver))) return failed('it does not end', admissions, target)
    await over
  } catch (error) {
    return failed(error instanceof Error ? (error.stack ?? error.message) : String(error), admissions, target)
  } finally {
    client.destroy()
    target.destroy()
    session.checkOut('done')
  }
  return failed(target.problem ?? unadmitted(target.runs, admissions), admissions, target)
}

function failed(problem: string | null, admissions: readonly Admitted[], target: FakeTarget): Outcome {
  return { problem, admitted: admissions.length, ran: target.runs.length }
}

/** Lets both sides answer until nothing happens any more. False when that takes too long. */
async function quiet(target: FakeTarget, isDone: () => boolean = () => false): Promise<boolean> {
  let still = 0
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    if (isDone()) return true
    still = target.answer() ? 0 : still + 1
    if (still > QUIET_TURNS) return !isDone.length || isDone()
    await new Promise(resolve => setImmediate(resolve))
  }
  return false
}

export interface Admitted {
  readonly bytes: Buffer
  readonly texts: readonly string[]
  readonly values: readonly (string | null)[]
}

/** Notes what was admitted, with the bytes that an approval would be bound to. */
function watched(session: Session, admissions: Admitted[]): Session {
  return {
    ...session,
    admit(wanted, options) {
      const note = (admission: Admission): Admission => {
        const first = wanted[0] as SqlCommand
        const texts = wanted.map(command => command.text)
        admissions.push({ bytes: Buffer.from(options.bytes()), texts, values: first.values })
        return admission
      }
      const admission = session.admit(wanted, options)
      return admission instanceof Promise ? admission.then(note) : note(admission)
    },
  }
}

/** The first thing that ran without an admission of its own text and values; null = there is none. */
export function unadmitted(runs: readonly Run[], admissions: readonly Admitted[]): string | null {
  for (const one of runs) {
    if (one.kind === 'message') {
      const text = one.bytes.toString('utf8', 5, one.bytes.length - 1)
      if (ownTexts.has(text) || (one.bytes[0] === 0x51 && isEmpty(text))) continue
      if (!admissions.some(({ bytes }) => bytes.equals(one.bytes))) return `a message ran that was not admitted: ${JSON.stringify(text)}`
      continue
    }
    const text = one.text.toString('utf8')
    if (isEmpty(text)) continue
    if (!admissions.some(admitted => isSameText(text, admitted.texts) && isSameValues(one.values, admitted.values)))
      return `a statement was executed that was not admitted: ${JSON.stringify(text)}`
  }
  return null
}

/** Nothing but white space and comments on one line: there is no statement in it. */
function isEmpty(text: string): boolean {
  return /^(?:[ \t\n\r\f\v;]|--[^\n\r]*)*$/.test(text)
}

function isSameText(text: string, texts: readonly string[]): boolean {
  if (texts.length === 1) return texts[0] === text || (texts[0] ?? '').length >= 1024 || isLossy(texts[0] ?? '')
  let from = 0
  return texts.every(one => {
    const at = text.indexOf(one, from)
    from = at + one.length
    return at >= 0
  })
}

/** Shown in another way than it came: no UTF-8, or with a zero byte. */
function isLossy(text: string): boolean {
  return /[\uFFFD\u0080-\u009f\0]|\\0/.test(text)
}

function isSameValues(bound: readonly (Buffer | null)[], shown: readonly (string | null)[]): boolean {
  return (
    bound.length === shown.length &&
    bound.every((value, at) => {
      const other = shown[at] ?? null
      return value === null ? other === null : other === value.toString('utf8') || other === `\\x${value.toString('hex')}`
    })
  )
}

function openSession(random: Random): Session {
  const approvals: ApprovalDesk = {
    ask: async () => random.of([approved, rejected, expired]),
    report: () => {},
  }
  const desk = openFrontDesk({
    connection: orders,
    ticket,
    identity,
    run,
    policy,
    masker: noMasks,
    recorder,
    approvals,
    leases: { borrow: () => Promise.reject(new Error('nothing is borrowed here')) },
    clock: systemClock,
    keptRows: 1,
  })
  return desk.checkIn({ application: 'fuzz', login: 'u' })
}

const ticket = newTicket()

/** As much of a socket as the relay uses. */
class FakeClient extends EventEmitter {
  destroyed = false
  writableEnded = false
  readableEnded = false
  readonly writableLength = 0

  write(): boolean {
    return true
  }
  end(): void {
    this.writableEnded = true
    this.destroy()
  }
  pause(): void {}
  resume(): void {}
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}
