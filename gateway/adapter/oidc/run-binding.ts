// Binds a workflow run to the first session key that opened it: whoever steals a token of the run, or mints a second one in
// another step, cannot open a session of its own with it.
import type { Clock } from '../../core/clock.ts'
import type { VerifiedToken } from '../../core/token.ts'
import { TokenRefusal } from './token-refusal.ts'

const MAX_RUNS = 100_000
/** GitHub ends a job after at most 5 days on self-hosted runners. */
const KEEP_MS = 6 * 24 * 3_600_000

export interface RunBindings {
  /**
   * The first token of a run binds it to the key; later tokens of the run are welcome with the same key only.
   *
   * @param keyDigest SHA-256 of the session's public key, which the client proved to hold.
   * @throws {TokenRefusal} binding_mismatch (the very token that bound the run, with another key), run_already_bound.
   */
  bind(token: VerifiedToken, keyDigest: string): void
}

export function createRunBindings(clock: Clock, maxRuns: number = MAX_RUNS): RunBindings {
  const bound = new Map<string, { readonly keyDigest: string; readonly tokenDigest: string; readonly untilMs: number }>()
  return {
    bind: (token, keyDigest) => {
      const nowMs = clock.monotonicMs()
      const run = runOf(token)
      const first = bound.get(run)
      if (first === undefined) {
        if (bound.size >= maxRuns) for (const [old, { untilMs }] of bound) if (untilMs <= nowMs) bound.delete(old)
        if (bound.size >= maxRuns) throw new TokenRefusal('run_already_bound', 'too many runs are open')
        bound.set(run, { keyDigest, tokenDigest: token.tokenDigest, untilMs: nowMs + KEEP_MS })
        return
      }
      if (first.keyDigest === keyDigest) return
      if (first.tokenDigest === token.tokenDigest) {
        throw new TokenRefusal('binding_mismatch', 'it was presented with another session key than the first time')
      }
      throw new TokenRefusal('run_already_bound', 'its run is already bound to another session key')
    },
  }
}

/** One job of one attempt where the issuer says so; a token without a run stands for itself. */
function runOf(token: VerifiedToken): string {
  const { run_id: runId, run_attempt: attempt, check_run_id: checkRun, repository_id: repository, jti } = token.claims
  return JSON.stringify(runId === undefined ? [token.iss, jti] : [token.iss, repository ?? null, runId, attempt ?? null, checkRun ?? null])
}
