// A stream that people refused is not asked for again at once: kubectl tries SPDY by itself when WebSocket was refused.
import { Refusal } from '../../core/errors.ts'

const KEPT_MS = 10_000
const MAX_KEPT = 100

export class RecentRefusals {
  readonly #kept = new Map<string, { readonly refusal: Refusal; readonly untilMs: number }>()

  /** The refusal of the same request a moment ago, null when there was none. @param target `path?query`. */
  of(target: string): Refusal | null {
    const kept = this.#kept.get(target)
    return kept !== undefined && performance.now() < kept.untilMs ? kept.refusal : null
  }

  /** Keeps it and throws it on. */
  keep(target: string, error: unknown): never {
    if (error instanceof Refusal) {
      if (this.#kept.size >= MAX_KEPT) this.#kept.clear()
      this.#kept.set(target, { refusal: error, untilMs: performance.now() + KEPT_MS })
    }
    throw error
  }
}
