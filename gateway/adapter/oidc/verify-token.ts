// The one door for OIDC tokens: several issuers, each with its own keys, audience and algorithms. Every throw is a refusal.
import type { KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'
import type { Clock } from '../../core/clock.ts'
import { SallyportError } from '../../core/errors.ts'
import { readEndpoint } from '../../core/http.ts'
import type { Http } from '../../core/http.ts'
import { Secret } from '../../core/secret.ts'
import type { ReplayStore, TokenVerifier, TrustedIssuer, VerifiedToken } from '../../core/token.ts'
import { IssuerClock } from './issuer-clock.ts'
import { isSupported } from './public-key.ts'
import { SigningKeys } from './signing-keys.ts'
import { checkClaims } from './token-claims.ts'
import type { TokenLimits } from './token-claims.ts'
import { checkHeader, MAX_TOKEN_BYTES, readToken } from './token-form.ts'
import type { UnverifiedToken } from './token-form.ts'
import { TokenRefusal } from './token-refusal.ts'

export interface VerifierSettings {
  readonly issuers: readonly TrustedIssuer[]
  readonly http: Http
  readonly clock: Clock
  readonly replay: ReplayStore
  /** Overrides `defaultLimits` for every issuer. */
  readonly limits?: Partial<TokenLimits>
}

/** GitHub's own tokens live 5 minutes; other issuers hand out one per job, which may live an hour. */
const githubIssuer = 'https://token.actions.githubusercontent.com'
const githubLimits: TokenLimits = { toleranceSec: 5, maxAgeSec: 600, maxLifetimeSec: 900 }
const defaultLimits: TokenLimits = { toleranceSec: 5, maxAgeSec: 3_600, maxLifetimeSec: 3_600 }

interface Door {
  readonly issuer: TrustedIssuer
  readonly limits: TokenLimits
  readonly clock: IssuerClock
  readonly keys: SigningKeys
}

/** @throws {SallyportError} POLICY_INVALID when an issuer cannot be trusted as described. */
export function createTokenVerifier(settings: VerifierSettings): TokenVerifier {
  const doors = new Map<string, Door>()
  for (const issuer of settings.issuers) {
    checkIssuer(issuer)
    if (doors.has(issuer.url)) throw new SallyportError('POLICY_INVALID', `two issuers have the url ${issuer.url}`)
    const clock = new IssuerClock(settings.clock)
    const usual = issuer.url === githubIssuer || issuer.url.startsWith(`${githubIssuer}/`) ? githubLimits : defaultLimits
    const keys = new SigningKeys(issuer, settings.http, settings.clock, clock)
    doors.set(issuer.url, { issuer, limits: { ...usual, ...settings.limits }, clock, keys })
  }
  const algorithms = new Set(settings.issuers.flatMap(issuer => issuer.algorithms))
  const check = async (token: string | Secret, signal: AbortSignal): Promise<Checked> => {
    const text = token instanceof Secret ? token.reveal().toString('latin1') : token
    return await checkToken(text, algorithms, doors, signal).catch((error: unknown) => {
      if (error instanceof TokenRefusal || signal.aborted) throw error
      throw new TokenRefusal('malformed_token', 'it cannot be read', { cause: error })
    })
  }
  return {
    check: async (token, signal) => (await check(token, signal)).token,
    verify: async (token, signal) => {
      const { token: verified, jti } = await check(token, signal)
      const isFirst = await settings.replay.take(verified.iss, jti, verified.expiresAt, signal)
      if (!isFirst) throw new TokenRefusal('replayed', 'it was used before')
      return verified
    },
  }
}

interface Checked {
  readonly token: VerifiedToken
  readonly jti: string
}

function checkIssuer(issuer: TrustedIssuer): void {
  const wrong = (what: string): SallyportError => new SallyportError('POLICY_INVALID', `issuer ${issuer.name}: ${what}`)
  const url = readEndpoint(issuer.url)
  if (url === null || url.search !== '' || url.hash !== '') throw wrong('its url must be https, or http on a loopback address')
  if (issuer.audience === '') throw wrong('its audience is empty')
  if (issuer.algorithms.length === 0) throw wrong('it has no algorithms')
  const unknown = issuer.algorithms.find(algorithm => !isSupported(algorithm))
  if (unknown !== undefined) throw wrong(`the algorithm ${unknown} is not supported`)
}

async function checkToken(
  text: string,
  algorithms: ReadonlySet<string>,
  doors: ReadonlyMap<string, Door>,
  signal: AbortSignal,
): Promise<Checked> {
  const unverified = readToken(text, algorithms, MAX_TOKEN_BYTES)
  const { issuer, limits, clock, keys } = chooseDoor(unverified.claims['iss'], doors)
  if (!issuer.algorithms.includes(unverified.alg)) {
    throw new TokenRefusal('alg_not_allowed', `its signature algorithm is not one of ${issuer.name}’s`)
  }
  await checkSignature(unverified, await keys.find(unverified.kid, unverified.alg, signal))
  checkHeader(unverified.header)
  const facts = checkClaims(unverified.claims, issuer, limits, clock)
  return {
    token: {
      issuer: issuer.name,
      iss: issuer.url,
      subject: facts.subject,
      claims: unverified.claims,
      expiresAt: facts.expiresAt,
      tokenDigest: unverified.digest,
    },
    jti: facts.jti,
  }
}

/** By the exact text of `iss`: no normalising, no prefixes. */
function chooseDoor(iss: unknown, doors: ReadonlyMap<string, Door>): Door {
  if (iss === undefined) throw new TokenRefusal('claim_missing:iss', 'it does not name its issuer')
  const door = typeof iss === 'string' ? doors.get(iss) : undefined
  if (door === undefined) {
    const known = [...doors.values()].map(({ issuer }) => issuer.name).join(', ')
    throw new TokenRefusal('issuer_not_allowed', `its issuer is not one of the policy’s: ${known}`)
  }
  return door
}

async function checkSignature(token: UnverifiedToken, key: KeyObject): Promise<void> {
  const { alg, compact, header, signature } = token
  if (signature.length === 0) throw new TokenRefusal('bad_signature', 'it is not signed')
  // Extensions change what is signed; none is understood here.
  if ('crit' in header || 'b64' in header) throw new TokenRefusal('header_not_allowed', 'its header asks for an extension')
  await compactVerify(compact, key, { algorithms: [alg] }).catch((cause: unknown) => {
    throw new TokenRefusal('bad_signature', 'its signature is not the issuer’s', { cause })
  })
}
