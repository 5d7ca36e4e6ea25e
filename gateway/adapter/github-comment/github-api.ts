// GitHub's REST and GraphQL through octokit: conditional reads, time limits, and one meaning for each kind of failure.
// What may pass is ChannelTrouble; what will not is GitHubRefusal. Reads only the environment it is given.
import { Octokit } from '@octokit/rest'
import { ChannelTrouble } from '../../core/approval-channel.ts'
import { SallyportError } from '../../core/errors.ts'
import { readEndpoint } from '../../core/http.ts'
import type { Secret } from '../../core/secret.ts'

const REQUEST_MS = 10_000
/** GitHub's advice where it does not say how long to wait. */
const LIMITED_MS = 60_000
const MAX_RETRY_AFTER_MS = 15 * 60_000
const MAX_CACHED = 200

/** GitHub said no, and will say so again. */
export class GitHubRefusal extends Error {
  readonly status: number

  constructor(status: number, what: string, cause: unknown) {
    super(`GitHub answered ${status} to ${what}`, { cause })
    this.name = 'GitHubRefusal'
    this.status = status
  }
}

export interface GitHubSettings {
  /** The launcher's environment: GITHUB_API_URL. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly token: Secret
  /** Another fetch, e.g. through a proxy. */
  readonly fetch?: typeof globalThis.fetch
}

type Params = Readonly<Record<string, string | number | readonly string[]>>

export class GitHubApi {
  readonly #octokit: Octokit
  readonly #cache = new Map<string, { readonly etag: string; readonly data: unknown }>()

  constructor(settings: GitHubSettings) {
    this.#octokit = new Octokit({
      auth: settings.token.reveal().toString('utf8'),
      baseUrl: apiUrl(settings.environment['GITHUB_API_URL']),
      userAgent: 'sallyport',
      log: { debug: silent, info: silent, warn: silent, error: silent },
      ...(settings.fetch === undefined ? {} : { request: { fetch: settings.fetch } }),
    })
  }

  /**
   * Reads; an unchanged resource costs nothing of the rate limit.
   * @param route `GET /repos/{owner}/{repo}`. @param isKept whether the answer is kept for the next time.
   */
  async read(route: string, params: Params, signal: AbortSignal, isKept = true): Promise<unknown> {
    const key = `${route} ${JSON.stringify(params)}`
    const known = this.#cache.get(key)
    const headers = known === undefined ? {} : { 'if-none-match': known.etag }
    try {
      const response = await this.#octokit.request(route, { ...params, headers, request: { signal: within(signal) } })
      const { etag } = response.headers
      this.#cache.delete(key)
      if (etag !== undefined && isKept) {
        if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
        this.#cache.set(key, { etag, data: response.data })
      }
      return response.data
    } catch (error) {
      if (known !== undefined && statusOf(error) === 304) return known.data
      throw meaningOf(error, route, signal)
    }
  }

  async write(route: string, params: Params, signal: AbortSignal): Promise<unknown> {
    try {
      const response = await this.#octokit.request(route, { ...params, request: { signal: within(signal) } })
      return response.data
    } catch (error) {
      throw meaningOf(error, route, signal)
    }
  }

  async graphql(query: string, variables: Params, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#octokit.graphql(query, { ...variables, request: { signal: within(signal) } })
    } catch (error) {
      // A GraphQL answer with errors has status 200.
      if (error instanceof Error && error.name === 'GraphqlResponseError') throw new GitHubRefusal(200, 'a GraphQL query', error)
      throw meaningOf(error, 'a GraphQL query', signal)
    }
  }
}

function silent(): void {
  // What octokit would log goes nowhere: its words may hold URLs with parameters.
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)])
}

/** @throws {SallyportError} USAGE: plain http is for loopback only, because the token travels with every request. */
function apiUrl(text: string | undefined): string {
  if (text === undefined || text === '') return 'https://api.github.com'
  if (readEndpoint(text) === null) {
    throw new SallyportError('USAGE', 'GITHUB_API_URL is not an https address', {
      why: 'the GitHub token would travel in the clear; plain http is accepted on a loopback address only',
      fix: 'set GITHUB_API_URL to the https address of the API',
    })
  }
  return text.replace(/\/+$/, '')
}

function meaningOf(error: unknown, what: string, signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason instanceof Error ? signal.reason : new Error('aborted')
  const status = statusOf(error)
  if (status === null || status >= 500) return new ChannelTrouble(`GitHub cannot be reached for ${what}`, null, error)
  const headers = headersOf(error)
  const retryAfter = Number(headers['retry-after'] ?? Number.NaN)
  if (Number.isFinite(retryAfter)) return new ChannelTrouble('GitHub asks to wait', Math.min(retryAfter * 1_000, MAX_RETRY_AFTER_MS), error)
  if (headers['x-ratelimit-remaining'] === '0') {
    // Both from the server, so that a wrong local clock does not matter.
    const leftMs = Number(headers['x-ratelimit-reset'] ?? Number.NaN) * 1_000 - Date.parse(headers['date'] ?? '')
    return new ChannelTrouble('the rate limit of the GitHub token is used up', waitMs(leftMs), error)
  }
  if (status === 429 || (status === 403 && error instanceof Error && /rate limit|abuse detection/i.test(error.message))) {
    return new ChannelTrouble('GitHub limits the requests', LIMITED_MS, error)
  }
  return status === 408 ? new ChannelTrouble(`GitHub timed out for ${what}`, null, error) : new GitHubRefusal(status, what, error)
}

function waitMs(leftMs: number): number {
  return Number.isFinite(leftMs) ? Math.min(Math.max(leftMs, 1_000), MAX_RETRY_AFTER_MS) : LIMITED_MS
}

function statusOf(error: unknown): number | null {
  // A network failure is a RequestError of status 500 without a response.
  return error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : null
}

function headersOf(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof Error) || !('response' in error)) return {}
  const { response } = error
  if (typeof response !== 'object' || response === null || !('headers' in response)) return {}
  const { headers } = response
  if (typeof headers !== 'object' || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}
