// The cancel keys of this gateway's own sessions. A client never sees a target's key, and its own opens nothing but its own session.
import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { version32 } from '../../wire/postgres/startup.ts'

const SHORT_KEY_BYTES = 4
const LONG_KEY_BYTES = 32
/** Wrong keys that one session bears before it cannot be cancelled any more: 4 bytes must not be guessed. */
const MAX_WRONG_KEYS = 1000

interface Entry {
  readonly key: Buffer
  readonly cancel: () => void
  wrong: number
}

export interface CancelKey {
  readonly pid: number
  readonly key: Buffer
}

export class CancelKeys {
  readonly #entries = new Map<number, Entry>()

  /**
   * A new key for one session.
   *
   * @param version the protocol version of the client, which fixes the length of the key.
   * @param targetPid the target's number of the session: clients compare it with `pg_backend_pid()` and with who notified them, so
   *   they get the same where no other session has it.
   */
  issue(version: number, targetPid: number, cancel: () => void): CancelKey {
    let pid = targetPid
    while (this.#entries.has(pid)) pid = randomInt(1, 0x7fff_ffff)
    const key = randomBytes(version >= version32 ? LONG_KEY_BYTES : SHORT_KEY_BYTES)
    this.#entries.set(pid, { key, cancel, wrong: 0 })
    return { pid, key }
  }

  /** Cancels what the key's session is doing; says nothing of whether there was one. */
  cancel(pid: number, key: Buffer): void {
    const entry = this.#entries.get(pid)
    if (entry === undefined || entry.wrong >= MAX_WRONG_KEYS) return
    if (entry.key.length === key.length && timingSafeEqual(entry.key, key)) entry.cancel()
    else entry.wrong += 1
  }

  forget(pid: number): void {
    this.#entries.delete(pid)
  }
}
