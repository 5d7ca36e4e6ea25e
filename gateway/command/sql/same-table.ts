// Conditions that ask the very table that is changed: every row finds itself there.
import { constantOf } from './constants.ts'
import type { CteScope } from './cte-scope.ts'
import { asKind, isTree, namesIn, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

const BOUNDS = ['limitOffset', 'havingClause', 'groupClause'] as const
/** Queries in queries: deeper than this is not looked into. */
const MAX_DEPTH = 16

/** The table that is changed, and the names that WITH has given to queries. */
export interface ChangedTable {
  readonly target: Tree | null
  readonly ctes: CteScope
}

/** `t.id = other.id` where `other` is the same table, whole: every row finds itself. */
export function joinsItself(table: ChangedTable, others: readonly Tree[], condition: unknown): boolean {
  if (!others.some(item => isWhole(item, table, 0))) return false
  const arms = conjuncts(condition).filter(arm => constantOf(arm)?.value !== true)
  return arms.length > 0 && arms.every(isSameColumn)
}

/** `a.x = b.x`. */
function isSameColumn(arm: unknown): boolean {
  const equality = asKind(arm, 'A_Expr')
  if (equality === null || stringOf(equality, 'kind') !== 'AEXPR_OP' || namesIn(equality, 'name').join('.') !== '=') return false
  const [left, right] = [asKind(equality['lexpr'], 'ColumnRef'), asKind(equality['rexpr'], 'ColumnRef')]
  return left !== null && right !== null && namesIn(left, 'fields').at(-1) === namesIn(right, 'fields').at(-1)
}

function conjuncts(condition: unknown): readonly unknown[] {
  const bool = asKind(condition, 'BoolExpr')
  return bool !== null && stringOf(bool, 'boolop') === 'AND_EXPR' ? treesIn(bool, 'args').flatMap(conjuncts) : [condition]
}

/** `SELECT column FROM the same table`, all of it; also with something added to it. */
export function isWholeTarget(select: Tree, test: unknown, table: ChangedTable): boolean {
  if (stringOf(select, 'op') === 'SETOP_UNION') {
    return ['larg', 'rarg'].some(arm => isWholeTarget(treeOf(select, arm) ?? {}, test, table))
  }
  const tested = asKind(test, 'ColumnRef')
  const [only, ...others] = valuesOf(select)
  const column = asKind(only, 'ColumnRef')
  if (others.length > 0 || column === null || tested === null) return false
  if (namesIn(column, 'fields').at(-1) !== namesIn(tested, 'fields').at(-1)) return false
  // `IN (VALUES (id))`, `IN (SELECT id)`: the row's own value.
  return select['fromClause'] === undefined ? select['whereClause'] === undefined : givesAll(select, table, 0)
}

/** Every row of the table that is changed comes out of this query. */
export function givesAllRows(select: Tree, table: ChangedTable): boolean {
  return givesAll(select, table, 0)
}

/** `EXISTS (SELECT … FROM the same table AS other WHERE other.id = orders.id)`. @param alias of the table that is changed. */
export function findsItself(select: Tree, table: ChangedTable, alias: string): boolean {
  const range = onlyRange(select)
  if (range === null || !isSameName(range, table.target) || isBounded(select)) return false
  const arms = conjuncts(select['whereClause']).filter(arm => constantOf(arm)?.value !== true)
  const other = stringOf(treeOf(range, 'alias') ?? {}, 'aliasname')
  return arms.length > 0 && other !== '' && arms.every(arm => isSameColumn(arm) && joins(arm, alias, other))
}

/** `(SELECT other.id FROM the same table AS other WHERE other.id = orders.id)` next to `id`. */
export function isOwnValue(node: unknown, test: unknown, table: ChangedTable, alias: string): boolean {
  const link = asKind(node, 'SubLink')
  const select = link === null || stringOf(link, 'subLinkType') !== 'EXPR_SUBLINK' ? null : asKind(link['subselect'], 'SelectStmt')
  const [only] = select === null ? [] : valuesOf(select)
  const [column, tested] = [asKind(only, 'ColumnRef'), asKind(test, 'ColumnRef')]
  if (select === null || column === null || tested === null || !findsItself(select, table, alias)) return false
  return namesIn(column, 'fields').at(-1) === namesIn(tested, 'fields').at(-1)
}

function joins(arm: unknown, alias: string, other: string): boolean {
  const expression = asKind(arm, 'A_Expr') ?? {}
  const qualifiers = [expression['lexpr'], expression['rexpr']].map(side => namesIn(asKind(side, 'ColumnRef') ?? {}, 'fields').at(-2))
  return qualifiers.includes(alias) && (qualifiers.includes(other) || qualifiers.includes(undefined))
}

/** `ARRAY(SELECT column FROM the same table)`. */
export function isArrayOfTarget(array: unknown, test: unknown, table: ChangedTable): boolean {
  const link = asKind(array, 'SubLink')
  if (link === null || stringOf(link, 'subLinkType') !== 'ARRAY_SUBLINK') return false
  const select = asKind(link['subselect'], 'SelectStmt')
  return select !== null && isWholeTarget(select, test, table)
}

/** A query that gives no row, whatever there is. */
export function givesNothing(select: Tree): boolean {
  const condition = constantOf(select['whereClause'])
  return condition !== null && (condition.value === false || condition.value === null)
}

/** What a query of one row or one FROM gives for each: its target list, or the only row of VALUES. */
function valuesOf(select: Tree): readonly unknown[] {
  const [row, ...rows] = treesIn(select, 'valuesLists')
  if (row !== undefined) return rows.length > 0 ? [] : treesIn(asKind(row, 'List') ?? {}, 'items')
  return treesIn(select, 'targetList').map(item => asKind(item, 'ResTarget')?.['val'])
}

function isWhole(item: Tree, table: ChangedTable, depth: number): boolean {
  const inside = asKind(item, 'RangeSubselect')
  if (inside !== null) return givesAll(asKind(inside['subquery'], 'SelectStmt') ?? {}, table, depth + 1)
  const range = asKind(item, 'RangeVar')
  if (range === null) return false
  const query = stringOf(range, 'schemaname') === '' ? table.ctes.query(stringOf(range, 'relname')) : null
  return query === null ? isSameName(range, table.target) : givesAll(query, table, depth + 1)
}

function givesAll(select: Tree, table: ChangedTable, depth: number): boolean {
  const [from, ...more] = treesIn(select, 'fromClause')
  if (from === undefined || more.length > 0 || depth > MAX_DEPTH || isBounded(select)) return false
  if (isTree(select['whereClause']) && constantOf(select['whereClause'])?.value !== true) return false
  const inner = withQueries(select, table)
  return isWhole(from, inner, depth)
}

function withQueries(select: Tree, table: ChangedTable): ChangedTable {
  const queries = treesIn(treeOf(select, 'withClause') ?? {}, 'ctes').map(item => asKind(item, 'CommonTableExpr') ?? {})
  if (queries.length === 0) return table
  const ctes = table.ctes.inner()
  for (const query of queries) ctes.add(stringOf(query, 'ctename'), asKind(query['ctequery'], 'SelectStmt'))
  return { ...table, ctes }
}

function onlyRange(select: Tree): Tree | null {
  const [from, ...more] = treesIn(select, 'fromClause')
  return more.length > 0 ? null : asKind(from, 'RangeVar')
}

function isSameName(range: Tree, target: Tree | null): boolean {
  return target !== null && stringOf(range, 'relname') === stringOf(target, 'relname')
}

/** Only a part of its rows comes out, or what comes out is made of several. `LIMIT ALL` is none. */
function isBounded(select: Tree): boolean {
  const limit = select['limitCount']
  const isLimited = isTree(limit) && constantOf(limit)?.value !== null
  // DISTINCT ON keeps one row of several; DISTINCT alone stands as an empty item.
  const isThinned = treesIn(select, 'distinctClause').some(item => Object.keys(item).length > 0)
  return isLimited || isThinned || BOUNDS.some(field => select[field] !== undefined) || isTree(select['larg'])
}
