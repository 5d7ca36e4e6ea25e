// The texts of late, by their bytes: found without making a string of them. A small table; what falls out is found in the large one.
import type { SqlStatement } from './sql-statement.ts'

const SLOTS = 512
/** Longer texts are not kept here: a tree takes many times its text. */
const MAX_BYTES = 1024

interface Recent {
  readonly bytes: Buffer
  readonly prefix: string
  readonly statements: readonly SqlStatement[]
}

export class RecentTexts {
  readonly #slots: (Recent | undefined)[] = Array.from<undefined>({ length: SLOTS })

  /** @param length of the key in `bytes`. @param prefix everything the reading depended on besides. */
  find(bytes: Buffer, length: number, prefix: string): readonly SqlStatement[] | null {
    if (length > MAX_BYTES) return null
    const found = this.#slots[slotOf(bytes, length)]
    if (found === undefined || found.bytes.length !== length || found.prefix !== prefix) return null
    return bytes.compare(found.bytes, 0, length, 0, length) === 0 ? found.statements : null
  }

  keep(bytes: Buffer, length: number, prefix: string, statements: readonly SqlStatement[]): void {
    if (length > MAX_BYTES) return
    const copy = Buffer.from(bytes.subarray(0, length))
    this.#slots[slotOf(bytes, length)] = { bytes: copy, prefix, statements }
  }
}

/** Every fourth byte is enough to tell most texts apart, and the whole is compared in any case. */
function slotOf(bytes: Buffer, length: number): number {
  let hash = length
  for (let at = length & 3; at < length; at += 4) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x0100_0193)
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}
