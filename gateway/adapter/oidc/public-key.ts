// One public key of an issuer, by key id: fit for the algorithm, for signatures, strong enough. Everything else is no key.
import { createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { readObject } from './strict-json.ts'
import { TokenRefusal } from './token-refusal.ts'

const MIN_RSA_BITS = 2_048
/** Verifying with a larger one costs more than a token is worth. */
const MAX_RSA_BITS = 8_192

/** Algorithm -> what its key must be. Anything not listed here is not supported: no `none`, no shared secrets. */
const families: Readonly<Record<string, { readonly kty: string; readonly crv: string | null }>> = {
  RS256: { kty: 'RSA', crv: null },
  RS384: { kty: 'RSA', crv: null },
  RS512: { kty: 'RSA', crv: null },
  PS256: { kty: 'RSA', crv: null },
  PS384: { kty: 'RSA', crv: null },
  PS512: { kty: 'RSA', crv: null },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
}

/** True for the signature algorithms this room can check. */
export function isSupported(algorithm: string): boolean {
  return Object.hasOwn(families, algorithm)
}

/**
 * @returns the one key of the set that may check this signature; null when there is none, or more than one.
 * @throws {TokenRefusal} weak_key.
 */
export function findKey(jwks: readonly unknown[], kid: string, alg: string): KeyObject | null {
  const candidates = jwks.map(readObject).filter(jwk => jwk !== null && jwk['kid'] === kid && mayVerify(jwk, alg))
  const [jwk, ...others] = candidates
  if (jwk === undefined || jwk === null || others.length > 0) return null
  return importKey(jwk, alg)
}

function mayVerify(jwk: Readonly<Record<string, unknown>>, alg: string): boolean {
  const family = Object.hasOwn(families, alg) ? families[alg] : undefined
  if (family === undefined || jwk['kty'] !== family.kty) return false
  if (family.crv !== null && jwk['crv'] !== family.crv) return false
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return false
  if (jwk['alg'] !== undefined && jwk['alg'] !== alg) return false
  const operations = jwk['key_ops']
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false
  // A set that publishes a private half has lost that key to everybody.
  return !['d', 'p', 'q', 'k'].some(name => name in jwk)
}

function importKey(jwk: Readonly<Record<string, unknown>>, alg: string): KeyObject {
  const parts: JsonWebKey = {}
  for (const name of ['kty', 'crv', 'n', 'e', 'x', 'y'] as const) {
    const value = jwk[name]
    if (typeof value === 'string') parts[name] = value
  }
  let key: KeyObject
  try {
    key = createPublicKey({ key: parts, format: 'jwk' })
  } catch (cause) {
    throw new TokenRefusal('weak_key', 'the issuer’s key cannot be read', { cause })
  }
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
  if (families[alg]?.kty === 'RSA') {
    const bits = modulusLength ?? 0
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) throw new TokenRefusal('weak_key', `the issuer’s RSA key has ${String(bits)} bits`)
    if (publicExponent === undefined || publicExponent < 3n || publicExponent % 2n === 0n) {
      throw new TokenRefusal('weak_key', 'the issuer’s RSA key has a weak exponent')
    }
  }
  return key
}
