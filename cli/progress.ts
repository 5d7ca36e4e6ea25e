// A percentage on a terminal for what takes longer than a second. Silent anywhere else.
import type { Io } from './io.ts'

const PATIENCE_MS = 1000
const STEP_MS = 200

export interface Progress {
  readonly show: (done: number, total: number) => void
  /** Takes the line away again. */
  readonly end: () => void
}

export function progressOn(io: Io, what: string): Progress {
  if (!io.isTty) return { show: () => {}, end: () => {} }
  let dueAt = performance.now() + PATIENCE_MS
  let isShown = false
  return {
    show: (done, total) => {
      const now = performance.now()
      if (now < dueAt || total <= 0) return
      dueAt = now + STEP_MS
      isShown = true
      io.stderr(`\r${what} ${Math.min(99, Math.floor((done / total) * 100))} %`)
    },
    end: () => {
      if (isShown) io.stderr('\r\u001b[K')
    },
  }
}
