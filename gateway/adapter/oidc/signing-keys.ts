// The keys of one issuer: discovery, key set, cache. The address comes from the policy, never from a token.
// Unknown key ids cause at most one fetch per cool-down, whatever the number of tokens that name them.
import type { KeyObject } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { HttpFailure, isLoopback, readEndpoint } from '../../core/http.ts'
import type { Http } from '../../core/http.ts'
import type { TrustedIssuer } from '../../core/token.ts'
import type { IssuerClock } from './issuer-clock.ts'
import { findKey } from './public-key.ts'
import { readObject, readStrictJson } from './strict-json.ts'
import { TokenRefusal } from './token-refusal.ts'

const MAX_DISCOVERY_BYTES = 65_536
const MAX_JWKS_BYTES = 262_144
const MAX_KEYS = 100
const MAX_DEPTH = 8
const TIMEOUT_MS = 5_000
const ATTEMPTS = 2
/** Fetched again after this time: a key that the issuer withdrew stops counting. */
const FRESH_MS = 600_000
/** Between two fetches for a key id that is not in the set. */
const COOL_DOWN_MS = 30_000

export class SigningKeys {
  readonly #issuer: TrustedIssuer
  readonly #http: Http
  readonly #clock: Clock
  readonly #issuerClock: IssuerClock
  #known: { readonly jwks: readonly unknown[]; readonly fetchedMs: number } | null = null
  #fetching: Promise<readonly unknown[]> | null = null

  constructor(issuer: TrustedIssuer, http: Http, clock: Clock, issuerClock: IssuerClock) {
    this.#issuer = issuer
    this.#http = http
    this.#clock = clock
    this.#issuerClock = issuerClock
  }

  /** @throws {TokenRefusal} unknown_kid, weak_key, issuer_unavailable, jwks_unavailable. */
  async find(kid: string, alg: string, signal: AbortSignal): Promise<KeyObject> {
    const known = this.#known
    const ageMs = known === null ? Infinity : this.#clock.monotonicMs() - known.fetchedMs
    const cached = known !== null && ageMs < FRESH_MS ? known.jwks : null
    const first = cached ?? (await this.#refresh(signal))
    const found = findKey(first, kid, alg)
    if (found !== null) return found
    if (cached !== null && ageMs >= COOL_DOWN_MS) {
      const rotated = findKey(await this.#refresh(signal), kid, alg)
      if (rotated !== null) return rotated
    }
    throw new TokenRefusal('unknown_kid', 'the issuer has no such signing key')
  }

  /** One fetch for all who wait. It is bounded by its own time limit, so one caller who leaves does not end it for the others. */
  async #refresh(signal: AbortSignal): Promise<readonly unknown[]> {
    signal.throwIfAborted()
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null
    })
    const fetching = this.#fetching
    return await new Promise((resolve, reject) => {
      const leave = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      signal.addEventListener('abort', leave, { once: true })
      fetching.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
    })
  }

  async #fetch(): Promise<readonly unknown[]> {
    const jwksUri = await this.#discover()
    const { keys } = await this.#read(jwksUri, MAX_JWKS_BYTES, 'jwks_unavailable')
    if (!Array.isArray(keys) || keys.length > MAX_KEYS)
      throw new TokenRefusal('jwks_unavailable', 'the issuer’s key set is not a list of keys')
    const jwks: readonly unknown[] = keys
    this.#known = { jwks, fetchedMs: this.#clock.monotonicMs() }
    return jwks
  }

  async #discover(): Promise<string> {
    const at = `${this.#issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`
    const document = await this.#read(at, MAX_DISCOVERY_BYTES, 'issuer_unavailable')
    if (document['issuer'] !== this.#issuer.url) {
      throw new TokenRefusal('issuer_unavailable', `the discovery document of ${this.#issuer.name} is another issuer’s`)
    }
    const jwksUri = document['jwks_uri']
    const url = typeof jwksUri === 'string' ? readEndpoint(jwksUri) : null
    // A real issuer must not send us to this machine: only an issuer that is on it may.
    const isLocal = url !== null && isLoopback(url)
    if (url === null || (isLocal && !isLoopback(new URL(this.#issuer.url)))) {
      throw new TokenRefusal('jwks_unavailable', `the key set of ${this.#issuer.name} is not at an https address`)
    }
    return url.href
  }

  async #read(
    url: string,
    maxBytes: number,
    reason: 'issuer_unavailable' | 'jwks_unavailable',
  ): Promise<Readonly<Record<string, unknown>>> {
    const what = reason === 'jwks_unavailable' ? `the keys of ${this.#issuer.name}` : `the issuer ${this.#issuer.name}`
    const request = { method: 'GET', url, headers: {}, body: null, maxBytes, timeoutMs: TIMEOUT_MS, attempts: ATTEMPTS, ca: null } as const
    const answer = await this.#http(request, AbortSignal.timeout(TIMEOUT_MS * (ATTEMPTS + 1))).catch((cause: unknown) => {
      const detail = cause instanceof HttpFailure ? cause.message : 'no answer'
      throw new TokenRefusal(reason, `${what} cannot be read: ${detail}`, { cause })
    })
    if (answer.status !== 200) throw new TokenRefusal(reason, `${what} cannot be read: status ${String(answer.status)}`)
    const json = readStrictJson(answer.body, MAX_DEPTH)
    const members = json === null || json.flaw !== null ? null : readObject(json.value)
    if (members === null) throw new TokenRefusal(reason, `${what} cannot be read: the answer is not a JSON object`)
    this.#issuerClock.observe(answer.headers)
    return members
  }
}
