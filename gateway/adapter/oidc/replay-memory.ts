// Used tokens, remembered in this process. Keyed by (iss, jti), because one token must have one memory whatever its spelling.
import type { Clock } from '../../core/clock.ts'
import type { ReplayStore } from '../../core/token.ts'

const MAX_REMEMBERED = 100_000
/** A token is remembered this long beyond its end, so that no tolerance revives it. */
const MARGIN_MS = 120_000

/** Bounded: when it is full of tokens that still live, further tokens are refused, none is forgotten. */
export function createReplayMemory(clock: Clock, maxRemembered: number = MAX_REMEMBERED): ReplayStore {
  /** Key -> monotonic time from which it may be forgotten. */
  const used = new Map<string, number>()
  return {
    take: async (iss, jti, expiresAt) => {
      const nowMs = clock.monotonicMs()
      const key = JSON.stringify([iss, jti])
      // A wall clock that jumped must not shorten the memory: at least the margin, counted on the monotonic clock.
      const keepMs = Math.max(expiresAt.getTime() - clock.now().getTime(), 0) + MARGIN_MS
      if (used.has(key)) return false
      if (used.size >= maxRemembered) for (const [old, untilMs] of used) if (untilMs <= nowMs) used.delete(old)
      if (used.size >= maxRemembered) return false
      used.set(key, nowMs + keepMs)
      return true
    },
  }
}
