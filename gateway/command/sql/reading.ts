// What is found while one statement is read. Only grows: nothing that was found is taken back.
import type { Certainty, SqlEffect } from '../../core/command.ts'
import type { NameChange } from './sql-statement.ts'
import type { Tree } from './syntax-tree.ts'

/** How far the code of a statement runs: now, only while planning, or stored for later. */
export type Mode = 'run' | 'plan' | 'define'

/** The search path after a statement: unchanged, unknown (null), or these schemas. */
export type PathAfter = 'same' | null | readonly string[]

/** A name made or used; a statement that is given a name is still a node. */
export type FoundName =
  | Exclude<NameChange, { readonly kind: 'prepare' | 'declare-cursor' }>
  | { readonly kind: 'prepare' | 'declare-cursor'; readonly name: string; readonly node: Tree }

export class Reading {
  readonly effects = new Set<SqlEffect>()
  readonly resources = new Set<string>()
  readonly names: FoundName[] = []
  readonly #doubts: string[] = []
  #certainty: Certainty = 'parsed'
  /** `select`, `drop table` …; empty = the kind of statement says it. */
  verb = ''
  unfiltered = false
  isTransactionControl = false
  isLiteralSensitive = false
  pathAfter: PathAfter = 'same'
  changesCatalog = false
  changesSession = false
  /** Whether a filter leaves rows out depends on the value of a parameter. */
  filtersByValue = false
  /** A literal becomes a value of the type of some column, whatever that is. */
  fillsTypes = false
  /** Types of the columns of the relations that are read. */
  readonly columnTypes = new Set<number>()
  /** A name is in no catalog: a newer snapshot may know it. */
  hasUnresolvedNames = false

  does(...effects: readonly SqlEffect[]): void {
    for (const effect of effects) this.effects.add(effect)
  }

  /** A name or a detail that cannot be told: the statement is understood in part. */
  doubts(reason: string): void {
    this.#weaken('partial', reason)
  }

  /** Code runs that cannot be read. */
  runsUnreadable(reason: string): void {
    this.#weaken('opaque', reason)
  }

  get certainty(): Certainty {
    return this.#certainty
  }

  /** Why it is not `parsed`, the first three reasons; null when it is. */
  get doubt(): string | null {
    if (this.#doubts.length === 0) return null
    const rest = this.#doubts.length - 3
    return this.#doubts.slice(0, 3).join('; ') + (rest > 0 ? `; and ${rest} more` : '')
  }

  #weaken(certainty: 'partial' | 'opaque', reason: string): void {
    if (this.#certainty !== 'opaque') this.#certainty = certainty
    this.effects.add('unknown')
    if (!this.#doubts.includes(reason)) this.#doubts.push(reason)
  }
}
