// The keys of the world's issuer, good ones and bad ones, and tokens signed with any of them.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'

export interface RingKey {
  readonly kid: string
  readonly alg: string
  readonly use: 'sig' | 'enc'
  readonly privateKey: KeyObject
  readonly jwk: JsonWebKey
}

/** `weak1024`: an RSA key too short; `enc1`: an RSA key for encryption; `attacker`: in no key set. */
export type KeyName = 'k1' | 'k2' | 'ec1' | 'weak1024' | 'enc1' | 'attacker'

/** Keys are made when first used: RSA takes a while. */
export class KeyRing {
  readonly #keys = new Map<KeyName, RingKey>()
  /** What the key set shows. */
  published: readonly KeyName[] = ['k1']

  key(name: KeyName): RingKey {
    const found = this.#keys.get(name) ?? makeKey(name)
    this.#keys.set(name, found)
    return found
  }

  jwks(): { readonly keys: readonly object[] } {
    return { keys: this.published.map(name => ({ ...this.key(name).jwk, kid: name, use: this.key(name).use, alg: this.key(name).alg })) }
  }

  /** The JWS compact form of exactly these bytes. */
  sign(header: string | Buffer, payload: string | Buffer, name: KeyName): string {
    const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`
    const { privateKey } = this.key(name)
    const signature = sign('sha256', Buffer.from(input), name === 'ec1' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey)
    return `${input}.${signature.toString('base64url')}`
  }

  /** The same with a shared secret: what an attacker makes of a public key. */
  hmac(header: string, payload: string, secret: string | Buffer): string {
    const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
}

function makeKey(name: KeyName): RingKey {
  const pair =
    name === 'ec1'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: name === 'weak1024' ? 1_024 : 2_048 })
  return {
    kid: name,
    alg: name === 'ec1' ? 'ES256' : name === 'enc1' ? 'RSA-OAEP' : 'RS256',
    use: name === 'enc1' ? 'enc' : 'sig',
    privateKey: pair.privateKey,
    jwk: pair.publicKey.export({ format: 'jwk' }),
  }
}
