// An error that a gateway described in a message, as an error of this process.
import { errorCodes, SallyportError, type ErrorCode, type ErrorDetails } from '../core/errors.ts'
import type { Failed } from './protocol.ts'

/** The error a gateway described. A code this side does not know keeps its text. */
export function errorOf(failed: Failed): SallyportError {
  return new SallyportError(isErrorCode(failed.code) ? failed.code : 'INTERNAL', failed.message, {
    ...(failed.why === null ? {} : { why: failed.why }),
    ...(failed.fix === null ? {} : { fix: failed.fix }),
  })
}

/** An error of the list in docs/errors.md, for the Action, which knows nothing of the house but this room. */
export function failureOf(code: ErrorCode, message: string, details: ErrorDetails = {}): SallyportError {
  return new SallyportError(code, message, details)
}

/** The message for an error. What is not ours is named, never quoted. */
export function failedOf(error: unknown): Failed {
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'the gateway failed for a reason it does not know')
  const { code, id, exitStatus, message, why, fix } = known
  return { kind: 'failed', code, id, exitStatus, message, why, fix }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}
