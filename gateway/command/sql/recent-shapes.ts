// The shapes of late, by their words: found and compared four bytes at a time. A small table; what falls out is found in the large one.
import type { SqlStatement } from './sql-statement.ts'
import type { TextShape } from './text-shape.ts'

const SLOTS = 512
/** Longer shapes are not kept here: a tree takes many times its text. */
const MAX_BYTES = 1024

interface Recent {
  readonly words: Int32Array
  readonly length: number
  readonly prefix: string
  readonly statements: readonly SqlStatement[]
}

export class RecentShapes {
  readonly #slots: (Recent | undefined)[] = Array.from<undefined>({ length: SLOTS })

  /** @param length of the shape that was measured last. @param prefix everything the reading depended on besides. */
  find({ words }: TextShape, length: number, prefix: string): readonly SqlStatement[] | null {
    if (length > MAX_BYTES) return null
    const found = this.#slots[slotOf(words, length)]
    if (found === undefined || found.length !== length || found.prefix !== prefix) return null
    const known = found.words
    for (let at = 0; at < known.length; at++) if (known[at] !== words[at]) return null
    return found.statements
  }

  keep({ words }: TextShape, length: number, prefix: string, statements: readonly SqlStatement[]): void {
    if (length > MAX_BYTES) return
    this.#slots[slotOf(words, length)] = { words: words.slice(0, wordsOf(length)), length, prefix, statements }
  }
}

function wordsOf(length: number): number {
  return (length + 3) >> 2
}

function slotOf(words: Int32Array, length: number): number {
  const count = wordsOf(length)
  let hash = length
  for (let at = 0; at < count; at++) hash = Math.imul(hash ^ (words[at] ?? 0), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x045d_9f3b)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
