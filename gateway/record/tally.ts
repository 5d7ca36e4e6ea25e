// Counts the events of a run as they pass: for `run.close`, for the statement, and again by whoever verifies.
import type { RunCounts } from '../core/events.ts'

/** What counting needs of an event; every EventBody fits, and so does a line that was read back. */
export interface Countable {
  readonly kind: string
  readonly outcome?: unknown
  readonly values?: unknown
}

export class Tally {
  #sessions = 0
  #commands = 0
  #allowed = 0
  #denied = 0
  #asked = 0
  #approved = 0
  #masked = 0
  #errors = 0

  count(event: Countable): void {
    switch (event.kind) {
      case 'session.open':
        this.#sessions += 1
        break
      case 'command':
        this.#commands += 1
        break
      case 'decision':
        if (event.outcome === 'allow') this.#allowed += 1
        if (event.outcome === 'deny') this.#denied += 1
        if (event.outcome === 'ask') this.#asked += 1
        break
      case 'answer':
        if (event.outcome === 'approved') this.#approved += 1
        break
      case 'mask':
        if (typeof event.values === 'number') this.#masked += event.values
        break
      case 'error':
        this.#errors += 1
        break
      default:
    }
  }

  counts(): RunCounts {
    return {
      sessions: this.#sessions,
      commands: this.#commands,
      allowed: this.#allowed,
      denied: this.#denied,
      asked: this.#asked,
      approved: this.#approved,
      masked: this.#masked,
      errors: this.#errors,
    }
  }
}
