// A bar on a terminal for what takes longer than a second. Silent anywhere else.
import type { Io } from './io.ts'

const PATIENCE_MS = 1000
const STEP_MS = 200
const BAR_COLUMNS = 30

export interface Progress {
  readonly show: (done: number, total: number) => void
  /** Takes the line away again. */
  readonly end: () => void
}

/** @param now milliseconds; the clock of this process when left out. */
export function progressOn(io: Io, what: string, now: () => number = () => performance.now()): Progress {
  if (!io.isTty) return { show: () => {}, end: () => {} }
  let dueAt = now() + PATIENCE_MS
  let isShown = false
  return {
    show: (done, total) => {
      if (now() < dueAt || total <= 0) return
      dueAt = now() + STEP_MS
      isShown = true
      const share = Math.min(0.99, done / total)
      const filled = Math.floor(share * BAR_COLUMNS)
      io.stderr(`\r${what} [${'#'.repeat(filled)}${'.'.repeat(BAR_COLUMNS - filled)}] ${String(Math.floor(share * 100)).padStart(2)} %`)
    },
    end: () => {
      if (isShown) io.stderr('\r\u001b[K')
    },
  }
}
