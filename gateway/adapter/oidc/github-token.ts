// Asks GitHub for an OIDC token of this job, for one audience. The variables come in as a record; nothing is read from this process.
import { SallyportError } from '../../core/errors.ts'
import { HttpFailure, readEndpoint } from '../../core/http.ts'
import type { Http } from '../../core/http.ts'
import { Secret } from '../../core/secret.ts'
import { readObject, readStrictJson } from './strict-json.ts'

const TIMEOUT_MS = 10_000
const ATTEMPTS = 5
const MAX_ANSWER_BYTES = 32_768

export interface GithubTokenRequest {
  readonly audience: string
  /** Holds `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` where the job may have tokens. */
  readonly environment: Readonly<Record<string, string>>
  /** True when the event says that the code comes from a fork: GitHub never gives those a token. */
  readonly isFork: boolean
  readonly http: Http
}

/** @throws {SallyportError} TOKEN_UNAVAILABLE, or FORK_REFUSED for a fork without a token. */
export async function fetchGithubToken(request: GithubTokenRequest, signal: AbortSignal): Promise<Secret> {
  const address = request.environment['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? ''
  const bearer = request.environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'] ?? ''
  if (address === '' || bearer === '') throw request.isFork ? forkRefused() : notGranted()
  const url = readEndpoint(address)
  if (url === null) throw unavailable('the token request URL is neither https nor on a loopback address')
  // Appended to the query that GitHub's URL already has.
  url.searchParams.set('audience', request.audience)
  const answer = await request
    .http(
      {
        method: 'GET',
        url: url.href,
        headers: { authorization: `Bearer ${bearer}`, accept: 'application/json; api-version=2.0' },
        body: null,
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        ca: null,
      },
      signal,
    )
    .catch((cause: unknown) => {
      signal.throwIfAborted()
      throw unavailable(cause instanceof HttpFailure ? cause.message : 'no answer', cause)
    })
  if (answer.status !== 200) throw unavailable(`status ${String(answer.status)}`)
  const value = readObject(readStrictJson(answer.body, 4)?.value)?.['value']
  if (typeof value !== 'string' || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(value)) throw unavailable('the answer holds no token')
  return new Secret(value)
}

function notGranted(): SallyportError {
  return new SallyportError('TOKEN_UNAVAILABLE', 'github gave this job no OIDC token', {
    why: '`permissions:` lacks `id-token: write` (ACTIONS_ID_TOKEN_REQUEST_URL is unset); setting any permission sets all others to none',
    fix: 'add to the job: `permissions: { contents: read, id-token: write, pull-requests: write }`; in a reusable workflow add it to the caller too',
  })
}

function forkRefused(): SallyportError {
  return new SallyportError('FORK_REFUSED', 'this run comes from a fork', {
    why: 'GitHub gives forks no OIDC token and a read-only token',
    fix: 'run after merge; there is no switch to override this',
  })
}

function unavailable(detail: string, cause?: unknown): SallyportError {
  return new SallyportError('TOKEN_UNAVAILABLE', `github gave this job no OIDC token: ${detail}`, {
    why: 'the request for a token failed; the job may have them',
    fix: 'check the proxy and the network of the runner, then run the job again',
    cause,
  })
}
