// The only place that makes a permit. Judges a message, writes down what it judged, and only then answers.
// Allow and deny are synchronous; an ask waits for people and is checked again right before the release.
import type { ApprovalDesk, RefusedAnswer } from '../core/approval.ts'
import type { Clock } from '../core/clock.ts'
import type { Command } from '../core/command.ts'
import type { Connection } from '../core/connection.ts'
import type { Decision, Verdict } from '../core/decision.ts'
import { Refusal, SallyportError } from '../core/errors.ts'
import type { EventBody } from '../core/events.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Identity, Run } from '../core/identity.ts'
import type { Masker } from '../core/masker.ts'
import { Permit } from '../core/permit.ts'
import type { Policy } from '../core/policy.ts'
import type { Recorder } from '../core/recorder.ts'
import type { Admission, AdmitOptions, Hold } from '../core/session.ts'
import { answerEvent, askEvent, commandEvent, refusedEvent } from './gate-events.ts'
import { HoldCall } from './hold-call.ts'
import { readableCommand, type Readable } from './readable-command.ts'
import { deniedRefusal, undecidedRefusal, verdictRefusal } from './refusal-words.ts'

export interface GateParts {
  readonly session: string
  readonly identity: Identity
  readonly connection: Connection
  readonly policy: Policy
  readonly run: Run
  readonly masker: Masker
  readonly recorder: Recorder
  readonly approvals: ApprovalDesk
  readonly clock: Clock
}

interface Judged {
  readonly decision: Decision
  readonly readable: Readable
}

/** Judgements that a session remembers, and the longest text of one. */
const MAX_REMEMBERED = 128
const MAX_REMEMBERED_CHARACTERS = 4_096

const strictness = { allow: 0, ask: 1, deny: 2 } as const

export class Gate {
  readonly #parts: GateParts
  /** Judgements per command object: a statement that is run again is not judged again. A WeakMap costs 10 µs a new command. */
  readonly #judged = new Map<Command, Judged>()
  /** Decisions by the shape of a command, where the policy looks at nothing else. */
  readonly #decided = new Map<object, Decision>()
  /** Code of the request that released a command, by its number, until its result is known. */
  readonly #released = new Map<number, string>()
  #isClosed = false

  constructor(parts: GateParts) {
    this.#parts = parts
  }

  /** Promises of `Session.admit`. */
  admit(commands: readonly Command[], options: AdmitOptions): Admission | Promise<Admission> {
    if (this.#isClosed) throw new Refusal('COMMAND_CANCELLED', null, 'sallyport: cancelled: the session has ended')
    const { recorder, session, connection } = this.#parts
    if (commands.length === 0) throw new SallyportError('INTERNAL', 'a message without a command cannot be judged')
    const judged = commands.map(command => this.#judge(command))
    const numbers = judged.map(() => recorder.nextCommand())
    const events: EventBody[] = []
    let strictest = 0
    judged.forEach(({ decision, readable }, index) => {
      const number = numbers[index] ?? 0
      events.push(commandEvent(number, connection, readable.command), {
        kind: 'decision',
        command: number,
        outcome: decision.outcome,
        rule: decision.rule,
        because: decision.because,
      })
      if (strictness[decision.outcome] > strictness[judged[strictest]?.decision.outcome ?? 'allow']) strictest = index
    })
    const chosen = judged[strictest]
    const number = numbers[strictest]
    if (chosen === undefined || number === undefined) throw new SallyportError('INTERNAL', 'a message without a command cannot be judged')
    failpoint('command.judged')
    recorder.commit(session, events, chosen.decision.outcome === 'allow' ? 'written' : 'synced')
    failpoint('command.recorded')
    switch (chosen.decision.outcome) {
      case 'allow':
        return { permit: Permit.mint(commands), numbers }
      case 'deny':
        throw deniedRefusal(chosen.decision, connection, chosen.readable.command)
      case 'ask':
        return this.#ask(
          commands,
          judged.map(({ readable }) => readable),
          strictest,
          numbers,
          chosen.decision,
          options,
        )
    }
  }

  /** What came of a command, for the end state of the request that released it. Ignores commands that nobody had to approve. */
  noteOutcome(number: number, outcome: string): void {
    const code = this.#released.get(number)
    if (code === undefined) return
    this.#released.delete(number)
    this.#parts.approvals.report(code, outcome)
  }

  /** After this nothing is admitted. Requests that are still held end by their own signal. */
  close(): void {
    this.#isClosed = true
    for (const code of this.#released.values()) this.#parts.approvals.report(code, 'the session ended before its result was seen')
    this.#released.clear()
  }

  #judge(command: Command): Judged {
    const known = this.#judged.get(command)
    if (known !== undefined) return known
    const { masker } = this.#parts
    const judged = { decision: this.#decide(command), readable: readableCommand(command, masker) }
    // Bound values make a command one of a kind, and long texts are not worth their memory.
    if ((command.protocol === 'postgres' && command.values.length > 0) || command.text.length > MAX_REMEMBERED_CHARACTERS) return judged
    if (this.#judged.size >= MAX_REMEMBERED) this.#judged.clear()
    this.#judged.set(command, judged)
    return judged
  }

  #decide(command: Command): Decision {
    const { identity, connection, policy, run } = this.#parts
    if (command.protocol !== 'postgres' || policy.looksAtText?.(connection) !== false)
      return policy.decide(identity, connection, command, run)
    const shape = command.shape ?? command
    const known = this.#decided.get(shape)
    if (known !== undefined) return known
    const decision = policy.decide(identity, connection, command, run)
    if (this.#decided.size >= MAX_REMEMBERED) this.#decided.clear()
    this.#decided.set(shape, decision)
    return decision
  }

  async #ask(
    commands: readonly Command[],
    readables: readonly Readable[],
    flaggedAt: number,
    numbers: readonly number[],
    decision: Extract<Decision, { outcome: 'ask' }>,
    options: AdmitOptions,
  ): Promise<Admission> {
    const { approvals, clock, connection, session } = this.#parts
    const flagged = readables[flaggedAt]?.command
    const number = numbers[flaggedAt]
    if (flagged === undefined || number === undefined) throw new SallyportError('INTERNAL', 'the flagged command is not in its message')
    const hidden = readables.reduce((sum, readable) => sum + readable.hidden, 0)
    // A copy: what people approve cannot change under them, whatever the engine does with its buffer.
    const bytes = Buffer.from(options.bytes())
    const call = new HoldCall(clock, options.onHeld)
    // The recorder throws inside the desk's callbacks; the wait ends at once, and nothing is released.
    const failed = new AbortController()
    let hold: Hold | null = null
    let digest = ''
    let isAsked = false
    const recordAsk = (): void => {
      if (hold === null) return
      isAsked = true
      this.#commitOr(failed, [askEvent(number, hold, decision.approvers.count, digest)])
    }
    try {
      const waiting = AbortSignal.any([options.signal, failed.signal])
      const evidence = options.evidence === undefined ? null : await options.evidence(waiting)
      const notes = [...options.notes, ...(evidence?.notes ?? [])]
      // What people will be shown beside the command: an auditor must be able to see it too.
      if (evidence?.diff !== undefined && evidence.diff !== null && evidence.diff !== '') {
        this.#commit([{ kind: 'rows', command: number, columns: ['what it would change'], rows: [[evidence.diff]], omitted: 0 }])
      }
      failpoint('approval.asked')
      const verdict = await approvals.ask(
        {
          session,
          number,
          connection,
          commands: readables.map(({ command }) => command),
          flagged,
          rule: decision.rule,
          because: decision.because,
          approvers: decision.approvers,
          bytes,
          notes: hidden === 0 ? notes : [...notes, `${hidden} masked ${hidden === 1 ? 'value is' : 'values are'} not shown`],
          diff: evidence?.diff ?? null,
        },
        {
          onHeld: (held, heldDigest) => {
            hold = held
            digest = heldDigest
            call.start(held)
          },
          onPosted: (posted, postedDigest) => {
            hold = posted
            digest = postedDigest
            recordAsk()
            failpoint('approval.posted')
            call.posted(posted)
          },
          onRefused: answer => this.#recordRefused(number, answer),
        },
        waiting,
      )
      if (failed.signal.aborted) throw failed.signal.reason
      if (!isAsked) recordAsk()
      return this.#release(commands, numbers, number, decision.rule, hold, bytes, verdict, options)
    } catch (error) {
      if (failed.signal.aborted) throw failed.signal.reason
      if (error instanceof Refusal) throw error
      const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'the approval desk failed', { cause: error })
      if (known.code === 'RECORDING_FAILED') throw known
      if (!isAsked) recordAsk()
      this.#commit([{ kind: 'error', command: number, code: known.code, message: known.message }])
      throw undecidedRefusal(known, decision.rule)
    } finally {
      call.stop()
    }
  }

  /** The last check: what people said, that the client still waits, and that the bytes are still the ones they saw. */
  #release(
    commands: readonly Command[],
    numbers: readonly number[],
    number: number,
    rule: string,
    hold: Hold | null,
    shown: Buffer,
    verdict: Verdict,
    options: AdmitOptions,
  ): Admission {
    const now = this.#parts.clock.now()
    const code = hold?.code ?? ''
    let final = verdict
    if (verdict.outcome === 'approved') {
      if (options.signal.aborted || this.#isClosed)
        final = { outcome: 'superseded', at: now, reason: 'the client went away before the release' }
      else if (!shown.equals(options.bytes())) {
        final = { outcome: 'superseded', at: now, reason: 'digest_mismatch: the command changed after it was shown' }
      }
    }
    failpoint('approval.before-release')
    this.#commit([answerEvent(number, code, final)])
    failpoint('approval.recorded')
    if (final.outcome !== 'approved') {
      if (verdict.outcome === 'approved') this.#parts.approvals.report(code, `not run: ${final.reason}`)
      throw verdictRefusal(final, rule, code)
    }
    this.#released.set(number, code)
    failpoint('approval.released')
    return { permit: Permit.mint(commands), numbers }
  }

  #recordRefused(number: number, answer: RefusedAnswer): void {
    const { recorder, session } = this.#parts
    // An answer may come after the session's end; then it belongs to the run.
    recorder.append(this.#isClosed ? null : session, refusedEvent(number, answer))
  }

  #commit(events: readonly EventBody[]): void {
    this.#parts.recorder.commit(this.#parts.session, events, 'synced')
  }

  #commitOr(failed: AbortController, events: readonly EventBody[]): void {
    try {
      this.#commit(events)
    } catch (error) {
      failed.abort(error)
    }
  }
}
