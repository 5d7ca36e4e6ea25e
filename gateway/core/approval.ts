// A request to people, and the desk that gets their verdict. session/ decides what counts; adapters bring evidence only.
import type { Command } from './command.ts'
import type { Connection } from './connection.ts'
import type { ApproverGroup, Verdict } from './decision.ts'
import type { Hold } from './session.ts'

export interface ApprovalRequest {
  readonly connection: Connection
  /** All commands of the message; the flagged one first in `flagged`. */
  readonly commands: readonly Command[]
  readonly flagged: Command
  readonly rule: string
  readonly because: string | null
  readonly approvers: ApproverGroup
  /** The exact bytes that will run. */
  readonly bytes: Buffer
  readonly notes: readonly string[]
}

/** Told of what happens to one request, for recording and for the client. */
export interface ApprovalProgress {
  /** The request is out: code, deadline, permalink. Called once, before any answer counts. */
  onPosted(hold: Hold, digest: string): void
  /** An answer that does not count, and why. */
  onRefused(login: string, id: number, reason: string, evidence: string): void
}

export interface ApprovalDesk {
  /**
   * Posts the request and waits for people. Resolves once; never with `approved` after the signal aborted, the
   * deadline (monotonic) passed, the head moved, or the API could not be read right before the release.
   */
  ask(request: ApprovalRequest, progress: ApprovalProgress, signal: AbortSignal): Promise<Verdict>
  /** After an approval: what came of it, for the end state of the request. Never throws. */
  report(code: string, outcome: string): void
}
