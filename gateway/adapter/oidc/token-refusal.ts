// Why a token does not count: one machine word per check, and the words for people. Never a part of the token, never a claim's value.
import { SallyportError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'

/** Claims without which no token counts. */
export type RequiredClaim = 'iss' | 'aud' | 'sub' | 'jti' | 'iat' | 'exp'

export type TokenReason =
  | 'token_too_large'
  | 'malformed_token'
  | 'malformed_header'
  | 'malformed_claim'
  | 'alg_not_allowed'
  | 'kid_missing'
  | 'unknown_kid'
  | 'weak_key'
  | 'bad_signature'
  | 'header_not_allowed'
  | 'issuer_not_allowed'
  | 'issuer_unavailable'
  | 'jwks_unavailable'
  | 'audience_not_allowed'
  | 'audience_not_single'
  | `claim_missing:${RequiredClaim}`
  | 'expired'
  | 'not_yet_valid'
  | 'token_too_old'
  | 'lifetime_too_long'
  | 'sub_inconsistent'
  | 'replayed'
  | 'run_already_bound'
  | 'binding_mismatch'
  | 'run_not_active'
  | 'token_missing'
  | 'token_in_url'
  | 'ambiguous_credentials'

/** A token that does not count. `reason` is for programs, tests and the audit trail. */
export class TokenRefusal extends SallyportError {
  readonly reason: TokenReason

  constructor(reason: TokenReason, detail: string, words: { readonly why?: string; readonly fix?: string; readonly cause?: unknown } = {}) {
    const code = codes[reason] ?? 'TOKEN_REFUSED'
    const what = code === 'ISSUER_UNREACHABLE' ? 'cannot be checked' : 'was refused'
    super(code, `the token ${what}: ${detail} (${reason})`, { ...usualWords[code], ...words })
    this.name = 'TokenRefusal'
    this.reason = reason
  }
}

/** The code of each reason that is not simply TOKEN_REFUSED. */
const codes: Partial<Record<TokenReason, ErrorCode>> = {
  audience_not_allowed: 'AUDIENCE_MISMATCH',
  audience_not_single: 'AUDIENCE_MISMATCH',
  'claim_missing:aud': 'AUDIENCE_MISMATCH',
  not_yet_valid: 'CLOCK_SKEW',
  issuer_unavailable: 'ISSUER_UNREACHABLE',
  jwks_unavailable: 'ISSUER_UNREACHABLE',
}

const usualWords: Partial<Record<ErrorCode, { readonly why: string; readonly fix: string }>> = {
  AUDIENCE_MISMATCH: {
    why: 'the `audience` input and `issuers:` of the policy differ',
    fix: 'set both to the same value; for Vault, `bound_audiences`',
  },
  CLOCK_SKEW: { why: 'the clock of this machine differs from the issuer’s', fix: 'run NTP on the runner' },
  ISSUER_UNREACHABLE: {
    why: 'network, proxy, or a wrong `url` in `issuers:`',
    fix: 'check the URL; it must answer over https without a redirect',
  },
  TOKEN_REFUSED: { why: 'the message names the check that failed', fix: 'mint a new token; check issuer, algorithm and lifetime' },
}
