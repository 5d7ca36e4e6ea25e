// What the service does with a token before it opens a session: checked, bound to the session's key, used up, its run still active.
// In this order, so that a stolen token is called stolen and does not use up the rightful one.
import type { ReplayStore, TokenVerifier, VerifiedToken } from '../../core/token.ts'
import { requireActiveRun } from './active-run.ts'
import type { ActiveRunSettings } from './active-run.ts'
import type { RunBindings } from './run-binding.ts'
import { TokenRefusal } from './token-refusal.ts'

export interface ExchangeParts {
  readonly verifier: TokenVerifier
  readonly bindings: RunBindings
  readonly replay: ReplayStore
  /** null = the run is not looked up. */
  readonly activeRun: ActiveRunSettings | null
}

/**
 * @param keyDigest SHA-256 of the session key that the client proved to hold.
 * @throws {SallyportError} as `TokenVerifier.verify`; {TokenRefusal} binding_mismatch, run_already_bound, run_not_active.
 */
export async function exchangeToken(token: string, keyDigest: string, parts: ExchangeParts, signal: AbortSignal): Promise<VerifiedToken> {
  const verified = await parts.verifier.check(token, signal)
  if (parts.activeRun !== null) await requireActiveRun(verified, parts.activeRun, signal)
  parts.bindings.bind(verified, keyDigest)
  const isFirst = await parts.replay.take(verified.iss, String(verified.claims['jti']), verified.expiresAt, signal)
  if (!isFirst) throw new TokenRefusal('replayed', 'it was used before')
  return verified
}
