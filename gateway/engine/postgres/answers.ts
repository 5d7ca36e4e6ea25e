// What the target still owes, in order: one entry for each message that was sent and will be answered.
import type { SqlStatement } from '../../command/sql/sql-statement.ts'
import type { Portal, PreparedStatement } from './names.ts'
import type { StatementRun } from './statement-run.ts'

/** A command that runs, and what follows from its end. */
export interface Running {
  readonly run: StatementRun
  /** null for what has no statement (a function-call message). */
  readonly statement: SqlStatement | null
}

export type Answer =
  /** `running`: what the Parse itself was admitted as, where looking at the statement runs code. */
  | {
      readonly kind: 'parse'
      readonly prepared: PreparedStatement
      readonly previous: PreparedStatement | null
      readonly running: readonly Running[]
      done: number
    }
  | { readonly kind: 'bind'; readonly portal: Portal; readonly previous: Portal | null }
  /** `isOurs`: the gateway asked, so the client does not see what answers it. */
  | {
      readonly kind: 'describe'
      readonly of: Portal | PreparedStatement | null
      readonly run: StatementRun | null
      readonly isOurs: boolean
    }
  | { readonly kind: 'close' }
  | { readonly kind: 'execute'; readonly running: readonly Running[]; done: number }
  | { readonly kind: 'query'; readonly running: readonly Running[]; done: number }
  | { readonly kind: 'call'; readonly running: readonly Running[]; done: number }
  /** A message that fails on purpose; the client gets `error` instead of the target's. `isQuery`: ends with ReadyForQuery by itself. */
  | { readonly kind: 'refusal'; readonly error: Buffer; readonly isQuery: boolean }
  /** The client's CopyDone or CopyFail: separates a Sync that COPY swallows from one that counts. */
  | { readonly kind: 'copy-end' }
  | { readonly kind: 'sync' }
  /** A Query of the gateway's own. */
  | { readonly kind: 'probe'; readonly probe: Probe }

/** Collects what answers a Query of the gateway's own. */
export interface Probe {
  readonly rows: (string | null)[][]
  failure: string | null
  readonly done: () => void
}

export const syncAnswer: Answer = { kind: 'sync' }
export const closeAnswer: Answer = { kind: 'close' }
export const copyEndAnswer: Answer = { kind: 'copy-end' }

export class AnswerQueue {
  #queue: Answer[] = []
  #at = 0

  /** Nothing is owed. */
  get isEmpty(): boolean {
    return this.head() === undefined
  }

  get length(): number {
    return this.#queue.length - this.#at
  }

  push(answer: Answer): void {
    this.#queue.push(answer)
  }

  /** The entry that the target answers now. A copy-end has no answer of its own. */
  head(): Answer | undefined {
    while (this.#queue[this.#at]?.kind === 'copy-end') this.shift()
    return this.#queue[this.#at]
  }

  shift(): void {
    this.#at += 1
    if (this.#at === this.#queue.length) {
      this.#queue = []
      this.#at = 0
    } else if (this.#at > 1024) {
      this.#queue = this.#queue.slice(this.#at)
      this.#at = 0
    }
  }

  /** After an error the target skips to the next Sync: takes out what it skips, newest last. True when a Sync is on its way. */
  skipToSync(): { readonly skipped: readonly Answer[]; readonly hasSync: boolean } {
    const sync = this.#queue.findIndex((answer, index) => index >= this.#at && answer.kind === 'sync')
    const end = sync < 0 ? this.#queue.length : sync
    const skipped = this.#queue.slice(this.#at, end)
    this.#queue = this.#queue.slice(end)
    this.#at = 0
    return { skipped, hasSync: sync >= 0 }
  }

  /**
   * COPY FROM STDIN has begun at the head: the target ignores each Sync up to the end of the data. False when that end was sent already.
   */
  beginCopyIn(): boolean {
    const left = this.#queue.slice(this.#at)
    const end = left.findIndex(answer => answer.kind === 'copy-end')
    this.#queue = left.filter((answer, index) => answer.kind !== 'sync' || (end >= 0 && index > end))
    this.#at = 0
    return end < 0
  }

  /** Everything that will not be answered any more, oldest first. */
  drain(): readonly Answer[] {
    const left = this.#queue.slice(this.#at)
    this.#queue = []
    this.#at = 0
    return left
  }
}
