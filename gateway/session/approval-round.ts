// One look at the thread for all requests: reads what is new, judges each answer, and ends what can be ended.
// Every fact is the server's, read now; an error anywhere ends the round and nothing counts that was not finished.
import { createHash } from 'node:crypto'
import { ChannelTrouble, type Answer, type ApprovalChannel, type Thread } from '../core/approval-channel.ts'
import type { Clock } from '../core/clock.ts'
import { SallyportError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import { readAnswerLine, type AnswerLine } from './answer-line.ts'
import type { AnswerReason } from './answer-reason.ts'
import type { HeldRequest } from './held-request.ts'
import type { RequestPaint } from './request-paint.ts'

/** What was checked longer ago than this does not release a command. */
const MAX_CHECK_AGE_MS = 5_000
/** People looked up in one round; who comes after them waits for the next. */
const MAX_LOOKED_UP = 50
/** Failures in one round after which it ends: the API is down, not one answer odd. */
const MAX_TROUBLES = 3
/** Looks in a row at a request that does not read as written, after which it counts as altered. */
const MAX_SUSPICIONS = 2
/** An answer that cannot be judged this often is left. */
const MAX_TRIES = 50
/** Answers that wait to be judged; while it is full no more are read. */
const MAX_QUEUED = 10_000
/** Marks, hints and answers to `status` and `help`, a run: what an outsider can make the gateway write is bounded. */
const MAX_MARKS = 100
const MAX_SAID = 10

interface QueuedAnswer {
  readonly answer: Answer
  readonly line: Exclude<AnswerLine, { kind: 'unrelated' }>
  readonly tries: number
}

export class ApprovalRound {
  readonly #channel: ApprovalChannel
  readonly #clock: Clock
  readonly #held: ReadonlyMap<string, HeldRequest>
  readonly #paint: RequestPaint
  /** Every version of every message once: an edit makes it another one. */
  readonly #seen = new Set<string>()
  #queue: QueuedAnswer[] = []
  #lookedUp = 0
  #since: Date | null = null
  #marks = 0
  #said = 0

  constructor(channel: ApprovalChannel, clock: Clock, held: ReadonlyMap<string, HeldRequest>, paint: RequestPaint) {
    this.#channel = channel
    this.#clock = clock
    this.#held = held
    this.#paint = paint
  }

  /** @throws {ChannelTrouble} when the thread cannot be read now. */
  async play(signal: AbortSignal): Promise<void> {
    const thread = await this.#channel.thread(signal)
    for (const held of this.#open()) this.#endWithThread(held, thread)
    await this.#read(signal)
    await this.#judgeAll(signal)
    for (const held of this.#open()) if (held.hasQuorum) await this.#release(held, signal)
  }

  #open(): readonly HeldRequest[] {
    return [...this.#held.values()].filter(held => held.state.at === 'open')
  }

  #endWithThread(held: HeldRequest, thread: Thread): boolean {
    if (held.state.at !== 'open') return true
    if (!thread.isOpen) return this.#supersede(held, `thread_closed: ${this.#channel.place} is ${thread.state}`)
    if (thread.head !== held.state.head) {
      return this.#supersede(held, `head_moved: new commits were pushed (${short(held.state.head)} to ${short(thread.head)})`)
    }
    return false
  }

  #supersede(held: HeldRequest, reason: string): true {
    if (held.end({ outcome: 'superseded', at: this.#clock.now(), reason }, this.#clock.monotonicMs())) this.#paint.soon(held)
    return true
  }

  async #read(signal: AbortSignal): Promise<void> {
    const from = this.#since ?? earliest([...this.#held.values()])
    if (from === null) return
    failpoint('approval.before-read')
    const answers = await this.#channel.answersSince(from, signal)
    failpoint('approval.read')
    for (const answer of answers) {
      if (this.#queue.length >= MAX_QUEUED) return
      if (this.#since === null || answer.at > this.#since) this.#since = answer.at
      const version = `${answer.id} ${answer.isEdited ? 1 : 0} ${createHash('sha256').update(answer.body).digest('base64url').slice(0, 16)}`
      if (this.#seen.has(version)) continue
      this.#seen.add(version)
      const line = readAnswerLine(answer.body)
      if (line.kind !== 'unrelated') this.#queue.push({ answer, line, tries: 0 })
    }
  }

  async #judgeAll(signal: AbortSignal): Promise<void> {
    this.#lookedUp = 0
    const queue = this.#queue
    this.#queue = []
    const troubles: unknown[] = []
    for (const queued of queue) {
      // Not judged now: it is judged in the next round, after those that were not tried yet.
      if (this.#lookedUp >= MAX_LOOKED_UP || troubles.length >= MAX_TROUBLES) {
        this.#queue.push(queued)
        continue
      }
      try {
        await this.#judge(queued, signal)
      } catch (error) {
        troubles.push(error)
        if (queued.tries < MAX_TRIES) this.#queue.push({ ...queued, tries: queued.tries + 1 })
      }
    }
    if (troubles.length > 0) throw troubles[0]
  }

  async #judge({ answer, line }: QueuedAnswer, signal: AbortSignal): Promise<void> {
    switch (line.kind) {
      case 'status':
      case 'help':
        await this.#explain(line.kind, answer, signal)
        return
      case 'malformed':
        await this.#hint(answer, line, signal)
        return
      case 'approve':
        for (const code of line.codes) await this.#answer(answer, code, null, signal)
        return
      case 'deny':
        await this.#answer(answer, line.code, line.reason, signal)
    }
  }

  /** @param denial the reason of a denial; null for an approval. */
  async #answer(answer: Answer, code: string, denial: string | null, signal: AbortSignal): Promise<void> {
    const held = this.#held.get(code)
    if (held === undefined) {
      const [any] = this.#held.values()
      // Another job's gateway may hold it in the same thread; then that one answers.
      if (any !== undefined && !(await this.#channel.isAskedElsewhere(code, signal)))
        await this.#refuse(any, answer, 'nonce_unknown', signal)
      return
    }
    if (held.isTiredOf(answer.person.id) || held.votes.some(vote => vote.answer.id === answer.id)) return
    const reason = await this.#reasonAgainst(held, answer, denial !== null, signal)
    if (reason !== null) {
      const verdict = held.state.at === 'ended' ? held.state.verdict : null
      await this.#refuse(held, answer, reason, signal, reason === 'late_deny' ? `at ${verdict?.at.toISOString() ?? ''}` : null)
      return
    }
    if (denial !== null) {
      const { id, login } = answer.person
      const verdict = {
        outcome: 'rejected',
        by: { id, login, evidence: answer.link, at: answer.at },
        at: this.#clock.now(),
        reason: denial === '' ? 'no reason given' : denial,
      } as const
      if (!this.#isLate(held) && held.end(verdict, this.#clock.monotonicMs())) this.#paint.soon(held)
    } else if (!held.count(answer)) {
      await this.#refuse(held, answer, 'counted_once', signal)
      return
    } else if (!held.hasQuorum) this.#paint.soon(held)
    await this.#mark(answer, 'counted', signal)
  }

  /** Why the answer does not count now; null when it does. Cheap facts first. */
  async #reasonAgainst(held: HeldRequest, answer: Answer, isDenial: boolean, signal: AbortSignal): Promise<AnswerReason | null> {
    const { state } = held
    if (answer.person.type !== 'User') return 'author_is_bot'
    if (answer.isThroughApp) return 'sent_through_app'
    if (answer.isEdited) return 'edited_comment'
    if (state.at === 'posting') return 'before_request'
    if (state.posted !== null) {
      if (answer.id <= state.posted.id || answer.at < state.posted.at) return 'before_request'
      // Server time against server time: neither clock need be right.
      if (answer.at.getTime() > state.posted.at.getTime() + held.group.timeoutMs) return 'too_late'
    }
    if (state.at === 'ended') {
      if (state.verdict.outcome === 'expired') return 'too_late'
      return isDenial && state.verdict.outcome === 'approved' ? 'late_deny' : 'already_ended'
    }
    this.#lookedUp += 1
    return this.#reasonAgainstPerson(held, answer, signal)
  }

  async #reasonAgainstPerson(held: HeldRequest, answer: Answer, signal: AbortSignal): Promise<AnswerReason | null> {
    try {
      const [isRequester, isApprover, now] = await Promise.all([
        this.#channel.isRequester(answer.person, signal),
        this.#channel.isApprover(answer.person, held.group, signal),
        this.#channel.reread(answer, signal),
      ])
      if (isRequester) return 'self_approval'
      if (!isApprover) return 'not_approver'
      if (now === null) return 'deleted_comment'
      return now.isEdited || now.body !== answer.body || now.person.id !== answer.person.id ? 'edited_comment' : null
    } catch (error) {
      if (error instanceof SallyportError && error.code === 'APPROVERS_UNREADABLE') return 'approvers_unreadable'
      throw error
    }
  }

  /** The check right before the release: every vote again, the request as written, the thread unmoved; all of it fresh. */
  async #release(held: HeldRequest, signal: AbortSignal): Promise<void> {
    if (held.state.at !== 'open') return
    const startedMs = this.#clock.monotonicMs()
    const [thread, isIntact, reasons] = await Promise.all([
      this.#channel.thread(signal),
      this.#channel.isIntact(held.state.posted, signal),
      Promise.all(held.votes.map(({ answer }) => this.#reasonAgainstPerson(held, answer, signal))),
    ])
    if (this.#endWithThread(held, thread)) return
    const suspicions = held.suspect(isIntact)
    if (suspicions > 0) {
      // A read right after our own edit may be older than the edit: nothing is released, and the next look decides.
      if (suspicions < MAX_SUSPICIONS) return
      this.#supersede(held, 'request_altered: the request was edited or deleted by somebody else')
      return
    }
    const votes = held.votes
    for (const [index, reason] of reasons.entries()) {
      const vote = votes[index]
      if (reason === null || vote === undefined) continue
      held.uncount(vote.answer.person.id)
      await this.#refuse(held, vote.answer, reason === 'not_approver' ? 'no_longer_approver' : reason, signal)
    }
    if (!held.hasQuorum || this.#isLate(held) || this.#clock.monotonicMs() - startedMs > MAX_CHECK_AGE_MS) return
    const by = held.votes.map(({ approver }) => approver)
    if (held.end({ outcome: 'approved', by, at: this.#clock.now() }, this.#clock.monotonicMs())) this.#paint.soon(held)
  }

  #isLate(held: HeldRequest): boolean {
    return this.#clock.monotonicMs() >= held.parts.deadlineMs
  }

  async #refuse(held: HeldRequest, answer: Answer, reason: AnswerReason, signal: AbortSignal, detail: string | null = null): Promise<void> {
    held.refuse(answer, reason, detail)
    this.#paint.soon(held)
    await this.#mark(answer, 'refused', signal)
  }

  /** Somebody seems to have meant an answer: says what was wrong, to people only and only about what waits here. */
  async #hint(answer: Answer, line: Extract<AnswerLine, { kind: 'malformed' }>, signal: AbortSignal): Promise<void> {
    if (answer.person.type !== 'User' || answer.isThroughApp) return
    const named = line.codes.map(code => this.#held.get(code)).find(held => held !== undefined)
    const [any] = this.#open()
    const held = named ?? (line.isAddressed && line.codes.length === 0 ? any : undefined)
    if (held !== undefined && !held.isTiredOf(answer.person.id)) await this.#refuse(held, answer, line.reason, signal)
  }

  async #explain(kind: 'status' | 'help', answer: Answer, signal: AbortSignal): Promise<void> {
    if (answer.person.type !== 'User' || answer.isThroughApp || this.#said >= MAX_SAID) return
    this.#said += 1
    await this.#tolerate(() => this.#channel.say(kind === 'help' ? HELP : this.#status(), signal))
  }

  #status(): string {
    const lines = this.#open().map(held => {
      const { code, group, votes, parts } = held
      return `- \`${code}\`: rule \`${parts.request.rule}\` on **${parts.request.connection.name}**, ${votes.length} of ${group.count} approved, until ${parts.until.toISOString()}`
    })
    return lines.length === 0 ? 'No command waits for an answer.' : `Waiting for an answer:\n\n${lines.join('\n')}`
  }

  async #mark(answer: Answer, mark: 'counted' | 'refused', signal: AbortSignal): Promise<void> {
    if (this.#marks >= MAX_MARKS) return
    this.#marks += 1
    await this.#tolerate(() => this.#channel.mark(answer, mark, signal))
  }

  /** What is only shown may fail: it decides nothing. */
  async #tolerate(show: () => Promise<void>): Promise<void> {
    try {
      await show()
    } catch (error) {
      if (!(error instanceof ChannelTrouble) && !(error instanceof SallyportError)) throw error
    }
  }
}

const HELP = [
  'Answers are new comments; the first line is exactly one of these:',
  '',
  '```',
  '/sallyport approve CODE [CODE ...]',
  '/sallyport deny CODE reason',
  '/sallyport status',
  '/sallyport help',
  '```',
  '',
  'CODE stands in the request. Edited comments do not count. An approval is for one command, once, in this run.',
].join('\n')

function earliest(all: readonly HeldRequest[]): Date | null {
  const times = all.flatMap(({ state }) => (state.at === 'posting' || state.posted === null ? [] : [state.posted.at.getTime()]))
  return times.length === 0 ? null : new Date(Math.min(...times))
}

function short(sha: string): string {
  return sha.slice(0, 7)
}
