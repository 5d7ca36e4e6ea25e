import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ApprovalDesk, ApprovalProgress, ApprovalRequest } from '../../gateway/core/approval.ts'
import type { Command } from '../../gateway/core/command.ts'
import type { Decision, Verdict } from '../../gateway/core/decision.ts'
import { Refusal, SallyportError } from '../../gateway/core/errors.ts'
import type { Masker } from '../../gateway/core/masker.ts'
import { Permit } from '../../gateway/core/permit.ts'
import type { Admission, AdmitOptions, Hold } from '../../gateway/core/session.ts'
import { Gate } from '../../gateway/session/gate.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { MemoryRecorder } from './memory-recorder.ts'
import { dba, identity, noMasks, orders, policyThat, run, sql } from './samples.ts'

const allow: Decision = { outcome: 'allow', rule: 'reads', because: null }
const deny: Decision = { outcome: 'deny', rule: 'no-ddl', because: 'Schema changes go through the DBA.' }
const ask: Decision = { outcome: 'ask', rule: 'unfiltered-writes', because: 'Touches every row.', approvers: dba }
const approved: Verdict = {
  outcome: 'approved',
  by: [{ id: 1, login: 'dana', evidence: 'https://example.test/c', at: new Date(0) }],
  at: new Date(0),
}

/** A desk that does as the test says. */
class FakeDesk implements ApprovalDesk {
  request: ApprovalRequest | null = null
  progress: ApprovalProgress | null = null
  readonly reports: string[] = []
  readonly #answer: Promise<Verdict>
  #resolve: (verdict: Verdict) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor() {
    this.#answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  ask(request: ApprovalRequest, progress: ApprovalProgress, signal: AbortSignal): Promise<Verdict> {
    this.request = request
    this.progress = progress
    progress.onHeld(this.hold(null), 'hmac-sha256:00')
    signal.addEventListener('abort', () => this.#resolve({ outcome: 'superseded', at: new Date(0), reason: 'the client disconnected' }))
    return this.#answer
  }

  hold(where: string | null): Hold {
    return { code: '0000-0001', rule: 'r', because: null, approvers: 'dba (dana), 1 needed', until: new Date(60_000), where }
  }

  post(): void {
    this.progress?.onPosted(this.hold('https://example.test/r'), 'hmac-sha256:00')
  }

  decide(verdict: Verdict): void {
    this.#resolve(verdict)
  }

  fail(error: unknown): void {
    this.#reject(error)
  }

  report(code: string, outcome: string): void {
    this.reports.push(`${code} ${outcome}`)
  }
}

function gateThat(decide: (command: Command) => Decision, masker: Masker = noMasks) {
  const recorder = new MemoryRecorder()
  const desk = new FakeDesk()
  const clock = new FakeClock()
  const policy = policyThat(decide)
  const gate = new Gate({ session: 's1', identity, connection: orders, policy, run, masker, recorder, approvals: desk, clock })
  const left = new AbortController()
  const holds: Hold[] = []
  let bytes = Buffer.from('the bytes')
  const options: AdmitOptions = { bytes: () => bytes, signal: left.signal, onHeld: hold => holds.push(hold), notes: [] }
  const change = (to: string): Buffer => (bytes = Buffer.from(to))
  return { gate, recorder, desk, clock, policy, left, holds, options, change }
}

function refusalOf(act: () => unknown): Refusal {
  try {
    act()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new assert.AssertionError({ message: 'it was not refused' })
}

async function refusalFrom(admission: Admission | Promise<Admission>): Promise<Refusal> {
  const error = await Promise.resolve(admission).then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Refusal, String(error))
  return error
}

const apply = (from: string) => ({ text: from.replaceAll('4111', '****'), found: new Map(from.includes('4111') ? [['cards', 1]] : []) })

describe('gate', () => {
  it('lets an allowed command through at once, after it wrote it down', () => {
    const { gate, recorder, options } = gateThat(() => allow)
    const command = sql('SELECT 1')
    const admission = gate.admit([command], options)
    assert.ok(!(admission instanceof Promise))
    assert.ok(Permit.isMinted(admission.permit))
    assert.deepEqual(admission.permit.commands, [command])
    assert.deepEqual(admission.numbers, [1])
    assert.deepEqual(
      recorder.kept.map(({ event, durability, session }) => [event.kind, durability, session]),
      [
        ['command', 'written', 's1'],
        ['decision', 'written', 's1'],
      ],
    )
  })

  it('records a denied command so that it survives the machine, then refuses it', () => {
    const { gate, recorder, options } = gateThat(() => deny)
    const refusal = refusalOf(() => gate.admit([sql('DROP TABLE t', { effects: new Set(['ddl']) })], options))
    assert.equal(refusal.message, 'sallyport: denied by rule no-ddl: Schema changes go through the DBA.')
    assert.equal(refusal.code, 'COMMAND_DENIED')
    assert.equal(refusal.rule, 'no-ddl')
    assert.match(refusal.why ?? '', /ddl/)
    assert.ok(refusal.fix)
    assert.equal(recorder.of('decision')[0]?.outcome, 'deny')
    assert.ok(recorder.kept.every(({ durability }) => durability === 'synced'))
  })

  it('names the default when no rule matched, and what could not be understood', () => {
    const { gate, options } = gateThat(() => ({ outcome: 'deny', rule: 'default', because: null }))
    const command = sql('DO $$ $$', { certainty: 'opaque', doubt: 'a DO block', effects: new Set(['unknown']) })
    const refusal = refusalOf(() => gate.admit([command], options))
    assert.match(refusal.message, /^sallyport: denied by rule default: no rule of orders-db allows do$/)
    assert.match(refusal.why ?? '', /unknown; it is opaque: a DO block/)
    assert.match(refusal.fix ?? '', /^it was not understood \(a DO block\); /)
  })

  it('lets the strictest decision hold for a whole message, and records every command of it', () => {
    const { gate, recorder, options } = gateThat(command => (command.verb === 'drop' ? deny : command.verb === 'delete' ? ask : allow))
    assert.equal(refusalOf(() => gate.admit([sql('SELECT 1'), sql('DELETE FROM t'), sql('DROP TABLE t')], options)).rule, 'no-ddl')
    assert.deepEqual(
      recorder.of('decision').map(({ command, outcome }) => [command, outcome]),
      [
        [1, 'allow'],
        [2, 'ask'],
        [3, 'deny'],
      ],
    )
  })

  it('lets nothing through when the recording cannot be written', () => {
    const { gate, recorder, options } = gateThat(() => allow)
    recorder.failAt(({ kind }) => kind === 'command')
    assert.throws(() => gate.admit([sql('SELECT 1')], options), { code: 'RECORDING_FAILED' })
    assert.throws(() => gate.admit([sql('SELECT 2')], options), { code: 'RECORDING_FAILED' })
  })

  it('judges a command object once, and records it every time', () => {
    const { gate, recorder, policy, options } = gateThat(() => allow)
    const command = sql('SELECT 1')
    void gate.admit([command], options)
    void gate.admit([command], options)
    assert.equal(policy.asked.length, 1)
    assert.equal(recorder.of('command').length, 2)
  })

  describe('with commands of one shape', () => {
    const first = sql('SELECT * FROM t WHERE id = 1')
    const second = { ...first, text: 'SELECT * FROM t WHERE id = 2', shape: first }
    const bound = { ...first, values: ['3'], shape: first }
    const other = sql('DELETE FROM t WHERE id = 1')

    function decisionsUnder(looksAtText: boolean | undefined): {
      readonly judged: readonly string[]
      readonly recorded: readonly string[]
    } {
      const recorder = new MemoryRecorder()
      const policy = {
        ...policyThat(command => (command.text.startsWith('DELETE') ? deny : allow)),
        ...(looksAtText === undefined ? {} : { looksAtText: () => looksAtText }),
      }
      const parts = { session: 's1', identity, connection: orders, policy, run, masker: noMasks, recorder }
      const gate = new Gate({ ...parts, approvals: new FakeDesk(), clock: new FakeClock() })
      const { options } = gateThat(() => allow)
      for (const command of [first, second, bound]) void gate.admit([command], options)
      refusalOf(() => gate.admit([other], options))
      refusalOf(() => gate.admit([{ ...other, text: 'DELETE FROM t WHERE id = 2', shape: other }], options))
      return {
        judged: policy.asked.map(({ text }) => text),
        recorded: recorder.of('command').map(({ text, values }) => [text, ...values].join(' ')),
      }
    }

    it('judges one of them where no rule looks at their text, and records each as it is', () => {
      const { judged, recorded } = decisionsUnder(false)
      assert.deepEqual(judged, ['SELECT * FROM t WHERE id = 1', 'DELETE FROM t WHERE id = 1'])
      assert.deepEqual(recorded, [
        'SELECT * FROM t WHERE id = 1',
        'SELECT * FROM t WHERE id = 2',
        'SELECT * FROM t WHERE id = 1 3',
        'DELETE FROM t WHERE id = 1',
        'DELETE FROM t WHERE id = 2',
      ])
    })

    it('judges each of them where a rule may look at their text, or nobody says that none does', () => {
      assert.equal(decisionsUnder(true).judged.length, 5)
      assert.equal(decisionsUnder(undefined).judged.length, 5)
    })
  })

  it('judges the true command, and shows and records the masked one', () => {
    const text = { rules: ['cards'], apply, applyJson: apply, applyNested: apply, mayFind: () => true }
    const { gate, recorder, policy, options } = gateThat(() => allow, { columns: [], lifted: [], text })
    void gate.admit([sql("INSERT INTO p VALUES ('4111', $1)", { values: ['4111', null] })], options)
    assert.match(policy.asked[0]?.text ?? '', /4111/)
    assert.doesNotMatch(JSON.stringify(recorder.kept), /4111/)
    assert.deepEqual(recorder.of('command')[0]?.values, ['****', null])
  })

  it('never writes down a password that a statement sets', () => {
    const { gate, recorder, options } = gateThat(() => deny)
    refusalOf(() => gate.admit([sql("ALTER ROLE app PASSWORD 'canary'")], options))
    refusalOf(() => gate.admit([sql('ALTER ROLE app PASSWORD $1', { values: ['canary'] })], options))
    assert.doesNotMatch(JSON.stringify(recorder.kept), /canary/)
  })

  it('releases after an approval, with the verdict on disk first', async () => {
    const { gate, recorder, desk, options } = gateThat(() => ask)
    const command = sql('DELETE FROM carts')
    const admission = gate.admit([command], options)
    assert.ok(admission instanceof Promise)
    desk.post()
    desk.decide(approved)
    const { permit, numbers } = await admission
    assert.ok(Permit.isMinted(permit))
    assert.deepEqual(numbers, [1])
    assert.deepEqual(
      recorder.kept.map(({ event }) => event.kind),
      ['command', 'decision', 'ask', 'answer'],
    )
    assert.ok(recorder.kept.every(({ durability }) => durability === 'synced'))
    gate.noteOutcome(1, 'DELETE 5, 3 ms')
    gate.noteOutcome(1, 'again')
    assert.deepEqual(desk.reports, ['0000-0001 DELETE 5, 3 ms'])
  })

  it('refuses when the bytes are not the ones that were shown', async () => {
    const { gate, recorder, desk, options, change } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    assert.equal(desk.request?.bytes.toString(), 'the bytes')
    change('other bytes')
    desk.decide(approved)
    const refusal = await refusalFrom(admission)
    assert.equal(refusal.code, 'COMMAND_CANCELLED')
    assert.match(refusal.message, /digest_mismatch/)
    assert.equal(recorder.of('answer')[0]?.outcome, 'superseded')
  })

  it('never runs a command whose client went away, even when the approval won the race', async () => {
    const { gate, desk, options, left } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    desk.decide(approved)
    left.abort()
    assert.equal((await refusalFrom(admission)).code, 'COMMAND_CANCELLED')
  })

  it('does not release when the verdict cannot be recorded', async () => {
    const { gate, recorder, desk, options } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    desk.post()
    recorder.failAt(({ kind }) => kind === 'answer')
    desk.decide(approved)
    await assert.rejects(Promise.resolve(admission), { code: 'RECORDING_FAILED' })
  })

  it('ends the wait at once when the request cannot be recorded', async () => {
    const { gate, recorder, desk, options } = gateThat(() => ask)
    recorder.failAt(({ kind }) => kind === 'ask')
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    desk.post()
    await assert.rejects(Promise.resolve(admission), { code: 'RECORDING_FAILED' })
  })

  for (const [verdict, code, words] of [
    [
      { outcome: 'rejected', by: approved.outcome === 'approved' ? approved.by[0] : null, at: new Date(0), reason: 'wait for the backup' },
      'COMMAND_REJECTED',
      'sallyport: rejected by @dana: wait for the backup',
    ],
    [{ outcome: 'expired', at: new Date(0), reason: 'nobody approved it' }, 'COMMAND_EXPIRED', 'sallyport: expired: nobody approved it'],
    [
      { outcome: 'superseded', at: new Date(0), reason: 'head_moved: new commits' },
      'COMMAND_CANCELLED',
      'sallyport: cancelled: head_moved: new commits',
    ],
  ] as const) {
    it(`says who and why when a command is ${verdict.outcome}`, async () => {
      const { gate, recorder, desk, options } = gateThat(() => ask)
      const admission = gate.admit([sql('DELETE FROM carts')], options)
      desk.post()
      desk.decide(verdict as Verdict)
      const refusal = await refusalFrom(admission)
      assert.equal(refusal.code, code)
      assert.equal(refusal.message, words)
      assert.equal(refusal.rule, 'unfiltered-writes')
      assert.equal(recorder.of('answer')[0]?.outcome, verdict.outcome)
    })
  }

  it('refuses with the reason when nobody can be asked, and records that', async () => {
    const { gate, recorder, desk, options } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    desk.fail(new SallyportError('NO_PULL_REQUEST', 'this run has no pull request', { fix: 'set pull-request' }))
    const refusal = await refusalFrom(admission)
    assert.equal(refusal.id, 'E12')
    assert.equal(refusal.fix, 'set pull-request')
    assert.deepEqual(
      recorder.of('error').map(({ code }) => code),
      ['NO_PULL_REQUEST'],
    )
  })

  it('fails closed when the desk breaks', async () => {
    const { gate, desk, options } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    desk.fail(new TypeError('a bug'))
    assert.equal((await refusalFrom(admission)).code, 'INTERNAL')
  })

  it('tells the client at once and every 30 seconds, and stops with the verdict', async () => {
    const { gate, desk, clock, holds, options } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    desk.post()
    assert.deepEqual(
      holds.map(({ where }) => where),
      ['https://example.test/r'],
    )
    await clock.advance(61_500)
    assert.equal(holds.length, 3)
    desk.decide(approved)
    await admission
    await clock.advance(120_000)
    assert.equal(holds.length, 3)
  })

  it('tells the client without a link when the request takes its time to get out', async () => {
    const { gate, clock, desk, holds, options } = gateThat(() => ask)
    const admission = gate.admit([sql('DELETE FROM carts')], options)
    await clock.advance(1_000)
    assert.deepEqual(
      holds.map(({ where }) => where),
      [null],
    )
    desk.post()
    assert.equal(holds[1]?.where, 'https://example.test/r')
    desk.decide(approved)
    await admission
  })

  it('admits nothing after its session ended', async () => {
    const { gate, options } = gateThat(() => allow)
    gate.close()
    assert.throws(() => gate.admit([sql('SELECT 1')], options), SallyportError)
    await settle()
  })
})
