// What stands for the parameters of a prepared statement when it runs: a filter may leave rows out with one value and none with another.
import { asKind, isTree, numberOf } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** The same tree with `$n` replaced by the nth of `values`; one that is missing stays a parameter. Shares what has none. */
export function withParameters(node: unknown, values: readonly (Tree | undefined)[]): unknown {
  if (values.length === 0) return node
  if (Array.isArray(node)) return replaced(node, item => withParameters(item, values))
  if (!isTree(node)) return node
  const parameter = asKind(node, 'ParamRef')
  if (parameter !== null) return values[numberOf(parameter, 'number') - 1] ?? node
  let copy: Record<string, unknown> | null = null
  for (const [name, value] of Object.entries(node)) {
    const changed = withParameters(value, values)
    if (changed === value) continue
    copy ??= { ...node }
    copy[name] = changed
  }
  return copy ?? node
}

/** A value that was bound, as the literal that would give the same. */
export function literalOf(value: string | null): Tree {
  return value === null ? { A_Const: { isnull: true } } : { A_Const: { sval: { sval: value } } }
}

function replaced(items: readonly unknown[], change: (item: unknown) => unknown): readonly unknown[] {
  const changed = items.map(change)
  return changed.some((item, index) => item !== items[index]) ? changed : items
}
