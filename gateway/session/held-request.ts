// One request to people, from asked to ended. Knows who was counted and what was refused; asks nobody itself.
// It ends once: the first verdict stays, whatever arrives later.
import type { Answer, PostedRequest, RequestView } from '../core/approval-channel.ts'
import type { ApprovalProgress, ApprovalRequest } from '../core/approval.ts'
import type { Approver, ApproverGroup, Verdict } from '../core/decision.ts'
import type { Hold } from '../core/session.ts'
import { wordsOf, type AnswerReason } from './answer-reason.ts'

/** Lines of refused answers that a request shows. */
const MAX_LISTED = 5
/** Refused answers that are told to the recording, a request. */
const MAX_RECORDED = 200
/** Refused answers of one person, a request; what the same person writes after them is not looked at. */
const MAX_PER_PERSON = 20

export type HeldState =
  | { readonly at: 'posting' }
  | { readonly at: 'open'; readonly posted: PostedRequest; readonly head: string }
  | {
      readonly at: 'ended'
      readonly posted: PostedRequest | null
      readonly head: string
      readonly verdict: Verdict
      readonly endedMs: number
    }

export interface HeldParts {
  readonly code: string
  readonly digest: string
  readonly request: ApprovalRequest
  readonly progress: ApprovalProgress
  /** Monotonic. */
  readonly deadlineMs: number
  readonly until: Date
}

export class HeldRequest {
  readonly parts: HeldParts
  #settle: { readonly resolve: (verdict: Verdict) => void; readonly reject: (error: unknown) => void } | null = null
  /** The verdict, once; rejected when nobody can be asked. */
  readonly done = new Promise<Verdict>((resolve, reject) => {
    this.#settle = { resolve, reject }
  })
  readonly #votes = new Map<number, { readonly approver: Approver; readonly answer: Answer }>()
  readonly #refusals: string[] = []
  readonly #perPerson = new Map<number, number>()
  #unlisted = 0
  #suspicions = 0
  #recorded = 0
  #state: HeldState = { at: 'posting' }
  #outcome: string | null = null

  constructor(parts: HeldParts) {
    this.parts = parts
  }

  get code(): string {
    return this.parts.code
  }

  get state(): HeldState {
    return this.#state
  }

  get group(): ApproverGroup {
    return this.parts.request.approvers
  }

  get votes(): readonly { readonly approver: Approver; readonly answer: Answer }[] {
    return [...this.#votes.values()]
  }

  get hasQuorum(): boolean {
    return this.#votes.size >= this.group.count
  }

  hold(where: string | null): Hold {
    const { code, request, until } = this.parts
    return { code, rule: request.rule, because: request.because, approvers: approversInWords(this.group), until, where }
  }

  open(posted: PostedRequest, head: string): void {
    if (this.#state.at === 'posting') this.#state = { at: 'open', posted, head }
    else if (this.#state.at === 'ended') this.#state = { ...this.#state, posted, head }
  }

  /** Counts one approval; false when this person was counted before. */
  count(answer: Answer): boolean {
    if (this.#votes.has(answer.person.id)) return false
    const { id, login } = answer.person
    this.#votes.set(id, { approver: { id, login, evidence: answer.link, at: answer.at }, answer })
    return true
  }

  /** Takes a vote back that does not hold any more. */
  uncount(person: number): void {
    this.#votes.delete(person)
  }

  /** True when this person has been refused so often that nothing more is looked at: a flood costs nothing. */
  isTiredOf(person: number): boolean {
    return (this.#perPerson.get(person) ?? 0) >= MAX_PER_PERSON
  }

  /** Notes an answer that does not count. */
  refuse(answer: Answer, reason: AnswerReason, detail: string | null = null): void {
    const { id, login } = answer.person
    this.#perPerson.set(id, (this.#perPerson.get(id) ?? 0) + 1)
    const words = wordsOf(reason, groupInWords(this.group), detail)
    if (this.#refusals.length < MAX_LISTED) this.#refusals.push(`@${login}'s answer does not count: ${words}.`)
    else this.#unlisted += 1
    if (this.#recorded < MAX_RECORDED) {
      this.#recorded += 1
      this.parts.progress.onRefused({ code: this.code, login, id, reason, words, evidence: answer.link, at: answer.at })
    }
  }

  /** How often in a row the request did not read as written, this time included. */
  suspect(isIntact: boolean): number {
    this.#suspicions = isIntact ? 0 : this.#suspicions + 1
    return this.#suspicions
  }

  /** Ends the request; false when it had ended before. */
  end(verdict: Verdict, endedMs: number): boolean {
    if (this.#state.at === 'ended') return false
    const open = this.#state.at === 'open' ? this.#state : null
    this.#state = { at: 'ended', posted: open?.posted ?? null, head: open?.head ?? '', verdict, endedMs }
    this.#settle?.resolve(verdict)
    return true
  }

  /** Nobody can be asked. */
  fail(error: unknown, at: Date, endedMs: number): void {
    if (this.#state.at === 'ended') return
    this.#state = { at: 'ended', posted: null, head: '', verdict: { outcome: 'superseded', at, reason: 'it could not be asked' }, endedMs }
    this.#settle?.reject(error)
  }

  note(outcome: string): void {
    this.#outcome = outcome
  }

  view(): RequestView {
    const { code, digest, request, until } = this.parts
    return {
      code,
      digest,
      request,
      until,
      head: this.#state.at === 'posting' ? '' : this.#state.head,
      votes: this.votes.map(({ approver }) => approver),
      refusals: [...this.#refusals],
      unlisted: this.#unlisted,
      verdict: this.#state.at === 'ended' ? this.#state.verdict : null,
      outcome: this.#outcome,
    }
  }
}

/** `dba (dana, acme/dba), 1 needed`. */
function approversInWords(group: ApproverGroup): string {
  return `${groupInWords(group)}, ${group.count} needed`
}

function groupInWords(group: ApproverGroup): string {
  return `${group.name} (${[...group.users, ...group.teams].join(', ')})`
}
