// Access to the parser's trees without trusting their shape: a field that is missing or of another type reads as its zero value,
// as the parser leaves zero values out.

export interface Tree {
  readonly [field: string]: unknown
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function stringOf(tree: Tree, field: string): string {
  const value = tree[field]
  return typeof value === 'string' ? value : ''
}

export function numberOf(tree: Tree, field: string): number {
  const value = tree[field]
  return typeof value === 'number' ? value : 0
}

export function isSet(tree: Tree, field: string): boolean {
  return tree[field] === true
}

/** The field as a tree, or null. */
export function treeOf(tree: Tree, field: string): Tree | null {
  const value = tree[field]
  return isTree(value) ? value : null
}

/** The trees in a list field. */
export function treesIn(tree: Tree, field: string): readonly Tree[] {
  const value = tree[field]
  return Array.isArray(value) ? value.filter(isTree) : []
}

/** A wrapped node `{ Kind: fields }`, taken apart; null when the value is none. */
export function unwrap(value: unknown): { readonly kind: string; readonly fields: Tree } | null {
  if (!isTree(value)) return null
  for (const kind in value) {
    const fields = value[kind]
    return isTree(fields) ? { kind, fields } : null
  }
  return null
}

/** The fields of a wrapped node if it is of this kind. */
export function asKind(value: unknown, kind: string): Tree | null {
  const fields = isTree(value) ? value[kind] : undefined
  return isTree(fields) ? fields : null
}

/** The strings in a list of String nodes: names, in order. */
export function namesIn(tree: Tree, field: string): readonly string[] {
  const names: string[] = []
  for (const item of treesIn(tree, field)) {
    const name = asKind(item, 'String')
    if (name !== null) names.push(stringOf(name, 'sval'))
  }
  return names
}
