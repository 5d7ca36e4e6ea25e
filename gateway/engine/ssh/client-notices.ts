// What a client is told that belongs to none of its commands: on the stderr of those that are open, or of the next one.
import type { ClientOutput } from './client-output.ts'

/** Lines that wait for a command to be said beside; more are dropped, the recording has them all. */
const MAX_WAITING = 20

export class ClientNotices {
  readonly #outputs = new Set<ClientOutput>()
  readonly #waiting: string[] = []

  /** Says it now where the client has a command open; the protocol has no other place that clients show. */
  say(text: string): void {
    if (this.#outputs.size === 0) {
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(text)
      return
    }
    for (const output of this.#outputs) output.say(text)
  }

  add(output: ClientOutput): void {
    this.#outputs.add(output)
    for (const text of this.#waiting.splice(0)) output.say(text)
  }

  remove(output: ClientOutput): void {
    this.#outputs.delete(output)
  }
}
