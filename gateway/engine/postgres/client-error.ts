// Every failure as an ErrorResponse (CONTRACT 5). Only words that were made for people; never a cause, never a secret.
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { ErrorFields } from '../../wire/postgres/backend-writer.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'

const MAX_COMMAND_CHARACTERS = 1024
/** PostgreSQL's SQLSTATE for what has no better one. */
const INSUFFICIENT_PRIVILEGE = '42501'

/** A login on the target that failed, with the server's own SQLSTATE where it gave one. */
export class TargetRefused extends SallyportError {
  readonly sqlState: string

  constructor(sqlState: string, message: string, details: { readonly why?: string; readonly fix?: string } = {}) {
    super('TARGET_LOGIN_REFUSED', message, details)
    this.name = 'TargetRefused'
    this.sqlState = sqlState
  }
}

/** The error of one refused message; the session lives on. @param text what was refused, as the approver would read it. */
export function refusalFields(error: SallyportError, connection: string, text: string): ErrorFields {
  const rule = error instanceof Refusal ? error.rule : null
  const command = text.length > MAX_COMMAND_CHARACTERS ? `${text.slice(0, MAX_COMMAND_CHARACTERS)}…` : text
  return {
    severity: 'ERROR',
    sqlState: sqlStateOf(error.code),
    message: withName(error.message),
    detail: JSON.stringify({ code: error.code, rule, connection, command }),
    hint: error.fix ?? 'ask the owner of sallyport.yml',
  }
}

/** The error that ends a session. */
export function fatalFields(error: unknown): ErrorFields {
  if (error instanceof WireError) {
    return { severity: 'FATAL', sqlState: error.sqlState, message: withName(`protocol violation: ${error.message}`) }
  }
  if (error instanceof SallyportError) {
    return {
      severity: 'FATAL',
      sqlState: error instanceof TargetRefused ? error.sqlState : sqlStateOf(error.code),
      message: withName(error.message),
      ...(error.why === null ? {} : { detail: error.why }),
      ...(error.fix === null ? {} : { hint: error.fix }),
    }
  }
  return { severity: 'FATAL', sqlState: 'XX000', message: 'sallyport: internal error; the session is closed' }
}

function withName(message: string): string {
  return message.startsWith('sallyport') ? message : `sallyport: ${message}`
}

function sqlStateOf(code: ErrorCode): string {
  if (code === 'COMMAND_EXPIRED' || code === 'COMMAND_CANCELLED') return '57014'
  if (code === 'RECORDING_FAILED') return '58030'
  if (code === 'PROTOCOL_VIOLATION') return '08P01'
  if (code === 'TICKET_REFUSED') return '28P01'
  if (code === 'INTERNAL') return 'XX000'
  if (code === 'GATEWAY_LOST') return '57P01'
  if (code === 'NOT_AUTHORISED') return '53300'
  if (code.startsWith('COMMAND_') || code === 'MASK_UNPROVEN') return INSUFFICIENT_PRIVILEGE
  if (unreachable.has(code)) return '08006'
  return INSUFFICIENT_PRIVILEGE
}

const unreachable: ReadonlySet<ErrorCode> = new Set([
  'TARGET_UNREACHABLE',
  'TARGET_UNTRUSTED',
  'TARGET_LOGIN_REFUSED',
  'CREDENTIAL_UNAVAILABLE',
  'VAULT_LOGIN_REFUSED',
  'VAULT_NOT_FOUND',
  'TOKEN_UNAVAILABLE',
])
