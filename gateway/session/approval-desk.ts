// Holds requests until people answered, time is up or the client left. One loop reads the thread for all of them.
// Fails closed: what cannot be read now does not count, and what was not checked within 5 s is not released.
import { randomBytes } from 'node:crypto'
import { ChannelTrouble, type ApprovalChannel } from '../core/approval-channel.ts'
import type { ApprovalDesk, ApprovalProgress, ApprovalRequest } from '../core/approval.ts'
import type { Clock } from '../core/clock.ts'
import type { Verdict } from '../core/decision.ts'
import { SallyportError } from '../core/errors.ts'
import type { Run } from '../core/identity.ts'
import { ApprovalRound } from './approval-round.ts'
import { canonicalRequest, codeOf, digestOf } from './approval-code.ts'
import { HeldRequest } from './held-request.ts'
import { RequestGroups } from './request-group.ts'
import { RequestPaint } from './request-paint.ts'

/** What a person cannot read in full, nobody can approve. UTF-8 bytes of all commands of the message with their values. */
const MAX_SHOWN_BYTES = 16 * 1024
/** Requests that wait at the same time; more are refused, not queued. */
const MAX_HELD = 50
/** Ended requests are remembered this long, so that late answers are told why. */
const LINGER_MS = 60_000

export interface ApprovalDeskParts {
  /** null: this run has no pull request, nobody can be asked. */
  readonly channel: ApprovalChannel | null
  readonly run: Run
  readonly clock: Clock
  /** 0 to 1, for the jitter of the polling. */
  readonly random?: () => number
}

export interface OpenApprovalDesk extends ApprovalDesk {
  /** Ends every request that waits, and gives the last edits up to the signal's time to get out. Never throws. */
  close(signal: AbortSignal): Promise<void>
}

export function openApprovalDesk(parts: ApprovalDeskParts): OpenApprovalDesk {
  if (parts.channel === null) return closedDesk()
  const desk = new Desk(parts, parts.channel)
  const groups = new RequestGroups(desk, parts.clock)
  return {
    ask: (request, progress, signal) => groups.ask(request, progress, signal),
    report: (code, outcome) => groups.report(code, outcome),
    close: signal => desk.close(signal),
  }
}

function closedDesk(): OpenApprovalDesk {
  return {
    ask: () =>
      Promise.reject(
        new SallyportError('NO_PULL_REQUEST', 'this run has no pull request', {
          why: 'a flagged command needs a place to ask, and this event (push, schedule, dispatch …) belongs to no pull request',
          fix: 'set the input pull-request to the number of one that is open, or change the rule from ask to deny',
        }),
      ),
    report: () => undefined,
    close: () => Promise.resolve(),
  }
}

class Desk implements OpenApprovalDesk {
  readonly #channel: ApprovalChannel
  readonly #run: Run
  readonly #clock: Clock
  readonly #random: () => number
  readonly #key = randomBytes(32)
  readonly #held = new Map<string, HeldRequest>()
  readonly #paint: RequestPaint
  readonly #round: ApprovalRound
  readonly #closed = new AbortController()
  readonly #postsOver = new AbortController()
  readonly #posts = new Set<Promise<void>>()
  #loop: Promise<void> | null = null
  #lastPostedMs = 0
  #wake = new AbortController()

  constructor(parts: ApprovalDeskParts, channel: ApprovalChannel) {
    this.#channel = channel
    this.#run = parts.run
    this.#clock = parts.clock
    this.#random = parts.random ?? Math.random
    this.#paint = new RequestPaint(channel, parts.clock)
    this.#round = new ApprovalRound(channel, parts.clock, this.#held, this.#paint)
  }

  async ask(request: ApprovalRequest, progress: ApprovalProgress, signal: AbortSignal): Promise<Verdict> {
    if (this.#closed.signal.aborted) return { outcome: 'superseded', at: this.#clock.now(), reason: 'the run is over' }
    refuseUnshowable(request)
    this.#forget()
    if (this.#waiting().length >= MAX_HELD) {
      throw new SallyportError('COMMAND_DENIED', `${MAX_HELD} requests wait already`, {
        why: 'people cannot answer any number of requests',
        fix: 'wait for the answers, or run fewer flagged commands at the same time',
      })
    }
    const held = this.#hold(request, progress)
    progress.onHeld(held.hold(null), held.parts.digest)
    const over = new AbortController()
    const stop = (): void => {
      this.#end(held, { outcome: 'superseded', at: this.#clock.now(), reason: 'the client disconnected or cancelled the command' })
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    void this.#expire(held, over.signal)
    const post = this.#post(held, over.signal).finally(() => this.#posts.delete(post))
    this.#posts.add(post)
    try {
      return await held.done
    } finally {
      over.abort()
      signal.removeEventListener('abort', stop)
    }
  }

  report(code: string, outcome: string): void {
    const held = this.#held.get(code)
    if (held === undefined) return
    held.note(outcome)
    this.#paint.soon(held)
  }

  async close(signal: AbortSignal): Promise<void> {
    for (const held of this.#waiting()) this.#end(held, { outcome: 'superseded', at: this.#clock.now(), reason: 'the run ended' })
    this.#closed.abort()
    this.#wake.abort()
    const stop = (): void => this.#postsOver.abort()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    await Promise.allSettled([...this.#posts, this.#loop])
    signal.removeEventListener('abort', stop)
    await this.#paint.finish(signal)
  }

  #hold(request: ApprovalRequest, progress: ApprovalProgress): HeldRequest {
    const canonical = canonicalRequest(this.#run.id, request)
    let code = ''
    do code = codeOf(canonical, randomBytes(16))
    while (this.#held.has(code))
    const { timeoutMs } = request.approvers
    const held = new HeldRequest({
      code,
      digest: digestOf(canonical, this.#key),
      request,
      progress,
      deadlineMs: this.#clock.monotonicMs() + timeoutMs,
      until: new Date(this.#clock.now().getTime() + timeoutMs),
    })
    this.#held.set(code, held)
    return held
  }

  /** Posts until it is out; trouble that may pass is waited for, as long as the request lives. */
  async #post(held: HeldRequest, over: AbortSignal): Promise<void> {
    // Not the request's own signal: a comment that is on its way when the client leaves must still get its end state.
    const signal = this.#postsOver.signal
    for (let tries = 0; held.state.at === 'posting'; tries += 1) {
      try {
        await this.#channel.prepare(held.group, signal)
        const thread = await this.#channel.thread(signal)
        if (!thread.isOpen) {
          this.#end(held, {
            outcome: 'superseded',
            at: this.#clock.now(),
            reason: `thread_closed: ${this.#channel.place} is ${thread.state}`,
          })
          return
        }
        if (held.state.at !== 'posting') return
        const posted = await this.#channel.post({ ...held.view(), head: thread.head }, signal)
        held.open(posted, thread.head)
        if (this.#isWaiting(held)) held.parts.progress.onPosted(held.hold(posted.link), held.parts.digest)
        else this.#paint.soon(held)
        this.#startLoop()
        return
      } catch (error) {
        if (!(error instanceof ChannelTrouble)) {
          held.fail(error, this.#clock.now(), this.#clock.monotonicMs())
          return
        }
        const waitMs = error.retryAfterMs ?? Math.min(20_000, 1_000 * 2 ** tries)
        await this.#clock.sleep(waitMs, over).catch(() => undefined)
      }
    }
  }

  async #expire(held: HeldRequest, over: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(Math.max(0, held.parts.deadlineMs - this.#clock.monotonicMs()), over)
      this.#end(held, { outcome: 'expired', at: this.#clock.now(), reason: `nobody approved it by ${held.parts.until.toISOString()}` })
    } catch {
      // Ended before its time.
    }
  }

  #end(held: HeldRequest, verdict: Verdict): void {
    if (held.end(verdict, this.#clock.monotonicMs())) this.#paint.soon(held)
  }

  #startLoop(): void {
    this.#lastPostedMs = this.#clock.monotonicMs()
    this.#wake.abort()
    this.#wake = new AbortController()
    this.#loop ??= this.#poll().finally(() => {
      this.#loop = null
    })
  }

  async #poll(): Promise<void> {
    let failures = 0
    while (!this.#closed.signal.aborted && this.#forget()) {
      let waitMs: number
      try {
        await this.#round.play(this.#closed.signal)
        failures = 0
        waitMs = paceMs(this.#clock.monotonicMs() - this.#lastPostedMs) * (0.8 + this.#random() * 0.4)
      } catch (error) {
        failures += 1
        const wanted = error instanceof ChannelTrouble ? error.retryAfterMs : null
        waitMs = wanted ?? Math.min(20_000, 3_000 * 2 ** Math.min(failures - 1, 3))
      }
      const wait = AbortSignal.any([this.#closed.signal, this.#wake.signal])
      await this.#clock.sleep(waitMs, wait).catch(() => undefined)
    }
  }

  #waiting(): readonly HeldRequest[] {
    return [...this.#held.values()].filter(held => this.#isWaiting(held))
  }

  #isWaiting(held: HeldRequest): boolean {
    return held.state.at !== 'ended'
  }

  /** Drops what ended long ago; false when nothing is left to look after. */
  #forget(): boolean {
    const now = this.#clock.monotonicMs()
    for (const [code, held] of this.#held) {
      if (held.state.at === 'ended' && now - held.state.endedMs > LINGER_MS && !this.#paint.isBusy(held)) this.#held.delete(code)
    }
    return [...this.#held.values()].some(held => held.state.at === 'open' || (held.state.at === 'ended' && held.state.posted !== null))
  }
}

/** 3 s while people are likely to look, then slower; never so slow that an approval waits 15 s. */
function paceMs(sinceMs: number): number {
  if (sinceMs < 60_000) return 3_000
  return sinceMs < 300_000 ? 5_000 : 10_000
}

function refuseUnshowable(request: ApprovalRequest): void {
  let bytes = Buffer.byteLength(request.diff ?? '')
  for (const command of request.commands) {
    bytes += Buffer.byteLength(command.text)
    if (command.protocol === 'postgres') for (const value of command.values) bytes += Buffer.byteLength(value ?? '')
  }
  if (bytes <= MAX_SHOWN_BYTES) return
  throw new SallyportError(
    'COMMAND_DENIED',
    `the command has ${bytes} bytes, and no more than ${MAX_SHOWN_BYTES} can be shown to an approver`,
    {
      why: 'what cannot be shown in full cannot be approved',
      fix: 'split it into smaller commands, or let a rule allow it',
    },
  )
}
