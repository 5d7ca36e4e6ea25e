// Conditions that look at a row and yet leave none out: patterns that match any text, values that are never NULL.
import { constantOf } from './constants.ts'
import { asKind, isTree, namesIn, stringOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** LIKE '%' and the like. */
export function isAnyPattern(node: unknown): boolean {
  // `LIKE '%' ESCAPE '!'`: the parser writes the pattern as a call.
  const call = asKind(node, 'FuncCall')
  if (call !== null && namesIn(call, 'funcname').at(-1) === 'like_escape') return isAnyPattern(treesIn(call, 'args')[0])
  const value = textOf(node)
  return value !== null && /^%+$/.test(value)
}

/** `x ~ ''`, `x ~ '.*'`, `x ^@ ''`, `x >= ''`: true for every text. */
export function takesAnyText(operator: string, left: unknown, right: unknown): boolean {
  const value = textOf(right)
  switch (operator) {
    case '~':
    case '~*':
      return value !== null && /^\^?(\.\*\??)*\$?$/.test(value)
    case '~~':
    case '~~*':
      return isAnyPattern(right)
    case '^@':
    case '>=':
      return value === ''
    case '<=':
      return textOf(left) === ''
    default:
      return false
  }
}

/** `x SIMILAR TO '%'`: the parser writes the pattern as a call. */
export function isAnySimilar(node: unknown): boolean {
  const call = asKind(node, 'FuncCall')
  return call !== null && namesIn(call, 'funcname').at(-1) === 'similar_to_escape' && isAnyPattern(treesIn(call, 'args')[0])
}

/** `starts_with(x, '')`, `regexp_like(x, '')`. */
export function isCallForAny(call: Tree): boolean {
  const [, pattern] = treesIn(call, 'args')
  const name = namesIn(call, 'funcname').at(-1)
  if (name === 'starts_with') return textOf(pattern) === ''
  return name === 'regexp_like' && takesAnyText('~', null, pattern)
}

/** Operators that give NULL for NULL only. */
const strictOperators: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '%'])

/** @param isNotNull true for a column that holds no NULL. */
export function isNeverNull(node: unknown, isNotNull: (column: Tree) => boolean): boolean {
  const constant = constantOf(node)
  if (constant !== null) return constant.value !== null
  const found = unwrap(node)
  if (found === null) return false
  const { kind, fields } = found
  const isSure = (inner: unknown): boolean => isNeverNull(inner, isNotNull)
  switch (kind) {
    case 'ColumnRef':
      return isNotNull(fields)
    case 'TypeCast':
    case 'CollateClause':
      return isSure(fields['arg'])
    case 'CoalesceExpr':
      return treesIn(fields, 'args').some(isSure)
    case 'NullTest':
    case 'BooleanTest':
      return true
    case 'BoolExpr':
      return treesIn(fields, 'args').every(isSure)
    case 'A_Expr':
      if (/^AEXPR_(NOT_)?DISTINCT$/.test(stringOf(fields, 'kind'))) return true
      if (stringOf(fields, 'kind') !== 'AEXPR_OP' || !strictOperators.has(namesIn(fields, 'name').join('.'))) return false
      return (fields['lexpr'] === undefined || isSure(fields['lexpr'])) && isSure(fields['rexpr'])
    default:
      return false
  }
}

/** `(SELECT x)` without FROM is x; null when there is more to it. */
export function bareSelect(node: unknown): Tree | null {
  const select = asKind(node, 'SelectStmt')
  if (select === null || stringOf(select, 'op') !== 'SETOP_NONE') return null
  const isBare = Object.keys(select).every(field => ['targetList', 'limitOption', 'op'].includes(field))
  return isBare && isTree(select) ? select : null
}

function textOf(node: unknown): string | null {
  const value = constantOf(node)?.value
  return typeof value === 'string' ? value : null
}

/** Functions whose result is never below zero. */
const neverNegative: ReadonlySet<string> = new Set([
  'length',
  'char_length',
  'character_length',
  'octet_length',
  'bit_length',
  'abs',
  'cardinality',
])

/** `length(x) >= 0`, `abs(x) > -1`. */
export function isNeverBelow(operator: string, left: unknown, right: unknown): boolean {
  const call = asKind(left, 'FuncCall')
  const value = constantOf(right)?.value
  if (call === null || typeof value !== 'number' || !neverNegative.has(namesIn(call, 'funcname').at(-1) ?? '')) return false
  return (operator === '>=' && value <= 0) || (operator === '>' && value < 0)
}

/** `ARRAY[]`, `'{}'`, with or without a type. */
export function isEmptyArray(node: unknown): boolean {
  const array = asKind(node, 'A_ArrayExpr')
  if (array !== null) return treesIn(array, 'elements').length === 0
  const cast = asKind(node, 'TypeCast')
  return cast === null ? textOf(node)?.trim() === '{}' : isEmptyArray(cast['arg'])
}

/** Numbers that an operator leaves its left side alone with. */
const identities: Readonly<Record<string, number | string>> = { '+': 0, '-': 0, '*': 1, '/': 1, '||': '' }

/** `x + 0`, `x * 1`, `x || ''` as x. */
export function withoutIdentity(node: unknown): unknown {
  const expression = asKind(node, 'A_Expr')
  if (expression === null || stringOf(expression, 'kind') !== 'AEXPR_OP') return node
  const operator = namesIn(expression, 'name').join('.')
  const identity = identities[operator]
  if (identity === undefined || expression['lexpr'] === undefined) return node
  if (constantOf(expression['rexpr'])?.value === identity) return withoutIdentity(expression['lexpr'])
  const isEither = operator !== '-' && operator !== '/'
  return isEither && constantOf(expression['lexpr'])?.value === identity ? withoutIdentity(expression['rexpr']) : node
}
