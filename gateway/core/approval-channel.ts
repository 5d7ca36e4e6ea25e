// Where people are asked. A channel brings evidence only (who wrote what, when, in which thread); session/ decides what counts.
import type { ApprovalRequest } from './approval.ts'
import type { Approver, ApproverGroup, Verdict } from './decision.ts'

export interface Person {
  /** The numeric id that never changes hands. */
  readonly id: number
  readonly login: string
  /** `User`, `Bot`, `Organization`, `Mannequin` … as the server says. */
  readonly type: string
}

/** One message in the thread, as the server holds it now. All times are the server's. */
export interface Answer {
  readonly id: number
  readonly person: Person
  /** Sent through an App, even where it says it is a person's. */
  readonly isThroughApp: boolean
  readonly body: string
  readonly at: Date
  /** Ever edited, by anybody; true as well where the channel cannot tell. */
  readonly isEdited: boolean
  readonly link: string
}

/** A request as it stands in the thread. */
export interface PostedRequest {
  readonly id: number
  readonly link: string
  /** The server's time, which answers are compared with. */
  readonly at: Date
}

export interface Thread {
  readonly isOpen: boolean
  /** `open`, `closed`, `merged`, `locked`. */
  readonly state: string
  /** What the thread is about; a request does not outlive a change of it. */
  readonly head: string
}

/** All that a request shows, in every state of its life. */
export interface RequestView {
  readonly code: string
  readonly digest: string
  readonly request: ApprovalRequest
  /** For people; what counts is the gateway's monotonic clock. */
  readonly until: Date
  readonly head: string
  /** Those whose approval counts so far. */
  readonly votes: readonly Approver[]
  /** One line for each answer that did not count. */
  readonly refusals: readonly string[]
  /** More refusals than are listed. */
  readonly unlisted: number
  readonly verdict: Verdict | null
  /** What came of an approved command, as far as known. */
  readonly outcome: string | null
}

export interface ApprovalChannel {
  /** `owner/repo#42`, for messages. */
  readonly place: string
  /**
   * Pins the group's members to their numeric ids, once a run.
   * @throws {SallyportError} APPROVERS_UNREADABLE when nobody of the group could ever be recognised.
   */
  prepare(group: ApproverGroup, signal: AbortSignal): Promise<void>
  thread(signal: AbortSignal): Promise<Thread>
  /** @throws {SallyportError} COMMENT_REFUSED when it may not post; COMMAND_DENIED when the request cannot be shown in full. */
  post(view: RequestView, signal: AbortSignal): Promise<PostedRequest>
  update(posted: PostedRequest, view: RequestView, signal: AbortSignal): Promise<void>
  /** True while the request reads, byte for byte, as the gateway last wrote it and nobody else ever edited it. */
  isIntact(posted: PostedRequest, signal: AbortSignal): Promise<boolean>
  /** Messages of other people since the server's time `since`, oldest first; bounded, and a message may come more than once. */
  answersSince(since: Date, signal: AbortSignal): Promise<readonly Answer[]>
  /** The message as it is now; null when it is gone. */
  reread(answer: Answer, signal: AbortSignal): Promise<Answer | null>
  /** True when the person caused the run or wrote what it runs: author of the pull request, actor, triggering actor. */
  isRequester(person: Person, signal: AbortSignal): Promise<boolean>
  /** True when the person is in the group now. Never from a cache. @throws {SallyportError} APPROVERS_UNREADABLE */
  isApprover(person: Person, group: ApproverGroup, signal: AbortSignal): Promise<boolean>
  /** True when the code belongs to a request of another gateway that still waits in this thread. */
  isAskedElsewhere(code: string, signal: AbortSignal): Promise<boolean>
  /** A mark on a message: it counted, or it did not. */
  mark(answer: Answer, mark: 'counted' | 'refused', signal: AbortSignal): Promise<void>
  /** A message of the gateway's own (answers to `status` and `help`). */
  say(text: string, signal: AbortSignal): Promise<void>
}

/** The channel cannot be read or written now; that may pass. While it lasts nothing counts. */
export class ChannelTrouble extends Error {
  /** How long the server wants to be left alone; null = it did not say. */
  readonly retryAfterMs: number | null

  constructor(message: string, retryAfterMs: number | null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ChannelTrouble'
    this.retryAfterMs = retryAfterMs
  }
}
