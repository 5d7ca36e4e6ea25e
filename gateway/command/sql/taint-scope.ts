// Which columns a name can mean at a place of a query. Where several are possible, all of them count.
import { emptyRow, join, joinAll, rowTaint, unproven } from './taint.ts'
import type { MaybeTaint, TaintRow } from './taint.ts'

/** One item of FROM as names see it. */
export interface ScopeItem {
  /** Alias or table name; null = its columns have no qualifier (VALUES without alias). */
  readonly alias: string | null
  readonly row: TaintRow
  /** What a column that the catalog does not know would be: tainted when the relation is. */
  readonly unknownColumn: MaybeTaint
}

export interface Scope {
  readonly items: readonly ScopeItem[]
  readonly outer: Scope | null
  readonly ctes: CteNames | null
  /** What a bare star shows, in order; left out where there is no FROM. */
  readonly star?: TaintRow
}

/** Names of WITH queries, innermost first. */
export interface CteNames {
  readonly name: string
  readonly row: TaintRow
  readonly outer: CteNames | null
}

/** What a name was found to be. `isFound` false: no column of that name is known. */
export interface Lookup {
  readonly taint: MaybeTaint
  readonly isFound: boolean
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax'])
const NOT_FOUND: Lookup = { taint: null, isFound: false }

export const emptyScope: Scope = { items: [], outer: null, ctes: null }

export function cteNamed(scope: Scope, name: string): TaintRow | null {
  for (let cte = scope.ctes; cte !== null; cte = cte.outer) if (cte.name === name) return cte.row
  return null
}

/** The column in one row source. */
export function columnIn(row: TaintRow, name: string): Lookup {
  let taint: MaybeTaint = null
  let isFound = false
  for (const column of row.columns) {
    // A column whose name is not known may be meant too.
    if (column.name !== null && column.name !== name) continue
    taint = join(taint, column.taint)
    isFound ||= column.name === name
  }
  return isFound ? { taint, isFound } : { taint: join(taint, row.rest), isFound: row.isOpen || taint !== null }
}

/** An unqualified name: a column of the innermost query that has it, else a whole row of that alias. */
export function lookUp(scope: Scope, name: string): Lookup {
  if (SYSTEM_COLUMNS.has(name)) return { taint: null, isFound: true }
  let taint: MaybeTaint = null
  let isFound = false
  let unknown: MaybeTaint = null
  for (let level: Scope | null = scope; level !== null; level = level.outer) {
    let isCertain = false
    for (const item of level.items) {
      const found = columnIn(item.row, name)
      taint = join(taint, found.taint)
      isFound ||= found.isFound
      isCertain ||= item.row.columns.some(column => column.name === name)
      unknown = join(unknown, item.unknownColumn)
    }
    if (isCertain) return { taint, isFound: true }
  }
  const row = itemNamed(scope, name)
  if (row !== null) return { taint: join(taint, rowTaint(row.row)), isFound: true }
  if (isFound) return { taint, isFound }
  // A name that nothing here has is a mistake of the text, or something that is not understood: then it may be anything in sight.
  return { taint: join(unknown, unproven(joinAll(allItems(scope).map(item => rowTaint(item.row))))), isFound: false }
}

/** `alias.column`. Not found: the name may be a function of the row (functional notation). */
export function lookUpIn(scope: Scope, alias: string, name: string): Lookup {
  const item = itemNamed(scope, alias)
  if (item === null) {
    const all = allItems(scope).map(other => join(other.unknownColumn, unproven(rowTaint(other.row))))
    return { taint: joinAll(all), isFound: false }
  }
  if (SYSTEM_COLUMNS.has(name)) return { taint: null, isFound: true }
  const found = columnIn(item.row, name)
  return found.isFound ? found : NOT_FOUND
}

/** The item a qualifier means, or null. Two items of that name at one level count together. */
export function itemNamed(scope: Scope, alias: string): ScopeItem | null {
  for (let level: Scope | null = scope; level !== null; level = level.outer) {
    const items = level.items.filter(item => item.alias === alias)
    const [first] = items
    if (first === undefined) continue
    if (items.length === 1) return first
    const columns = items.flatMap(item => item.row.columns)
    const rest = joinAll(items.map(item => item.row.rest))
    const unknownColumn = joinAll(items.map(item => item.unknownColumn))
    return { alias, row: { columns, isOpen: items.some(item => item.row.isOpen), rest }, unknownColumn }
  }
  return null
}

function allItems(scope: Scope): readonly ScopeItem[] {
  const items: ScopeItem[] = []
  for (let level: Scope | null = scope; level !== null; level = level.outer) items.push(...level.items)
  return items
}

export function itemOf(alias: string | null, row: TaintRow = emptyRow, unknownColumn: MaybeTaint = null): ScopeItem {
  return { alias, row, unknownColumn }
}
