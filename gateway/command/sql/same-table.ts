// Conditions that ask the very table that is changed: every row finds itself there.
import { constantOf } from './constants.ts'
import { asKind, isTree, namesIn, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

const BOUNDS = ['limitCount', 'limitOffset', 'havingClause', 'groupClause', 'larg'] as const

/** `SELECT column FROM the same table`, all of it. */
export function isWholeTarget(select: Tree, test: unknown, target: Tree | null): boolean {
  const range = onlyRange(select)
  if (range === null || !isSameName(range, target) || !isUnfiltered(select)) return false
  const [only, ...others] = treesIn(select, 'targetList')
  const column = asKind(asKind(only, 'ResTarget')?.['val'], 'ColumnRef')
  const tested = asKind(test, 'ColumnRef')
  if (others.length > 0 || column === null || tested === null) return false
  return namesIn(column, 'fields').at(-1) === namesIn(tested, 'fields').at(-1)
}

/** `EXISTS (SELECT … FROM the same table AS other WHERE other.id = orders.id)`. @param alias of the table that is changed. */
export function findsItself(select: Tree, target: Tree | null, alias: string): boolean {
  const range = onlyRange(select)
  if (range === null || !isSameName(range, target) || BOUNDS.some(field => select[field] !== undefined)) return false
  const condition = asKind(select['whereClause'], 'A_Expr')
  if (condition === null || stringOf(condition, 'kind') !== 'AEXPR_OP' || namesIn(condition, 'name').join('.') !== '=') return false
  const other = stringOf(treeOf(range, 'alias') ?? {}, 'aliasname')
  const sides = [condition['lexpr'], condition['rexpr']].map(side => namesIn(asKind(side, 'ColumnRef') ?? {}, 'fields'))
  const [left, right] = [sides[0] ?? [], sides[1] ?? []]
  if (left.length === 0 || left.at(-1) !== right.at(-1)) return false
  const qualifiers = [left.at(-2), right.at(-2)]
  return other !== '' && qualifiers.includes(alias) && (qualifiers.includes(other) || qualifiers.includes(undefined))
}

/** `ARRAY(SELECT column FROM the same table)`. */
export function isArrayOfTarget(array: unknown, test: unknown, target: Tree | null): boolean {
  const link = asKind(array, 'SubLink')
  if (link === null || stringOf(link, 'subLinkType') !== 'ARRAY_SUBLINK') return false
  const select = asKind(link['subselect'], 'SelectStmt')
  return select !== null && isWholeTarget(select, test, target)
}

/** A query that gives no row, whatever there is. */
export function givesNothing(select: Tree): boolean {
  const condition = constantOf(select['whereClause'])
  return condition !== null && (condition.value === false || condition.value === null)
}

function onlyRange(select: Tree): Tree | null {
  const [from, ...more] = treesIn(select, 'fromClause')
  return more.length > 0 ? null : asKind(from, 'RangeVar')
}

function isSameName(range: Tree, target: Tree | null): boolean {
  return target !== null && stringOf(range, 'relname') === stringOf(target, 'relname')
}

function isUnfiltered(select: Tree): boolean {
  if (BOUNDS.some(field => select[field] !== undefined)) return false
  return !isTree(select['whereClause']) || constantOf(select['whereClause'])?.value === true
}
