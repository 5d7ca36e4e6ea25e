// Ends the gateway when nobody is left to end it: the launcher's pipe closed (exec), the watched process ended (the Action), or its time is up.
import { readFileSync } from 'node:fs'
import type { LaunchRequest } from './protocol.ts'

const LOOK_EVERY_MS = 1000

export interface WatchDogEvents {
  /** Called once, with the reason as it stands in the recording. Seals, then ends the process. */
  onEnd(reason: string): void
  /** The launcher's pipe; `LauncherPipe.onLauncherGone`. */
  onLauncherGone(callback: () => void): void
  /** True once the launcher was told that the gateway is ready: a launcher that went away before has nobody to hand the gateway to. */
  isReady(): boolean
}

/** What a look at the machine needs; replaced in tests. */
export interface Sight {
  /** Tells this process from a later one with the same id; null = there is none. */
  birthOf(pid: number): string | null
  every(ms: number, callback: () => void): () => void
  after(ms: number, callback: () => void): () => void
}

/** Starts watching. Returns what ends it. */
export function watchLauncher(
  request: Pick<LaunchRequest, 'watchPid' | 'timeToLiveMs'>,
  events: WatchDogEvents,
  sight: Sight = machineSight,
): () => void {
  const { watchPid, timeToLiveMs } = request
  const stops: (() => void)[] = []
  let hasEnded = false
  const stop = (): void => {
    hasEnded = true
    for (const each of stops) each()
  }
  const end = (reason: string): void => {
    if (hasEnded) return
    stop()
    events.onEnd(reason)
  }
  if (timeToLiveMs !== null) stops.push(sight.after(timeToLiveMs, () => end('its time to live is over')))
  events.onLauncherGone(() => {
    if (watchPid === null || !events.isReady()) end('its launcher is gone')
  })
  if (watchPid !== null) {
    const birth = sight.birthOf(watchPid)
    const look = (): void => {
      if (birth === null || sight.birthOf(watchPid) !== birth) end('the job is gone')
    }
    stops.push(sight.every(LOOK_EVERY_MS, look))
    look()
  }
  return stop
}

const machineSight: Sight = {
  birthOf,
  every: (ms, callback) => {
    const timer = setInterval(callback, ms)
    return () => clearInterval(timer)
  },
  after: (ms, callback) => {
    // setTimeout wraps above 2^31 ms.
    const timer = setTimeout(callback, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

/** Start time of a process in clock ticks (field 22 of /proc/PID/stat), readable across users; elsewhere only whether it lives. */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in field 2 may hold spaces and brackets: fields count from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
  } catch {
    return process.platform === 'linux' ? null : livesElsewhere(pid)
  }
}

function livesElsewhere(pid: number): string | null {
  try {
    process.kill(pid, 0)
    return 'alive'
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'alive' : null
  }
}
