// Requests of Kubernetes that are held at the same time become one request to people: helm and kubectl send many, and nobody answers thirty
// comments. People see all of them, and one answer is for all that still wait; each runs, or does not, on its own.
import type { ApprovalDesk, ApprovalProgress, ApprovalRequest } from '../core/approval.ts'
import type { Clock } from '../core/clock.ts'
import type { Verdict } from '../core/decision.ts'

/** A group is asked when nobody joined for this long, and at the latest after the second time. */
const JOIN_MS = 300
const MAX_JOIN_MS = 1_500
const MAX_MEMBERS = 20
/** Text and diffs of all, below what can be shown in one request. */
const MAX_SHOWN_BYTES = 12 * 1_024
/** Codes whose outcomes are remembered. */
const MAX_CODES = 1_000

interface Member {
  readonly request: ApprovalRequest
  readonly progress: ApprovalProgress
  readonly settle: { readonly resolve: (verdict: Verdict) => void; readonly reject: (error: unknown) => void }
  hasLeft: boolean
}

interface Group {
  readonly members: Member[]
  readonly closesAtMs: number
  readonly left: AbortController
  bytes: number
  /** Ended when a member joins or leaves: the wait starts again. */
  joined: AbortController
}

export class RequestGroups implements ApprovalDesk {
  readonly #desk: ApprovalDesk
  readonly #clock: Clock
  /** Those that may still be joined. */
  readonly #open = new Map<string, Group>()
  readonly #outcomes = new Map<string, string[]>()

  constructor(desk: ApprovalDesk, clock: Clock) {
    this.#desk = desk
    this.#clock = clock
  }

  ask(request: ApprovalRequest, progress: ApprovalProgress, signal: AbortSignal): Promise<Verdict> {
    if (request.connection.protocol !== 'kubernetes') return this.#desk.ask(request, progress, signal)
    return new Promise((resolve, reject) => {
      const member: Member = { request, progress, settle: { resolve, reject }, hasLeft: false }
      const group = this.#join(member)
      const leave = (): void => {
        member.hasLeft = true
        resolve({ outcome: 'superseded', at: this.#clock.now(), reason: 'the client disconnected or cancelled the command' })
        if (group.members.every(({ hasLeft }) => hasLeft)) group.left.abort()
      }
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
    })
  }

  report(code: string, outcome: string): void {
    const known = this.#outcomes.get(code)
    if (known === undefined) {
      this.#desk.report(code, outcome)
      return
    }
    known.push(outcome)
    this.#desk.report(code, known.join('; '))
  }

  #join(member: Member): Group {
    const { request } = member
    const key = [request.connection.name, request.rule, request.approvers.name].join('\n')
    const bytes = request.commands.reduce((sum, { text }) => sum + Buffer.byteLength(text), Buffer.byteLength(request.diff ?? ''))
    const open = this.#open.get(key)
    if (open !== undefined && open.members.length < MAX_MEMBERS && open.bytes + bytes <= MAX_SHOWN_BYTES && !open.left.signal.aborted) {
      open.members.push(member)
      open.bytes += bytes
      open.joined.abort()
      return open
    }
    const closesAtMs = this.#clock.monotonicMs() + MAX_JOIN_MS
    const group: Group = { members: [member], closesAtMs, left: new AbortController(), bytes, joined: new AbortController() }
    this.#open.set(key, group)
    void this.#gather(key, group)
    return group
  }

  async #gather(key: string, group: Group): Promise<void> {
    for (;;) {
      const waitMs = Math.min(JOIN_MS, group.closesAtMs - this.#clock.monotonicMs())
      if (waitMs <= 0 || group.left.signal.aborted) break
      group.joined = new AbortController()
      const hasJoined = await this.#clock.sleep(waitMs, AbortSignal.any([group.joined.signal, group.left.signal])).then(
        () => false,
        () => true,
      )
      if (!hasJoined) break
    }
    if (this.#open.get(key) === group) this.#open.delete(key)
    await this.#askAll(group)
  }

  async #askAll(group: Group): Promise<void> {
    const members = group.members.filter(({ hasLeft }) => !hasLeft)
    const [first] = members
    if (first === undefined) return
    try {
      const verdict = await this.#desk.ask(togetherOf(members, first), this.#progressOf(members), group.left.signal)
      for (const { settle } of members) settle.resolve(verdict)
    } catch (error) {
      for (const { settle } of members) settle.reject(error)
    }
  }

  #progressOf(members: readonly Member[]): ApprovalProgress {
    const each = (tell: (progress: ApprovalProgress) => void): void => {
      for (const { progress, hasLeft } of members) if (!hasLeft) tell(progress)
    }
    return {
      onHeld: (hold, digest) => {
        if (members.length > 1) this.#remember(hold.code)
        each(progress => progress.onHeld(hold, digest))
      },
      onPosted: (hold, digest) => each(progress => progress.onPosted(hold, digest)),
      // It is said once: the recording has one line for one answer.
      onRefused: answer => members[0]?.progress.onRefused(answer),
    }
  }

  #remember(code: string): void {
    if (this.#outcomes.size >= MAX_CODES) this.#outcomes.clear()
    this.#outcomes.set(code, [])
  }
}

/** One request that shows all: their commands, what each would change, and what is bound to the answer are those of every member, in order. */
function togetherOf(members: readonly Member[], first: Member): ApprovalRequest {
  if (members.length === 1) return first.request
  const requests = members.map(({ request }) => request)
  return {
    ...first.request,
    commands: requests.flatMap(({ commands }) => commands),
    isGroup: true,
    bytes: Buffer.concat(requests.flatMap(({ number, session, bytes }) => [Buffer.from(`${session} ${number} ${bytes.length}\n`), bytes])),
    notes: requests.flatMap(request => request.notes.map(note => `${nameOf(request)}: ${note}`)),
    diff: diffOf(requests),
  }
}

function diffOf(requests: readonly ApprovalRequest[]): string | null {
  const diffs = requests.flatMap(request =>
    typeof request.diff === 'string' && request.diff !== '' ? [`@@ ${nameOf(request)} @@\n${request.diff}`] : [],
  )
  return diffs.length === 0 ? null : diffs.join('\n')
}

function nameOf({ flagged }: ApprovalRequest): string {
  return `${flagged.verb} ${flagged.resources[0] ?? ''}`
}
