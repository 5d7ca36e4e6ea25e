// A credential in memory. Printing it, by any road, prints `[secret]`; only `reveal()` gives the bytes.
// The layer test allows `.reveal(` in engine targets and in the adapter that sends it to its own source, nowhere else.
import { inspect } from 'node:util'

export class Secret {
  readonly #value: Buffer

  constructor(value: Buffer | string) {
    this.#value = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  }

  /** The secret itself. The caller must not keep, log or copy it beyond the one use. */
  reveal(): Buffer {
    return this.#value
  }

  /** Overwrites the bytes held here. Copies made by `reveal` users, strings and the collector are out of reach. */
  wipe(): void {
    this.#value.fill(0)
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
