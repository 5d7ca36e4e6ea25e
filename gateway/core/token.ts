// What the house knows of OIDC tokens: whom to trust, what a verified one holds, and what must be remembered of used ones.
import type { Secret } from './secret.ts'

/** One entry of `issuers:` in the policy file. */
export interface TrustedIssuer {
  /** Name in the policy file (`github`). */
  readonly name: string
  /** The exact `iss` of its tokens, and where its discovery document is found. */
  readonly url: string
  /** The one audience its tokens must be for. */
  readonly audience: string
  /** Signature algorithms it may use, e.g. `RS256`; asymmetric ones only. */
  readonly algorithms: readonly string[]
}

/** A token that passed every check. The token itself is not kept. */
export interface VerifiedToken {
  /** Name of the issuer in the policy file. */
  readonly issuer: string
  readonly iss: string
  readonly subject: string
  readonly claims: Readonly<Record<string, unknown>>
  readonly expiresAt: Date
  /** SHA-256 of the token, hex. */
  readonly tokenDigest: string
}

export interface TokenVerifier {
  /**
   * Checks form, signature and claims, and that the token was not used before; it counts as used afterwards.
   * @throws {SallyportError} TOKEN_REFUSED, AUDIENCE_MISMATCH, CLOCK_SKEW or ISSUER_UNREACHABLE; never with a part of the token.
   */
  verify(token: string | Secret, signal: AbortSignal): Promise<VerifiedToken>
  /** The same without using it up, for callers that bind the token to a session first. */
  check(token: string | Secret, signal: AbortSignal): Promise<VerifiedToken>
}

/** Remembers used tokens by (iss, jti), for one process or for all replicas of a service. */
export interface ReplayStore {
  /** True exactly once for each (iss, jti) until `expiresAt`; false means used before, or no room to remember it. */
  take(iss: string, jti: string, expiresAt: Date, signal: AbortSignal): Promise<boolean>
}
