// A clock that stands still until a test moves it. Sleepers wake in the order of their times.
import type { Clock } from '../../gateway/core/clock.ts'

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

export class FakeClock implements Clock {
  #nowMs = 0
  #wallMs = Date.UTC(2026, 0, 1, 12)
  readonly #sleepers = new Set<Sleeper>()

  now(): Date {
    return new Date(this.#wallMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error)
        return
      }
      const stop = (): void => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason as Error)
      }
      const sleeper: Sleeper = {
        atMs: this.#nowMs + waitMs,
        wake: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** The wall clock alone jumps, as when somebody sets it. */
  jumpWall(byMs: number): void {
    this.#wallMs += byMs
  }

  /** Moves on, waking whoever's time comes, and lets what they start finish between. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs
    await settle()
    for (;;) {
      const next = [...this.#sleepers].filter(({ atMs }) => atMs <= endMs).toSorted((one, other) => one.atMs - other.atMs)[0]
      if (next === undefined) break
      this.#step(next.atMs)
      this.#sleepers.delete(next)
      next.wake()
      await settle()
    }
    this.#step(endMs)
    await settle()
  }

  #step(toMs: number): void {
    const byMs = Math.max(0, toMs - this.#nowMs)
    this.#nowMs += byMs
    this.#wallMs += byMs
  }
}

/** Lets everything that needs no time run: all promises, however deep. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
