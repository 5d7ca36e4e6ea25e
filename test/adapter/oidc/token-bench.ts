// A verifier with one issuer of the world behind it, a clock that can be set, and a way to ask it in one line.
import assert from 'node:assert/strict'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { createReplayMemory } from '../../../gateway/adapter/oidc/replay-memory.ts'
import { TokenRefusal } from '../../../gateway/adapter/oidc/token-refusal.ts'
import { createTokenVerifier } from '../../../gateway/adapter/oidc/verify-token.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import type { Clock } from '../../../gateway/core/clock.ts'
import type { TokenVerifier, TrustedIssuer, VerifiedToken } from '../../../gateway/core/token.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'

export const audience = 'sallyport'
export const signal = new AbortController().signal

/** Both clocks are set by the test; waiting advances them and nothing else. */
export class SetClock implements Clock {
  wallMs = Date.now()
  steadyMs = 1_000

  now(): Date {
    return new Date(this.wallMs)
  }

  monotonicMs(): number {
    return this.steadyMs
  }

  async sleep(waitMs: number): Promise<void> {
    this.pass(waitMs)
  }

  pass(ms: number): void {
    this.wallMs += ms
    this.steadyMs += ms
  }
}

export function trusting(issuer: Issuer, changes: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return { name: 'github', url: issuer.url, audience, algorithms: ['RS256'], ...changes }
}

export function verifierOf(issuers: readonly TrustedIssuer[], clock: Clock = systemClock): TokenVerifier {
  return createTokenVerifier({ issuers, http: createHttp({}, clock), clock, replay: createReplayMemory(clock) })
}

/** The reason of the refusal, or `accept`. Fails when what is thrown is no refusal, or repeats the token. */
export async function judge(verifying: Promise<VerifiedToken>, token = ''): Promise<string> {
  try {
    await verifying
    return 'accept'
  } catch (error) {
    assert.ok(error instanceof TokenRefusal, String(error))
    for (const part of token.split('.').filter(text => text.length > 8)) assert.ok(!error.message.includes(part))
    return error.reason
  }
}
