// Plans the masking of one message: what each statement's answer needs, or why it cannot be made safe.
import type { SqlStatement } from '../../command/sql/sql-statement.ts'
import type { Refusal } from '../../core/errors.ts'
import type { Conversation } from './conversation.ts'
import type { ResultMask } from './result-mask.ts'

export interface MessageMasks {
  /** null = it can be answered safely. */
  readonly refusal: Refusal | null
  /** The mask for the answer of the statement at this place; null = it may pass untouched. */
  open(index: number): ResultMask | null
}

export interface MaskDesk {
  plan(statements: readonly SqlStatement[]): MessageMasks
  /**
   * An error, a notice or a setting as the client may see it, whoever caused it: a planner runs functions before a statement is executed, and
   * constraint triggers run at the end of a transaction, under whatever message ends it. The same buffer when nothing is withheld.
   * @param statements what the message is about; null = nothing in particular.
   */
  cover(statements: readonly SqlStatement[] | null, message: Buffer): Buffer
  /** A notification as the client may see it. @param isOwn this session sent it. */
  coverNotification(message: Buffer, isOwn: boolean): Buffer
  /** No transaction is open, and nothing is on its way. */
  endTransaction(): void
}

export type MaskDeskFor = (conversation: Conversation) => MaskDesk

const nothing: MessageMasks = { refusal: null, open: () => null }

/** For a session without masks. */
export const noMasks: MaskDesk = {
  plan: () => nothing,
  cover: (_, message) => message,
  coverNotification: message => message,
  endTransaction: () => {},
}
