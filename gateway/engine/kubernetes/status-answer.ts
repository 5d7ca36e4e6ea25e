// Failures as the API's own Status objects (CONTRACT 5), so that kubectl and every client library show the words.
// Only words that were made for people; never a cause, never a secret.
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'

const MAX_COMMAND_CHARACTERS = 1_024

export interface StatusAnswer {
  readonly code: number
  readonly body: Buffer
}

interface Subject {
  readonly connection: string
  /** What was refused, as the approver would read it; null when no command was read. */
  readonly command: string | null
  readonly resource?: string
  readonly name?: string
}

/** The Status of an error. */
export function statusOf(error: unknown, subject: Subject): StatusAnswer {
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'internal error')
  const { code, reason } = httpOf(known.code)
  const message = known.message.startsWith('sallyport') ? known.message : `sallyport: ${known.message}`
  const causes = [
    ...(known.why === null ? [] : [{ reason: known.code, message: known.why }]),
    ...(known.fix === null ? [] : [{ reason: 'Fix', message: known.fix }]),
  ]
  const [kind = '', ...group] = (subject.resource ?? '').split('/')[0]?.split('.') ?? []
  return {
    code,
    body: Buffer.from(
      `${JSON.stringify({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason,
        details: {
          ...(subject.name === undefined || subject.name === '' ? {} : { name: subject.name }),
          ...(kind === '' ? {} : { group: group.join('.'), kind }),
          causes,
          code: known.code,
          rule: known instanceof Refusal ? known.rule : null,
          connection: subject.connection,
          command: shortened(subject.command),
        },
        code,
      })}\n`,
    ),
  }
}

function shortened(command: string | null): string | null {
  return command !== null && command.length > MAX_COMMAND_CHARACTERS ? `${command.slice(0, MAX_COMMAND_CHARACTERS)}…` : command
}

/** Refusals that are answers to what was asked; everything else failed. */
const forbidden: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'COMMAND_DENIED',
  'COMMAND_REJECTED',
  'COMMAND_EXPIRED',
  'COMMAND_CANCELLED',
  'MASK_UNPROVEN',
  'NO_PULL_REQUEST',
  'COMMENT_REFUSED',
  'APPROVERS_UNREADABLE',
  'NOT_AUTHORISED',
])

function httpOf(code: ErrorCode): { readonly code: number; readonly reason: string } {
  if (forbidden.has(code)) return { code: 403, reason: 'Forbidden' }
  if (code === 'TICKET_REFUSED') return { code: 401, reason: 'Unauthorized' }
  if (code === 'PROTOCOL_VIOLATION') return { code: 400, reason: 'BadRequest' }
  // Not 502, 503 or 504: clients try those again by themselves.
  return { code: 500, reason: 'InternalError' }
}
