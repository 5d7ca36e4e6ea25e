// A request to people, and the desk that gets their verdict. session/ decides what counts; adapters bring evidence only.
import type { Command } from './command.ts'
import type { Connection } from './connection.ts'
import type { ApproverGroup, Verdict } from './decision.ts'
import type { Hold } from './session.ts'

export interface ApprovalRequest {
  /** Id of the session that waits. */
  readonly session: string
  /** Number of the flagged command in the recording. */
  readonly number: number
  readonly connection: Connection
  /** All commands of the message as people may read them: patterns and password literals are masked. */
  readonly commands: readonly Command[]
  /** The one of `commands` that the rule flagged. */
  readonly flagged: Command
  readonly rule: string
  readonly because: string | null
  readonly approvers: ApproverGroup
  /** The exact bytes that will run. */
  readonly bytes: Buffer
  readonly notes: readonly string[]
  /** True when `commands` are requests of their own that are held at the same time: each runs, or does not, without the others. */
  readonly isGroup?: boolean
  /** What the command would change, as a unified diff, where that is known. */
  readonly diff?: string | null
}

/** Told of what happens to one request, for recording and for the client. */
export interface ApprovalProgress {
  /** The command is held: code and deadline are set, the request is not out yet. Called once, at once. */
  onHeld(hold: Hold, digest: string): void
  /** The request is out: code, deadline, permalink. Called before any answer counts; again when it had to be posted anew. */
  onPosted(hold: Hold, digest: string): void
  /** An answer that does not count, and why. May come after the verdict (a denial that was too late). */
  onRefused(answer: RefusedAnswer): void
}

/** Somebody answered, and it did not count. */
export interface RefusedAnswer {
  readonly code: string
  readonly login: string
  /** Numeric id of the person. */
  readonly id: number
  /** One word of a fixed list, e.g. `not_approver`. */
  readonly reason: string
  /** The same for people. */
  readonly words: string
  /** Permalink of the answer. */
  readonly evidence: string
  /** The server's time of the answer. */
  readonly at: Date
}

export interface ApprovalDesk {
  /**
   * Posts the request and waits for people. Resolves once; never with `approved` after the signal aborted, the
   * deadline (monotonic) passed, the head moved, or the API could not be read right before the release.
   *
   * @throws {SallyportError} NO_PULL_REQUEST, COMMENT_REFUSED, APPROVERS_UNREADABLE, COMMAND_DENIED (it cannot be shown in full):
   * nobody could ever approve it.
   */
  ask(request: ApprovalRequest, progress: ApprovalProgress, signal: AbortSignal): Promise<Verdict>
  /** After an approval: what came of it, for the end state of the request. Never throws. */
  report(code: string, outcome: string): void
}
