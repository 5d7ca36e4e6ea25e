// Asks GitHub whether the run of a token is still going on: a token outlives a run that was cancelled or has finished.
import { HttpFailure } from '../../core/http.ts'
import type { Http } from '../../core/http.ts'
import type { Secret } from '../../core/secret.ts'
import type { VerifiedToken } from '../../core/token.ts'
import { readObject, readStrictJson } from './strict-json.ts'
import { TokenRefusal } from './token-refusal.ts'

const MAX_ANSWER_BYTES = 1_048_576
const ACTIVE: ReadonlySet<unknown> = new Set(['queued', 'in_progress', 'requested', 'waiting', 'pending'])

export interface ActiveRunSettings {
  /** `https://api.github.com`, or the server's own. */
  readonly apiUrl: string
  readonly githubToken: Secret
  readonly http: Http
}

/** @throws {TokenRefusal} run_not_active; also when GitHub cannot be asked, or tells of another repository or attempt. */
export async function requireActiveRun(token: VerifiedToken, settings: ActiveRunSettings, signal: AbortSignal): Promise<void> {
  const { repository_id: repositoryId, run_id: runId, run_attempt: attempt } = token.claims
  if (!isNumeric(repositoryId) || !isNumeric(runId)) throw new TokenRefusal('run_not_active', 'it names no run')
  const answer = await settings
    .http(
      {
        method: 'GET',
        url: `${settings.apiUrl.replace(/\/$/, '')}/repositories/${repositoryId}/actions/runs/${runId}`,
        headers: { authorization: `Bearer ${settings.githubToken.reveal().toString('utf8')}`, accept: 'application/vnd.github+json' },
        body: null,
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs: 10_000,
        attempts: 3,
        ca: null,
      },
      signal,
    )
    .catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new TokenRefusal(
        'run_not_active',
        `its run cannot be looked up: ${cause instanceof HttpFailure ? cause.message : 'no answer'}`,
        { cause },
      )
    })
  const run = answer.status === 200 ? readObject(readStrictJson(answer.body, 32)?.value) : null
  if (run === null) throw new TokenRefusal('run_not_active', `its run cannot be looked up: status ${String(answer.status)}`)
  const isSame =
    String(run['id']) === runId &&
    String(readObject(run['repository'])?.['id']) === repositoryId &&
    (attempt === undefined || String(run['run_attempt']) === attempt)
  if (!isSame || !ACTIVE.has(run['status'])) throw new TokenRefusal('run_not_active', 'its run was cancelled or has finished')
}

function isNumeric(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,20}$/.test(value)
}
