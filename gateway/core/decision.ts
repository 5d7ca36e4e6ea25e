// What the policy says of a command (decision), and what people said of an `ask` (verdict).

export type Decision =
  | { readonly outcome: 'allow'; readonly rule: string; readonly because: string | null }
  | { readonly outcome: 'deny'; readonly rule: string; readonly because: string | null }
  | { readonly outcome: 'ask'; readonly rule: string; readonly because: string | null; readonly approvers: ApproverGroup }

/** One entry of `approvers:` in the policy file. */
export interface ApproverGroup {
  readonly name: string
  /** GitHub logins as written; resolved to numeric ids before anything counts. */
  readonly users: readonly string[]
  /** `org/team`. */
  readonly teams: readonly string[]
  /** How many different people must approve, at least 1. */
  readonly count: number
  readonly timeoutMs: number
}

export interface Approver {
  readonly id: number
  readonly login: string
  /** Permalink of the comment that counted. */
  readonly evidence: string
  readonly at: Date
}

export type Verdict =
  | { readonly outcome: 'approved'; readonly by: readonly Approver[]; readonly at: Date }
  | { readonly outcome: 'rejected'; readonly by: Approver; readonly at: Date; readonly reason: string }
  | { readonly outcome: 'expired'; readonly at: Date; readonly reason: string }
  | { readonly outcome: 'superseded'; readonly at: Date; readonly reason: string }
