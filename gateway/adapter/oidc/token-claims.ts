// The inside of a signed token: types, audience, times, ids. Which claims open what is the policy's business, not this room's.
import type { TrustedIssuer } from '../../core/token.ts'
import type { IssuerClock } from './issuer-clock.ts'
import { readObject } from './strict-json.ts'
import { TokenRefusal } from './token-refusal.ts'

export interface TokenLimits {
  /** How far the clocks may differ. */
  readonly toleranceSec: number
  /** How long ago a token may have been issued. */
  readonly maxAgeSec: number
  /** How long a token may live in all. */
  readonly maxLifetimeSec: number
}

export interface TokenFacts {
  readonly subject: string
  readonly jti: string
  readonly expiresAt: Date
}

/** GitHub's claims, all texts. A number or a boolean there would compare differently in another reader. */
const textClaims: ReadonlySet<string> = new Set(
  `sub jti iss actor base_ref enterprise environment event_name head_ref job_workflow_ref job_workflow_sha ref ref_protected ref_type
   repository repository_owner repository_visibility run_attempt run_number runner_environment sha workflow workflow_ref workflow_sha`.split(
    /\s+/,
  ),
)

/** Control characters, line separators, text direction overrides and lone surrogates: they forge logs and comments. */
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/u

/** @throws {TokenRefusal} in the order: types, audience, times, consistency. */
export function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  issuer: TrustedIssuer,
  limits: TokenLimits,
  clock: IssuerClock,
): TokenFacts {
  const subject = readText(claims, 'sub')
  const jti = readText(claims, 'jti')
  for (const [name, value] of Object.entries(claims)) {
    if (hasUnprintable(name) || hasUnprintable(value)) throw new TokenRefusal('malformed_claim', 'a claim holds control characters')
    if ((textClaims.has(name) || name.endsWith('_id')) && typeof value !== 'string') {
      throw new TokenRefusal('malformed_claim', 'a claim that must be a text is not')
    }
  }
  checkAudience(claims['aud'], issuer.audience)
  const expiresAt = checkTimes(claims, limits, clock)
  checkSubject(subject, claims)
  return { subject, jti, expiresAt }
}

function readText(claims: Readonly<Record<string, unknown>>, name: 'sub' | 'jti'): string {
  const value = claims[name]
  if (value === undefined) throw new TokenRefusal(`claim_missing:${name}`, `it has no ${name}`)
  if (typeof value !== 'string' || value.trim() === '') throw new TokenRefusal('malformed_claim', `its ${name} is not a text, or empty`)
  return value
}

function hasUnprintable(value: unknown): boolean {
  if (typeof value === 'string') return UNPRINTABLE.test(value)
  if (Array.isArray(value)) return value.some(hasUnprintable)
  const members = readObject(value)
  return members !== null && Object.entries(members).some(entry => entry.some(hasUnprintable))
}

/** Ours and nobody else's: a token for several parties can be replayed by each of them. */
function checkAudience(aud: unknown, audience: string): void {
  if (aud === undefined) throw new TokenRefusal('claim_missing:aud', 'it names no audience')
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (list.length > 1) throw new TokenRefusal('audience_not_single', 'it is for more than one audience')
  if (list[0] !== audience) throw new TokenRefusal('audience_not_allowed', `its audience is not the one the policy expects, ${audience}`)
}

function checkTimes(claims: Readonly<Record<string, unknown>>, limits: TokenLimits, clock: IssuerClock): Date {
  const exp = readTime(claims, 'exp')
  const iat = readTime(claims, 'iat')
  const nbf = claims['nbf'] === undefined ? null : readTime(claims, 'nbf')
  const now = clock.nowSec()
  const { toleranceSec } = limits
  if (now >= exp + toleranceSec) throw new TokenRefusal('expired', 'it has expired', clock.skewWords(toleranceSec))
  if (exp - iat > limits.maxLifetimeSec) {
    throw new TokenRefusal('lifetime_too_long', `it lives longer than ${String(limits.maxLifetimeSec)} s`)
  }
  const startsAt = Math.max(iat, nbf ?? iat)
  if (startsAt > now + toleranceSec) {
    throw new TokenRefusal(
      'not_yet_valid',
      `it becomes valid only in ${String(Math.ceil(startsAt - now))} s`,
      clock.skewWords(toleranceSec),
    )
  }
  if (now - iat > limits.maxAgeSec + toleranceSec) {
    throw new TokenRefusal('token_too_old', `it was issued more than ${String(limits.maxAgeSec)} s ago`)
  }
  if (exp <= iat || (nbf !== null && exp <= nbf)) throw new TokenRefusal('malformed_claim', 'it expires before it begins')
  return new Date(exp * 1_000)
}

/** Whole seconds since 1970. A number of any size passes here; the limits judge it. */
function readTime(claims: Readonly<Record<string, unknown>>, name: 'exp' | 'iat' | 'nbf'): number {
  const value = claims[name]
  if (value === undefined && name !== 'nbf') throw new TokenRefusal(`claim_missing:${name}`, `it has no ${name}`)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new TokenRefusal('malformed_claim', `its ${name} is not a whole number of seconds`)
  }
  return value
}

/**
 * GitHub's two forms of `sub` repeat repository and owner, by id or by name; where they do, they must agree with the claims of
 * their own. Nothing is ever decided by `sub`: it can be customised, and other forms are left alone.
 */
function checkSubject(subject: string, claims: Readonly<Record<string, unknown>>): void {
  const [, owner, ownerId, name, nameId] = /^repo:([^/@:]+)(?:@([^/@:]*))?\/([^/@:]+)(?:@([^/@:]*))?(?::|$)/.exec(subject) ?? []
  if (owner === undefined || name === undefined) return
  const { repository, repository_id: repositoryId, repository_owner_id: repositoryOwnerId } = claims
  const hasIds = ownerId !== undefined || nameId !== undefined
  const agrees = hasIds
    ? ownerId === repositoryOwnerId && nameId === repositoryId
    : typeof repository !== 'string' || repository.toLowerCase() === `${owner}/${name}`.toLowerCase()
  if (!agrees) throw new TokenRefusal('sub_inconsistent', 'its sub names another repository than its claims')
}
