// Comparisons that leave no value out: by themselves (below the largest number there is), or joined by OR.
import { constantOf } from './constants.ts'
import { asKind, isTree, namesIn, stringOf, treesIn } from './syntax-tree.ts'

type Same = (one: unknown, other: unknown) => boolean

/** `x < 5`: the constant stands on the right, whichever side it was written on. */
interface Comparison {
  readonly of: unknown
  readonly operator: string
  readonly value: string | number | boolean
}

const mirrored: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '=': '=', '<>': '<>', '!=': '<>' }
const negated: Readonly<Record<string, string>> = { '<': '>=', '>=': '<', '>': '<=', '<=': '>', '=': '<>', '<>': '=' }

function comparisonOf(node: unknown): Comparison | null {
  const expression = asKind(node, 'A_Expr')
  if (expression === null || stringOf(expression, 'kind') !== 'AEXPR_OP') return null
  const operator = namesIn(expression, 'name').join('.')
  const { lexpr, rexpr } = expression
  const [left, right] = [constantOf(lexpr)?.value ?? null, constantOf(rexpr)?.value ?? null]
  const other = mirrored[operator]
  if (other === undefined || (left === null) === (right === null)) return null
  if (right !== null) return { of: lexpr, operator: operator === '!=' ? '<>' : operator, value: right }
  return left === null ? null : { of: rexpr, operator: other, value: left }
}

/** Numbers decide whether these two leave anything out together. */
export function dependOnNumbers(one: unknown, other: unknown): boolean {
  const [first, second] = [comparisonOf(one), comparisonOf(other)]
  return first !== null && second !== null && !(first.operator === '=' && second.operator === '=')
}

/** Two conditions of which one is always true: `x <> 1` and `x <> 2`, `x > 1` and `x < 5`. @param isNegated each is meant with NOT. */
export function coverEverything(one: unknown, other: unknown, same: Same, isNegated = false): boolean {
  const [first, second] = [comparisonOf(one), comparisonOf(other)]
  if (first === null || second === null || !same(first.of, second.of)) return false
  const operators = [first, second].map(({ operator }) => (isNegated ? (negated[operator] ?? '') : operator))
  const [a = '', b = ''] = operators
  if (a === '<>' && b === '<>') return first.value !== second.value
  const [x, y] = [Number(first.value), Number(second.value)]
  if (typeof first.value !== typeof second.value || Number.isNaN(x) || Number.isNaN(y)) return false
  if (a === '<>') return holds(x, b, y)
  if (b === '<>') return holds(y, a, x)
  if (a.startsWith('<') && b.startsWith('>')) return y < x || (y === x && (a === '<=' || b === '>='))
  if (a.startsWith('>') && b.startsWith('<')) return x < y || (y === x && (a === '>=' || b === '<='))
  return false
}

function holds(value: number, operator: string, bound: number): boolean {
  switch (operator) {
    case '=':
      return value === bound
    case '<':
      return value < bound
    case '<=':
      return value <= bound
    case '>':
      return value > bound
    case '>=':
      return value >= bound
    default:
      return false
  }
}

const SMALLINT = 21
const INTEGER = 23
const BIGINT = 20
const FLOATS: ReadonlySet<number> = new Set([700, 701, 1700])
const TID = 27
/** The smallest and the largest value of a type. */
const bounds: ReadonlyMap<number, readonly [number, number]> = new Map([
  [SMALLINT, [-32_768, 32_767]],
  [INTEGER, [-2_147_483_648, 2_147_483_647]],
  [BIGINT, [-(2 ** 63), 2 ** 63]],
])

/** `x >= -2147483648`, `x <= 'infinity'`, `ctid >= '(0,0)'`. @param type of x, 0 = not known. */
export function leavesNoValueOut(node: unknown, typeOf: (of: unknown) => number): boolean {
  const found = comparisonOf(node)
  if (found === null) return false
  const { operator, value } = found
  const type = typeOf(found.of)
  const isUpper = operator.startsWith('<') && operator !== '<>'
  const isLower = operator.startsWith('>')
  if (!isUpper && !isLower) return false
  if (typeof value === 'string') {
    const text = value.trim().toLowerCase()
    if (type === TID) return isLower && /^\(0,[01]\)$/.test(text) && (operator === '>=' || text === '(0,0)')
    if (!(isUpper ? /^\+?inf(inity)?$/ : /^-inf(inity)?$/).test(text)) return asNumber(text, type, operator)
    // Of dates, some may be infinite on purpose.
    return operator.endsWith('=') || FLOATS.has(type) || bounds.has(type)
  }
  return typeof value === 'number' && isBeyond(value, type, operator)
}

function asNumber(text: string, type: number, operator: string): boolean {
  return bounds.has(type) && /^[-+]?\d+$/.test(text) && isBeyond(Number(text), type, operator)
}

function isBeyond(value: number, type: number, operator: string): boolean {
  const [low, high] = bounds.get(type) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  switch (operator) {
    case '>=':
      return value <= low
    case '>':
      return value < low
    case '<=':
      return value >= high
    case '<':
      return value > high
    default:
      return false
  }
}

/** `x + 1 > x`, `x - x = 0`, `x * 0 = 0`, `x % 1 = 0`: decided without x. null = it is not. */
export function ofItself(operator: string, left: unknown, right: unknown, same: Same): boolean | null {
  const known = [constantOf(left)?.value ?? nothingOf(left, same), constantOf(right)?.value ?? nothingOf(right, same)]
  const isFolded = constantOf(left) === null || constantOf(right) === null
  const [one, other] = known
  if (isFolded && typeof one === 'number' && typeof other === 'number') return decided(one, operator, other)
  const [first, second] = [shifted(left), shifted(right)]
  if (first.by === second.by || !same(first.of, second.of)) return null
  return decided(first.by, operator, second.by)
}

function decided(one: number, operator: string, other: number): boolean | null {
  if (operator === '<>' || operator === '!=') return one !== other
  return mirrored[operator] === undefined ? null : holds(one, operator, other)
}

/** The number that an expression comes to whatever its column holds; null = none. */
function nothingOf(node: unknown, same: Same): number | null {
  const expression = asKind(node, 'A_Expr')
  if (expression === null) return positionOf(node)
  if (stringOf(expression, 'kind') !== 'AEXPR_OP' || !isTree(expression['lexpr'])) return null
  const [left, right] = [constantOf(expression['lexpr'])?.value, constantOf(expression['rexpr'])?.value]
  switch (namesIn(expression, 'name').join('.')) {
    case '-':
      return same(expression['lexpr'], expression['rexpr']) ? 0 : null
    case '*':
      return left === 0 || right === 0 ? 0 : null
    case '%':
      return right === 1 || right === -1 ? 0 : null
    default:
      return null
  }
}

/** Nothing is found at the beginning of every text. */
function positionOf(node: unknown): number | null {
  const call = asKind(node, 'FuncCall')
  if (call === null || !['position', 'strpos'].includes(namesIn(call, 'funcname').at(-1) ?? '')) return null
  return constantOf(treesIn(call, 'args')[1])?.value === '' ? 1 : null
}

/** `x + 1` as x and 1. */
function shifted(node: unknown): { readonly of: unknown; readonly by: number } {
  const expression = asKind(node, 'A_Expr')
  const operator = expression === null ? '' : namesIn(expression, 'name').join('.')
  if (expression === null || stringOf(expression, 'kind') !== 'AEXPR_OP' || !['+', '-'].includes(operator)) return { of: node, by: 0 }
  const { lexpr, rexpr } = expression
  const right = constantOf(rexpr)?.value
  if (isTree(lexpr) && typeof right === 'number') return { of: lexpr, by: operator === '+' ? right : -right }
  const left = constantOf(lexpr)?.value
  return typeof left === 'number' && operator === '+' ? { of: rexpr, by: left } : { of: node, by: 0 }
}

/** A condition next to a truth value that decides: `true >= x`, `greatest(true, x)`, `x IN (true, false)`. null = it is none of those. */
export function ofTruths(node: unknown): boolean | null {
  const extreme = asKind(node, 'MinMaxExpr')
  if (extreme !== null) {
    const wanted = stringOf(extreme, 'op') === 'IS_GREATEST'
    return treesIn(extreme, 'args').some(arg => truthOf(arg) === wanted) ? wanted : null
  }
  const expression = asKind(node, 'A_Expr')
  if (expression === null) return null
  const operator = namesIn(expression, 'name').join('.')
  if (stringOf(expression, 'kind') === 'AEXPR_IN') {
    const truths = new Set(treesIn(asKind(expression['rexpr'], 'List') ?? {}, 'items').map(truthOf))
    return truths.has(true) && truths.has(false) ? operator === '=' : null
  }
  if (stringOf(expression, 'kind') !== 'AEXPR_OP') return null
  const [left, right] = [truthOf(expression['lexpr']), truthOf(expression['rexpr'])]
  const isSure = (operator === '>=' && (left === true || right === false)) || (operator === '<=' && (right === true || left === false))
  return isSure ? true : null
}

function truthOf(node: unknown): boolean | null {
  const value = constantOf(node)?.value
  return typeof value === 'boolean' ? value : null
}
