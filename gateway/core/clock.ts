// Time as a part that can be replaced in tests. Deadlines are on the monotonic clock; wall time is only data.

export interface Clock {
  /** Wall time, for what people read. */
  now(): Date
  /** Milliseconds on a clock that never jumps. */
  monotonicMs(): number
  /** Resolves after `waitMs`, rejects with the signal's reason when aborted first. */
  sleep(waitMs: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (waitMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(reasonOf(signal))
        return
      }
      const wake = (): void => {
        signal.removeEventListener('abort', stop)
        resolve()
      }
      const stop = (): void => {
        clearTimeout(timer)
        reject(reasonOf(signal))
      }
      const timer = setTimeout(wake, waitMs)
      signal.addEventListener('abort', stop, { once: true })
    }),
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}
