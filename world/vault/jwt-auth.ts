// Vault's JWT auth method: the token's signature is really checked against the issuer's keys, then audiences and claims of the role.
import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import { VaultError } from './vault-error.ts'

export interface JwtRole {
  readonly boundAudiences?: readonly string[]
  /** Claim -> the values of which one must be there. */
  readonly boundClaims?: Readonly<Record<string, string | readonly string[]>>
  readonly boundSubject?: string
  /** Names of policies, see `VaultOptions.policies`. */
  readonly policies?: readonly string[]
  readonly ttlSec?: number
  readonly maxTtlSec?: number
}

export interface BoundIssuer {
  /** What tokens must say in `iss`. */
  readonly url: string
  /** Where the discovery document is read. */
  readonly address: string
}

/** @throws {VaultError} 400 with the words of Vault. */
export async function loginWithJwt(
  body: Readonly<Record<string, unknown>>,
  roles: ReadonlyMap<string, JwtRole>,
  issuer: BoundIssuer,
): Promise<string> {
  const { role: name, jwt } = body
  if (typeof name !== 'string' || name === '') throw new VaultError(400, ['missing role'])
  const role = roles.get(name)
  if (role === undefined) throw new VaultError(400, [`role "${name}" could not be found`])
  if (typeof jwt !== 'string' || jwt === '') throw new VaultError(400, ['missing token'])
  const claims = await verify(jwt, issuer)
  checkAudience(claims.aud, role.boundAudiences ?? [])
  if (role.boundSubject !== undefined && role.boundSubject !== claims.sub) {
    throw new VaultError(400, ['error validating token: invalid subject (sub) claim'])
  }
  for (const [claim, wanted] of Object.entries(role.boundClaims ?? {})) {
    const found = claims[claim]
    if (found === undefined) throw new VaultError(400, [`error validating claims: claim "${claim}" is missing`])
    const values: readonly unknown[] = Array.isArray(found) ? found : [found]
    const allowed = typeof wanted === 'string' ? [wanted] : wanted
    if (!values.some(value => allowed.includes(String(value)))) {
      throw new VaultError(400, [`error validating claims: claim "${claim}" does not match any associated bound claim values`])
    }
  }
  return name
}

async function verify(jwt: string, issuer: BoundIssuer): Promise<JWTPayload> {
  const keys = (await (await fetch(`${issuer.address}/.well-known/jwks`)).json()) as JSONWebKeySet
  try {
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(keys), {
      issuer: issuer.url,
      algorithms: ['RS256', 'ES256'],
      clockTolerance: 60,
    })
    return payload
  } catch (cause) {
    if (cause instanceof errors.JWTExpired)
      throw new VaultError(400, ['error validating token: invalid expiration time (exp) claim: token is expired'])
    if (cause instanceof errors.JWTClaimValidationFailed)
      throw new VaultError(400, [`error validating token: invalid ${cause.claim} claim`])
    throw new VaultError(400, ['error validating token: invalid signature: no known key successfully validated the token signature'])
  }
}

function checkAudience(aud: string | string[] | undefined, bound: readonly string[]): void {
  const found = aud === undefined ? [] : [aud].flat()
  if (found.length > 0 && bound.length === 0) {
    throw new VaultError(400, ['error validating token: audience claim found in JWT but no audiences bound to the role'])
  }
  if (bound.length > 0 && !found.some(audience => bound.includes(audience))) {
    throw new VaultError(400, ['error validating token: invalid audience (aud) claim: audience claim does not match any bound audience'])
  }
}
