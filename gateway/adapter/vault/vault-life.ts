// How long something of Vault's lives, and keeping it alive: renewed at two thirds of its time, give or take a tenth.
import type { Clock } from '../../core/clock.ts'

const RENEW_AT = 2 / 3
const JITTER = 0.1
const MAX_FAILURES = 3
/** Below this part of its first time it counts as ending: it has reached its maximum, or renewing fails. */
const ENDING = 1 / 4

/** `gone` is final: the lease or token does not exist any more. */
export type Renewed =
  | { readonly outcome: 'renewed'; readonly ttlSec: number }
  | { readonly outcome: 'failed' }
  | { readonly outcome: 'gone' }

export class VaultLife {
  readonly #clock: Clock
  /** What was granted at first; 0 = it does not end. */
  readonly #grantedMs: number
  #endsAtMs: number
  #isGone = false

  constructor(ttlSec: number, clock: Clock) {
    this.#clock = clock
    this.#grantedMs = ttlSec * 1_000
    this.#endsAtMs = clock.monotonicMs() + this.#grantedMs
  }

  /** Wall time, for people and for the desk that lends it; null when it does not end. */
  get expiresAt(): Date | null {
    return this.#grantedMs === 0 ? null : new Date(this.#clock.now().getTime() + this.#leftMs())
  }

  /** False when a new one should be got instead. */
  get isGood(): boolean {
    return !this.#isGone && (this.#grantedMs === 0 || this.#leftMs() > this.#grantedMs * ENDING)
  }

  /** Renews until it ends for good or the signal aborts. Never rejects. */
  async keep(renew: (signal: AbortSignal) => Promise<Renewed>, signal: AbortSignal): Promise<void> {
    let failures = 0
    while (this.#grantedMs > 0 && failures < MAX_FAILURES) {
      const part = failures === 0 ? RENEW_AT : ENDING
      const jitter = 1 + (Math.random() * 2 - 1) * JITTER
      try {
        await this.#clock.sleep(this.#leftMs() * part * jitter, signal)
      } catch {
        return
      }
      const answer = await renew(signal).catch((): Renewed => ({ outcome: 'failed' }))
      if (signal.aborted) return
      if (answer.outcome === 'gone') {
        this.#isGone = true
        return
      }
      failures = answer.outcome === 'failed' ? failures + 1 : 0
      if (answer.outcome === 'renewed') {
        this.#endsAtMs = this.#clock.monotonicMs() + answer.ttlSec * 1_000
        // The maximum is reached: renewing again would give less and less.
        if (!this.isGood) return
      }
    }
  }

  #leftMs(): number {
    return Math.max(0, this.#endsAtMs - this.#clock.monotonicMs())
  }
}
