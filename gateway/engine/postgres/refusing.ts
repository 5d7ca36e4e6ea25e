// What stands in for a refused message: an error of the gateway's own, and where a transaction is open a statement that fails it for real.
import type { SallyportError } from '../../core/errors.ts'
import { writeError, writeReady } from '../../wire/postgres/backend-writer.ts'
import { writeParse, writeQuery } from '../../wire/postgres/frontend-writer.ts'
import { txStatus } from '../../wire/postgres/message-type.ts'
import type { Answer } from './answers.ts'
import { refusalFields } from './client-error.ts'
import type { Conversation } from './conversation.ts'
import type { Outbox } from './outbox.ts'

/** A statement no server takes: puts a transaction into the failed state, as the refused one would have. */
const REFUSED_TEXT = 'sallyport: refused'
/** Under a name of its own: a Parse of the unnamed statement would drop that. */
export const refusedParse = writeParse('sallyport: refused', REFUSED_TEXT)
const refusedQuery = writeQuery(REFUSED_TEXT)

/** Answers a Query or a function call that does not run. The target hears of it only where its transaction must fail. */
export function refuseQuery(conversation: Conversation, outbox: Outbox, error: SallyportError, text: string): void {
  const { answers, status, session } = conversation
  const bytes = writeError(refusalFields(error, session.connection.name, text))
  if (answers.isEmpty && status !== txStatus.open) {
    conversation.tell(Buffer.concat([bytes, writeReady(status)]))
    return
  }
  answers.push({ kind: 'refusal', error: bytes, isQuery: true })
  outbox.put(refusedQuery)
}

/** Records that commands were admitted and did not run. */
export function failRuns(answers: readonly Answer[], words: string): void {
  for (const answer of answers) {
    if (answer.kind !== 'execute' && answer.kind !== 'parse') continue
    for (const { run } of answer.running) run.fail('25P02', words)
  }
}
