// Every error a person may meet: a stable code, its number in docs/errors.md, and the exit status it means.
// The message says what happened; `why` and `fix` say the rest. Never a secret, never the cause's text.

/** Code -> number, exit status (CONTRACT 4: 1 check failed, 2 usage, 3 cannot reach or read, 4 not authorised, 125 otherwise). */
export const errorCodes = {
  TOKEN_UNAVAILABLE: { id: 'E01', exit: 4 },
  FORK_REFUSED: { id: 'E02', exit: 4 },
  AUDIENCE_MISMATCH: { id: 'E03', exit: 4 },
  NOT_AUTHORISED: { id: 'E04', exit: 4 },
  VAULT_LOGIN_REFUSED: { id: 'E05', exit: 4 },
  VAULT_NOT_FOUND: { id: 'E06', exit: 3 },
  TARGET_UNREACHABLE: { id: 'E07', exit: 3 },
  TARGET_UNTRUSTED: { id: 'E08', exit: 3 },
  TARGET_LOGIN_REFUSED: { id: 'E09', exit: 3 },
  HOST_KEY_MISMATCH: { id: 'E10', exit: 3 },
  COMMENT_REFUSED: { id: 'E11', exit: 3 },
  NO_PULL_REQUEST: { id: 'E12', exit: 3 },
  APPROVERS_UNREADABLE: { id: 'E13', exit: 3 },
  PORT_IN_USE: { id: 'E14', exit: 125 },
  ENDPOINT_UNREACHABLE: { id: 'E15', exit: 3 },
  POLICY_INVALID: { id: 'E16', exit: 2 },
  CLOCK_SKEW: { id: 'E17', exit: 4 },
  ISOLATION_IMPOSSIBLE: { id: 'E18', exit: 125 },
  TOKEN_REFUSED: { id: 'E19', exit: 4 },
  ISSUER_UNREACHABLE: { id: 'E20', exit: 3 },
  CREDENTIAL_UNAVAILABLE: { id: 'E21', exit: 3 },
  COMMAND_DENIED: { id: 'E22', exit: 1 },
  COMMAND_REJECTED: { id: 'E23', exit: 1 },
  COMMAND_EXPIRED: { id: 'E24', exit: 1 },
  COMMAND_CANCELLED: { id: 'E25', exit: 1 },
  MASK_UNPROVEN: { id: 'E26', exit: 1 },
  RECORDING_FAILED: { id: 'E27', exit: 125 },
  RECORDING_TAMPERED: { id: 'E28', exit: 1 },
  PROTOCOL_VIOLATION: { id: 'E29', exit: 125 },
  TICKET_REFUSED: { id: 'E30', exit: 4 },
  GATEWAY_LOST: { id: 'E31', exit: 125 },
  USAGE: { id: 'E32', exit: 2 },
  UNREADABLE: { id: 'E33', exit: 3 },
  INTERNAL: { id: 'E34', exit: 125 },
  ATTESTATION_FAILED: { id: 'E35', exit: 125 },
} as const

export type ErrorCode = keyof typeof errorCodes

export interface ErrorDetails {
  readonly why?: string
  readonly fix?: string
  readonly cause?: unknown
}

/** An error with a stable code. `message` is one lower-case sentence that is safe to print. */
export class SallyportError extends Error {
  readonly code: ErrorCode
  readonly why: string | null
  readonly fix: string | null

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'SallyportError'
    this.code = code
    this.why = details.why ?? null
    this.fix = details.fix ?? null
  }

  /** `E07`, the anchor in docs/errors.md. */
  get id(): string {
    return errorCodes[this.code].id
  }

  /** Exit status of a command that ends with this error. */
  get exitStatus(): number {
    return errorCodes[this.code].exit
  }
}

/** A command that does not run: what engines turn into an error of the client's own protocol. */
export class Refusal extends SallyportError {
  /** The rule that decided, `default` for the connection's default, null where no rule did. */
  readonly rule: string | null

  constructor(code: ErrorCode, rule: string | null, message: string, details: ErrorDetails = {}) {
    super(code, message, details)
    this.name = 'Refusal'
    this.rule = rule
  }
}
