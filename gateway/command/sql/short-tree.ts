// A statement's tree without the bulk that means nothing: long lists of plain values are cut, and what is still large is left out.
// For trees that cross a thread: the whole of one that came from megabytes of text would cost as much to hand over as to read.
import { isTree, unwrap } from './syntax-tree.ts'

/** Values of a list that are kept: more of the same say nothing more. */
const KEPT_VALUES = 32
/** Objects of all trees of one message together. */
const MAX_OBJECTS = 200_000

/** Kinds that are a value, or hold nothing but values. */
const valueKinds: ReadonlySet<string> = new Set(['A_Const', 'List', 'ParamRef', 'SetToDefault', 'A_ArrayExpr', 'RowExpr'])

/** Shortens the trees of one message, in order; null once they are too large together. */
export class TreeShortener {
  #left = MAX_OBJECTS

  /** @returns the same node with lists of values cut, or null when there is no room for it. */
  shorten(node: unknown): unknown {
    const short = this.#copy(node)
    return this.#left < 0 ? null : short
  }

  #copy(value: unknown): unknown {
    if (this.#left < 0) return null
    if (Array.isArray(value)) {
      const kept: unknown[] = []
      let values = 0
      for (const item of value) {
        if (isValue(item)) {
          values += 1
          if (values > KEPT_VALUES) continue
        }
        kept.push(this.#copy(item))
      }
      return kept
    }
    if (!isTree(value)) return value
    this.#left -= 1
    const copy: Record<string, unknown> = {}
    for (const field in value) copy[field] = this.#copy(value[field])
    return copy
  }
}

/** A literal, a parameter, DEFAULT, or a list of such. */
function isValue(node: unknown): boolean {
  const found = unwrap(node)
  if (found === null || !valueKinds.has(found.kind)) return false
  if (found.kind === 'A_Const' || found.kind === 'ParamRef' || found.kind === 'SetToDefault') return true
  const items = found.fields['items'] ?? found.fields['elements'] ?? found.fields['args']
  return Array.isArray(items) && items.every(isValue)
}
