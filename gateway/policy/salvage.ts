// What is left of a file when the entries with a wrong shape are taken out: enough to find what else is wrong with it.
import type { Path } from './yaml-tree.ts'

interface Issue {
  readonly code?: string | undefined
  readonly path: Path
  readonly keys?: readonly string[]
}

/** Index in the file of what is at an index of the salvaged list. */
export type PlaceIn = (block: string, index: number) => number

/** Unknown keys are taken out; any other fault takes its whole entry (`rules[3]`, `connections.db`) with it. */
export function withoutFaulty(value: unknown, issues: readonly Issue[]): { readonly value: unknown; readonly placeIn: PlaceIn } {
  const unknown = new Set(issues.flatMap(issue => (issue.keys ?? []).map(key => keyOf([...issue.path, key]))))
  const faulty = new Set(issues.filter(issue => issue.code !== 'unrecognized_keys').map(issue => keyOf(issue.path.slice(0, 2))))
  const places = new Map<string, readonly number[]>()
  const prune = (node: unknown, path: Path): unknown => {
    if (Array.isArray(node)) {
      const items: readonly unknown[] = node
      const kept = [...items.keys()].filter(index => !faulty.has(keyOf([...path, index])))
      if (path.length === 1) places.set(String(path[0]), kept)
      return kept.map(index => prune(items[index], [...path, index]))
    }
    if (typeof node !== 'object' || node === null) return node
    const entries = Object.entries(node).filter(([key]) => !unknown.has(keyOf([...path, key])) && !faulty.has(keyOf([...path, key])))
    return Object.fromEntries(entries.map(([key, item]) => [key, prune(item, [...path, key])]))
  }
  return { value: prune(value, []), placeIn: (block, index) => places.get(block)?.[index] ?? index }
}

function keyOf(path: Path): string {
  return JSON.stringify(path.map(String))
}
