// Keeps the posted requests up to date: one edit at a time for each, the newest state last. What people see, never what counts.
import { ChannelTrouble, type ApprovalChannel } from '../core/approval-channel.ts'
import type { Clock } from '../core/clock.ts'
import type { HeldRequest } from './held-request.ts'

const MAX_TRIES = 6

export class RequestPaint {
  readonly #channel: ApprovalChannel
  readonly #clock: Clock
  readonly #dirty = new Set<HeldRequest>()
  readonly #running = new Map<HeldRequest, Promise<void>>()
  readonly #over = new AbortController()

  constructor(channel: ApprovalChannel, clock: Clock) {
    this.#channel = channel
    this.#clock = clock
  }

  /** Brings the request up to date some time soon. */
  soon(held: HeldRequest): void {
    if (held.state.at === 'posting' || held.state.posted === null || this.#over.signal.aborted) return
    this.#dirty.add(held)
    if (this.#running.has(held)) return
    const running = this.#run(held).finally(() => this.#running.delete(held))
    this.#running.set(held, running)
  }

  isBusy(held: HeldRequest): boolean {
    return this.#running.has(held)
  }

  /** Waits until all is painted or the signal says that it is enough. Never throws. */
  async finish(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#over.abort()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    await Promise.allSettled(this.#running.values())
    this.#over.abort()
    signal.removeEventListener('abort', stop)
  }

  async #run(held: HeldRequest): Promise<void> {
    let tries = 0
    while (this.#dirty.delete(held)) {
      if (held.state.at === 'posting' || held.state.posted === null) return
      try {
        await this.#channel.update(held.state.posted, held.view(), this.#over.signal)
        tries = 0
      } catch (error) {
        tries += 1
        if (!(error instanceof ChannelTrouble) || tries >= MAX_TRIES || this.#over.signal.aborted) return
        this.#dirty.add(held)
        await this.#clock.sleep(error.retryAfterMs ?? 1_000 * 2 ** tries, this.#over.signal).catch(() => undefined)
      }
    }
  }
}
