// What of a sealed terminal fills no chunk of age yet: it stands in a file of its own beside the terminal's until it does, so that a crash
// loses nothing that a terminal in the clear would not lose. Written anew as a whole each time, under a nonce of its own.
// Content: {"offset":N} and a line feed, then the bytes of the terminal from its Nth on.
import path from 'node:path'
import { addressTo, decryptAge, sealInto } from './age/age-file.ts'
import type { AgeEnvelope } from './age/age-file.ts'
import type { AgeIdentity, AgeKey } from './age/age-keys.ts'
import { AGE_SUFFIX } from './layout.ts'
import { replaceFile } from './log-file.ts'
import type { Disk } from './log-file.ts'
import { readMembers } from './stored-event.ts'

const NEWLINE = 10

/** @param terminal name of its file, `sessions/ID.cast.age`. */
export function tailOf(terminal: string): string {
  return `${terminal.slice(0, -AGE_SUFFIX.length)}.tail${AGE_SUFFIX}`
}

export class TerminalTail {
  readonly #disk: Disk
  readonly #file: string
  readonly #envelope: AgeEnvelope
  #isThere = false

  /** @param terminal name below `dir`. */
  constructor(disk: Disk, dir: string, terminal: string, recipients: readonly AgeKey[]) {
    this.#disk = disk
    this.#file = path.join(dir, tailOf(terminal))
    this.#envelope = addressTo(recipients)
  }

  /** After a crash there is the tail before this one, or this one. @param offset bytes of the terminal that come before. */
  write(offset: number, bytes: Buffer): void {
    const content = Buffer.concat([Buffer.from(`{"offset":${offset}}\n`), bytes])
    this.#isThere = true
    replaceFile(this.#disk, this.#file, sealInto(this.#envelope, content), false)
  }

  /** The terminal is whole without it. */
  remove(): void {
    if (this.#isThere) this.#disk.rmSync(this.#file, { force: true })
  }
}

/**
 * The terminal of a gateway that died, with what its tail adds to the whole chunks of its file.
 * A tail that is older than the last chunk adds nothing; one that does not open, or begins behind what is there, neither.
 */
export function withTail(terminal: Buffer, tail: Buffer, identities: readonly AgeIdentity[]): Buffer {
  const content = decryptAge(tail, identities)
  const end = content?.indexOf(NEWLINE) ?? -1
  if (content === null || end < 0) return terminal
  const offset = readMembers(content.toString('utf8', 0, end))?.['offset']
  if (typeof offset !== 'number' || offset > terminal.length) return terminal
  return Buffer.concat([terminal, content.subarray(end + 1 + terminal.length - offset)])
}
