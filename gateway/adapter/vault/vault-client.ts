// One request to Vault's HTTP API, and what its answers mean. No redirects: a token must never travel to another address.
import { HttpFailure, readEndpoint } from '../../core/http.ts'
import type { Http } from '../../core/http.ts'
import { SallyportError } from '../../core/errors.ts'
import type { Secret } from '../../core/secret.ts'
import type { VaultSettings } from './vault-settings.ts'

const MAX_ANSWER_BYTES = 1_048_576
const TIMEOUT_MS = 15_000
const ATTEMPTS = 3

export interface VaultAnswer {
  readonly status: number
  readonly members: Readonly<Record<string, unknown>>
  /** Vault's own words, cleaned; they name roles, paths and claims, never a secret. */
  readonly errors: string
}

export interface VaultCall {
  readonly method: 'GET' | 'POST'
  /** Below `/v1/`, without a leading slash. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  readonly token?: Secret
  /** Values that must not come back in the words of an error. */
  readonly hide?: readonly string[]
}

export class VaultClient {
  readonly settings: VaultSettings
  readonly #http: Http
  readonly #base: string

  /** @throws {SallyportError} POLICY_INVALID for an address that is not https and not on loopback. */
  constructor(settings: VaultSettings, http: Http) {
    const url = readEndpoint(settings.address)
    if (url === null || url.search !== '' || url.hash !== '') {
      throw new SallyportError('POLICY_INVALID', `source ${settings.name}: its address must be https, or http on a loopback address`)
    }
    this.settings = settings
    this.#http = http
    this.#base = `${url.href.replace(/\/$/, '')}/v1/`
  }

  /** Any status is an answer. @throws {SallyportError} CREDENTIAL_UNAVAILABLE when none came. */
  async call(call: VaultCall, signal: AbortSignal): Promise<VaultAnswer> {
    const { namespace, ca, name } = this.settings
    const token = call.token === undefined ? null : call.token.reveal().toString('utf8')
    const headers = {
      'x-vault-request': 'true',
      ...(namespace === null ? {} : { 'x-vault-namespace': namespace }),
      ...(token === null ? {} : { 'x-vault-token': token }),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const answer = await this.#http(
      {
        method: call.method,
        url: this.#base + call.path.split('/').map(encodeURIComponent).join('/') + readQuery(call.query),
        headers,
        body: call.body === undefined ? null : JSON.stringify(call.body),
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        ca,
      },
      signal,
    ).catch((cause: unknown) => {
      signal.throwIfAborted()
      throw unavailable(name, cause instanceof HttpFailure ? cause.message : 'no answer', cause)
    })
    if (answer.status >= 300 && answer.status < 400) {
      throw unavailable(name, 'it answered with a redirect; give the address of the active node or of a load balancer')
    }
    const members = readMembers(answer.body)
    const secrets = [token ?? '', ...(call.hide ?? [])].filter(text => text !== '')
    return { status: answer.status, members: members ?? {}, errors: readErrors(members?.['errors'], secrets) }
  }
}

export function unavailable(name: string, what: string, cause?: unknown): SallyportError {
  return new SallyportError('CREDENTIAL_UNAVAILABLE', `source ${name}: ${what}`, {
    why: 'Vault is down, sealed, or cannot be reached from here',
    fix: 'check `address` in `sources:` and the server; nothing is used in its place',
    ...(cause === undefined ? {} : { cause }),
  })
}

export function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

function readQuery(query: VaultCall['query']): string {
  return query === undefined ? '' : `?${new URLSearchParams(query).toString()}`
}

function readMembers(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    return objectOf(JSON.parse(body.toString('utf8')))
  } catch {
    return null
  }
}

function readErrors(errors: unknown, hide: readonly string[]): string {
  const texts = Array.isArray(errors) ? errors.filter(text => typeof text === 'string') : []
  let words = texts.join('; ').replaceAll(/[^\x20-\x7e]+/g, ' ')
  for (const secret of hide) words = words.replaceAll(secret, '[secret]')
  return words.trim().slice(0, 300)
}
