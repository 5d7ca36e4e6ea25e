// Tells a waiting client that it waits: at once, and every 30 s, so that no idle timeout and no person takes it for dead.
import type { Clock } from '../core/clock.ts'
import type { Hold } from '../core/session.ts'

const REPEAT_MS = 30_000
/** How long the first call waits for the permalink; then it goes without. */
const LINK_PATIENCE_MS = 1_000

export class HoldCall {
  readonly #clock: Clock
  readonly #tell: (hold: Hold) => void
  readonly #stopped = new AbortController()
  #hold: Hold | null = null
  #isTold = false

  constructor(clock: Clock, tell: (hold: Hold) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  start(hold: Hold): void {
    this.#hold = hold
    void this.#repeat()
  }

  /** The request is out: tells at once, because now there is a link. */
  posted(hold: Hold): void {
    this.#hold = hold
    this.#call()
  }

  stop(): void {
    this.#stopped.abort()
  }

  #call(): void {
    if (this.#hold === null || this.#stopped.signal.aborted) return
    this.#isTold = true
    this.#tell(this.#hold)
  }

  async #repeat(): Promise<void> {
    try {
      await this.#clock.sleep(LINK_PATIENCE_MS, this.#stopped.signal)
      if (!this.#isTold) this.#call()
      for (;;) {
        await this.#clock.sleep(REPEAT_MS, this.#stopped.signal)
        this.#call()
      }
    } catch {
      // Only the abort ends a sleep: the wait is over.
    }
  }
}
