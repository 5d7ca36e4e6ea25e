// What was covered in one object, and the plain texts that must not show up elsewhere in it.
import type { CoveredField } from '../core/masker.ts'

/** Shorter texts stand in too many places by chance. */
const MIN_NEEDLE = 8
const MAX_NEEDLES = 1_000

export class Findings {
  readonly #counts = new Map<string, { rule: string; field: string; values: number }>()
  /** Hidden texts: they are covered wherever else they stand in the same object. */
  readonly needles = new Set<string>()
  /** Shorter ones: for places where only a whole value is looked for. */
  readonly words = new Set<string>()

  count(rule: string, field: string, values = 1): void {
    const key = `${rule}\0${field}`
    const known = this.#counts.get(key)
    if (known === undefined) this.#counts.set(key, { rule, field, values })
    else known.values += values
  }

  hide(text: string): void {
    const kept = text.length < MIN_NEEDLE ? this.words : this.needles
    if (text !== '' && kept.size < MAX_NEEDLES) kept.add(text)
  }

  /** Takes over the counts of another object; its needles are its own. */
  add(other: Findings): void {
    for (const { rule, field, values } of other.all()) this.count(rule, field, values)
  }

  /** The same with its needles: another object of the same document, of which this one holds copies. */
  take(other: Findings): void {
    this.add(other)
    for (const word of [...other.words, ...other.needles]) this.hide(word)
  }

  all(): readonly CoveredField[] {
    return [...this.#counts.values()]
  }
}
