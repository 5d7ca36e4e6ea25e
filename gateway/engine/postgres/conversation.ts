// What both directions of one session know of each other. State only; who may write to whom is decided in client-side and target-side.
import type { Duplex } from 'node:stream'
import type { SqlContext, SqlStatement } from '../../command/sql/sql-statement.ts'
import type { Session } from '../../core/session.ts'
import type { AnswerQueue, Probe } from './answers.ts'
import type { Names } from './names.ts'
import type { SessionContext } from './session-context.ts'
import type { Target } from './target.ts'

/** Reads the statements of a text; never throws or rejects for what a client wrote. A promise for texts that are read elsewhere. */
export type ReadSql = (text: Buffer, context: SqlContext) => readonly SqlStatement[] | Promise<readonly SqlStatement[]>

export interface Conversation {
  readonly session: Session
  readonly client: Duplex
  readonly target: Target
  readonly answers: AnswerQueue
  readonly names: Names
  readonly context: SessionContext
  readonly read: ReadSql
  /** Transaction status of the last ReadyForQuery, `I`, `T` or `E`. */
  status: number
  /** Transaction control is on its way: the status of the last ReadyForQuery is out of date. */
  isTurning: boolean
  /** The target is in the middle of COPY FROM STDIN. */
  isCopyIn: boolean
  /** The target met an error in a batch whose Sync is still to come: it ignores everything up to it. */
  isSkipping: boolean
  /** Called when the last answer that was owed has come, or COPY FROM STDIN begins. */
  onDrained: (() => void) | null
  /** Writes to the client while it is there. */
  toClient(bytes: Buffer): void
  /** The target has told the client that the session ends. */
  noteFatal(): void
  /** Puts a message of the gateway's own into the client's stream, at the next border of messages. */
  tell(message: Buffer): void
  /** The target failed what was sent of the batch under way: nothing of its rest may be sent. */
  failBatch(): void
  /** The target reads COPY data: a Sync that came before the data's end did not count. */
  reopenBatch(): void
  /** Ends the session; the client is told when there is an error. Idempotent. */
  end(reason: string, error?: unknown): void
}

/** Sends a Query of the gateway's own; only with nothing owed. Rejects with the SQLSTATE. */
export async function probe(conversation: Conversation, write: () => void): Promise<(string | null)[][]> {
  return new Promise((resolve, reject) => {
    const probe: Probe = {
      rows: [],
      failure: null,
      done: () =>
        probe.failure === null ? resolve(probe.rows) : reject(new Error(`a query of the gateway's own failed: ${probe.failure}`)),
    }
    conversation.answers.push({ kind: 'probe', probe })
    write()
  })
}
