// How much of a masked column is in a value: nothing (null), the column itself, or something made from it.

export type Taint =
  /** Exactly the value of a masked column: its own mask fits. */
  | { readonly kind: 'mask'; readonly rule: number; readonly typeOid: number }
  /** Something that holds or may hold masked values in another form. `isMixed`: of more than one rule. */
  | { readonly kind: 'blank'; readonly rule: number; readonly isMixed: boolean }
  /** The names do not tell; where the server names table and column of the output, that decides. */
  | { readonly kind: 'unproven'; readonly rule: number; readonly isMixed: boolean }

export type MaybeTaint = Taint | null

/** One column of a row source. `name` null = not known which. */
export interface TaintColumn {
  readonly name: string | null
  readonly taint: MaybeTaint
}

/** The columns of a row source as far as they are known. */
export interface TaintRow {
  readonly columns: readonly TaintColumn[]
  /** There may be more columns than listed, each as tainted as `rest`. */
  readonly isOpen: boolean
  readonly rest: MaybeTaint
}

export const emptyRow: TaintRow = { columns: [], isOpen: false, rest: null }

/** A value that may be the one or the other. */
export function join(one: MaybeTaint, other: MaybeTaint): MaybeTaint {
  if (one === null) return other
  if (other === null) return one
  if (one.kind === 'mask' && other.kind === 'mask' && one.rule === other.rule && one.typeOid === other.typeOid) return one
  const kind = one.kind === 'unproven' && other.kind === 'unproven' ? 'unproven' : 'blank'
  return { kind, rule: one.rule, isMixed: one.rule !== other.rule || isMixed(one) || isMixed(other) }
}

export function joinAll(taints: readonly MaybeTaint[]): MaybeTaint {
  return taints.reduce(join, null)
}

/** A value computed from it. */
export function derived(taint: MaybeTaint): MaybeTaint {
  return taint === null ? null : { kind: 'blank', rule: taint.rule, isMixed: isMixed(taint) }
}

/** The same column where its place among the others is not known. */
export function unproven(taint: MaybeTaint): MaybeTaint {
  return taint === null ? null : { kind: 'unproven', rule: taint.rule, isMixed: isMixed(taint) }
}

export function isMixed(taint: Taint): boolean {
  return taint.kind !== 'mask' && taint.isMixed
}

/** Everything in the row, as one value. */
export function rowTaint(row: TaintRow): MaybeTaint {
  return derived(joinAll([...row.columns.map(column => column.taint), row.rest]))
}

/** The row under other names: `AS t(a, b)` renames the first columns. */
export function renamed(row: TaintRow, names: readonly string[]): TaintRow {
  if (names.length === 0) return row
  const columns = row.columns.map((column, index) => ({ name: names[index] ?? column.name, taint: column.taint }))
  // Names beyond the known columns fall on unknown ones.
  const more = row.isOpen ? names.slice(columns.length).map(name => ({ name, taint: row.rest })) : []
  return { ...row, columns: [...columns, ...more] }
}

/** Rows of either source, by position, named by the first. */
export function merged(one: TaintRow, other: TaintRow): TaintRow {
  const length = Math.max(one.columns.length, other.columns.length)
  const columns: TaintColumn[] = []
  for (let index = 0; index < length; index++) {
    const first = one.columns[index]
    const second = other.columns[index]
    columns.push({ name: (first ?? second)?.name ?? null, taint: join(first?.taint ?? one.rest, second?.taint ?? other.rest) })
  }
  return { columns, isOpen: one.isOpen || other.isOpen, rest: join(one.rest, other.rest) }
}

export function isSameRow(one: TaintRow, other: TaintRow): boolean {
  if (one.columns.length !== other.columns.length || one.isOpen !== other.isOpen || !isSameTaint(one.rest, other.rest)) return false
  return one.columns.every((column, index) => isSameTaint(column.taint, other.columns[index]?.taint ?? null))
}

export function isSameTaint(one: MaybeTaint, other: MaybeTaint): boolean {
  if (one === null || other === null) return one === other
  return one.kind === other.kind && one.rule === other.rule && isMixed(one) === isMixed(other)
}
