// One writer at a time for a file that several processes of a user change. The lock is a file beside it, held for moments; one whose holder
// is gone is taken over. Synchronous: nothing else of this process runs while it waits.
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'

/** At most, and anything below it, so that several who wait do not look in the same order again and again. */
const RETRY_MS = 20
/** One that names nobody was left between its making and its naming. */
const NAMELESS_MS = 30_000
/** A number belongs to somebody else by then: nobody holds it so long, however busy the machine. */
const OLDEST_MS = 60_000
const PATIENCE_MS = 120_000

/**
 * Runs `work` while no other process does so for the same lock.
 * @throws {Error} when the lock cannot be had, and whatever `work` throws.
 */
export function whileLocked<Result>(lock: string, work: () => Result): Result {
  take(lock)
  try {
    return work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function take(lock: string): void {
  for (const until = Date.now() + PATIENCE_MS; ; pause()) {
    try {
      const handle = openSync(lock, 'wx', 0o600)
      writeSync(handle, String(process.pid))
      closeSync(handle)
      return
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || Date.now() > until) throw error
      if (isStale(lock)) takeAway(lock)
    }
  }
}

function isStale(lock: string): boolean {
  try {
    const ageMs = Date.now() - statSync(lock).mtimeMs
    const pid = Number(readFileSync(lock, 'latin1'))
    return pid > 0 ? ageMs > OLDEST_MS || !isAlive(pid) : ageMs > NAMELESS_MS
  } catch {
    return false
  }
}

/** Moved away first: two that find the same stale lock must not take away the one that one of them makes next. */
function takeAway(lock: string): void {
  const aside = `${lock}.${process.pid}`
  try {
    renameSync(lock, aside)
    if (!isStale(aside)) linkSync(aside, lock)
  } catch {
    // Somebody else was faster.
  }
  rmSync(aside, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * RETRY_MS)
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null
}
