// What time it is for the tokens of one issuer. The wall clock may jump; a token that has expired must stay expired.
// Anchored to the `Date` of the issuer's own answers where there is one, and carried on by the monotonic clock.
import type { Clock } from '../../core/clock.ts'

export class IssuerClock {
  readonly #clock: Clock
  #anchor: { readonly sec: number; readonly monotonicMs: number }
  #isIssuers = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#anchor = { sec: clock.now().getTime() / 1_000, monotonicMs: clock.monotonicMs() }
  }

  /** Takes the time of an answer that just came from the issuer. A header that is no date changes nothing. */
  observe(headers: Readonly<Record<string, string>>): void {
    const answeredMs = Date.parse(headers['date'] ?? '')
    if (Number.isNaN(answeredMs)) return
    const age = headers['age'] ?? ''
    const cachedSec = /^\d{1,7}$/.test(age) ? Number(age) : 0
    this.#anchor = { sec: answeredMs / 1_000 + cachedSec, monotonicMs: this.#clock.monotonicMs() }
    this.#isIssuers = true
  }

  /** The later of wall clock and anchor: a clock set back revives nothing. */
  nowSec(): number {
    return Math.max(this.#wallSec(), this.#anchoredSec())
  }

  /** Words for E17 when this machine's clock and the issuer's differ; nothing otherwise. */
  skewWords(toleranceSec: number): { readonly why?: string; readonly fix?: string } {
    const skewSec = Math.round(this.#wallSec() - this.#anchoredSec())
    if (!this.#isIssuers || Math.abs(skewSec) <= toleranceSec) return {}
    return { why: `the clock of this machine differs from the issuer’s by ${String(Math.abs(skewSec))} s`, fix: 'run NTP on the runner' }
  }

  #wallSec(): number {
    return this.#clock.now().getTime() / 1_000
  }

  #anchoredSec(): number {
    return this.#anchor.sec + (this.#clock.monotonicMs() - this.#anchor.monotonicMs) / 1_000
  }
}
