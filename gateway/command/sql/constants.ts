// Values that a text spells out: literals, and comparisons and logic over literals. null where a value cannot be told.
import { asKind, isTree, namesIn, numberOf, stringOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** A value known from the text. `hasNumber`: an integer literal had a part in it. */
export interface Constant {
  readonly value: string | number | boolean | null
  readonly hasNumber: boolean
}

export function constantOf(node: unknown): Constant | null {
  const literal = asKind(node, 'A_Const')
  if (literal !== null) return literalOf(literal)
  const cast = asKind(node, 'TypeCast')
  if (cast !== null) return castOf(cast)
  const bool = asKind(node, 'BoolExpr')
  if (bool !== null) return logicOf(bool)
  const expression = asKind(node, 'A_Expr')
  return expression === null ? null : comparisonOf(expression)
}

/** The same expression, position in the text aside. Spelled the same, so the same value for one row (volatile functions aside). */
export function isSameExpression(one: unknown, other: unknown): boolean {
  if (!isTree(one) || !isTree(other)) return false
  const column = asKind(one, 'ColumnRef')
  const second = asKind(other, 'ColumnRef')
  if (column !== null && second !== null) return isSameColumn(namesIn(column, 'fields'), namesIn(second, 'fields'))
  return JSON.stringify(one, withoutPosition) === JSON.stringify(other, withoutPosition)
}

/** `orders.id` and `id` are the same column: were there two, the server would call the bare one ambiguous. */
function isSameColumn(one: readonly string[], other: readonly string[]): boolean {
  const length = Math.min(one.length, other.length)
  return length > 0 && one.slice(-length).join('.') === other.slice(-length).join('.')
}

/** The same but for integers, of which there is at least one. */
export function hasSameShape(one: unknown, other: unknown): boolean {
  const shape = JSON.stringify(one, withoutIntegers)
  return shape !== undefined && shape === JSON.stringify(other, withoutIntegers) && shape.includes('"ival"')
}

function withoutIntegers(key: string, value: unknown): unknown {
  return key === 'ival' ? 0 : withoutPosition(key, value)
}

function withoutPosition(key: string, value: unknown): unknown {
  return key === 'location' || /^(rexpr_)?list_(start|end)$/.test(key) ? undefined : value
}

function literalOf(literal: Tree): Constant | null {
  if (literal['isnull'] === true) return { value: null, hasNumber: false }
  const { ival, fval, boolval, sval } = literal
  if (isTree(ival)) return { value: numberOf(ival, 'ival'), hasNumber: true }
  if (isTree(fval)) return { value: Number(stringOf(fval, 'fval')), hasNumber: true }
  if (isTree(boolval)) return { value: boolval['boolval'] === true, hasNumber: false }
  if (isTree(sval)) return { value: stringOf(sval, 'sval'), hasNumber: false }
  return null
}

/** To boolean, text or number; other types may compare otherwise than their text. */
function castOf(cast: Tree): Constant | null {
  const inner = constantOf(cast['arg'])
  const type = isTree(cast['typeName']) ? (namesIn(cast['typeName'], 'names').at(-1) ?? '') : ''
  if (inner === null || inner.value === null) return inner
  if (type === 'bool') {
    const text = String(inner.value).trim().toLowerCase()
    if (/^(t|tr|tru|true|y|ye|yes|on|1)$/.test(text)) return { ...inner, value: true }
    if (/^(f|fa|fal|fals|false|n|no|of|off|0)$/.test(text)) return { ...inner, value: false }
    return typeof inner.value === 'number' ? { ...inner, value: inner.value !== 0 } : null
  }
  if (['int2', 'int4', 'int8', 'numeric', 'float4', 'float8'].includes(type)) {
    const value = typeof inner.value === 'boolean' ? Number(inner.value) : Number(inner.value)
    return Number.isFinite(value) ? { ...inner, value } : null
  }
  return type === 'text' || type === 'varchar' ? { ...inner, value: String(inner.value) } : null
}

function logicOf(bool: Tree): Constant | null {
  const args = treesIn(bool, 'args').map(arg => constantOf(arg))
  const hasNumber = args.some(arg => arg?.hasNumber === true)
  const values = args.map(arg => (arg === null ? undefined : arg.value === null ? null : toBoolean(arg.value)))
  switch (stringOf(bool, 'boolop')) {
    case 'NOT_EXPR':
      if (values[0] === undefined) return null
      return { value: values[0] === null ? null : !values[0], hasNumber }
    case 'AND_EXPR':
      if (values.includes(false)) return { value: false, hasNumber }
      if (values.includes(undefined)) return null
      return { value: values.includes(null) ? null : true, hasNumber }
    default:
      if (values.includes(true)) return { value: true, hasNumber }
      if (values.includes(undefined)) return null
      return { value: values.includes(null) ? null : false, hasNumber }
  }
}

function toBoolean(value: string | number | boolean): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (/^(t|true|y|yes|on|1)$/i.test(String(value).trim())) return true
  return /^(f|false|n|no|off|0)$/i.test(String(value).trim()) ? false : undefined
}

function comparisonOf(expression: Tree): Constant | null {
  const name = namesIn(expression, 'name').at(-1) ?? ''
  const left = constantOf(expression['lexpr'])
  if (left === null) return null
  if (stringOf(expression, 'kind') === 'AEXPR_IN') {
    const items = treesIn(asKind(expression['rexpr'], 'List') ?? {}, 'items').map(item => constantOf(item))
    if (items.includes(null)) return null
    const isIn = items.some(item => item !== null && compare(left.value, '=', item.value) === true)
    return { value: name === '=' ? isIn : !isIn, hasNumber: true }
  }
  const right = constantOf(expression['rexpr'])
  if (right === null) return null
  const hasNumber = left.hasNumber || right.hasNumber
  switch (stringOf(expression, 'kind')) {
    case 'AEXPR_OP': {
      const value = compare(left.value, name, right.value)
      return value === undefined ? null : { value, hasNumber }
    }
    case 'AEXPR_DISTINCT':
      return { value: left.value !== right.value, hasNumber }
    case 'AEXPR_NOT_DISTINCT':
      return { value: left.value === right.value, hasNumber }
    default:
      return null
  }
}

/** undefined = not known: numbers against strings, or an operator that is not a comparison. */
function compare(left: Constant['value'], operator: string, right: Constant['value']): boolean | null | undefined {
  if (left === null || right === null) return null
  const [one, other] = typeof left === typeof right ? [left, right] : [Number(left), Number(right)]
  if (typeof one === 'number' && (Number.isNaN(one) || Number.isNaN(other))) return undefined
  switch (operator) {
    case '=':
      return one === other
    case '<>':
    case '!=':
      return one !== other
    case '<':
      // How strings sort depends on the collation.
      return typeof one === 'string' ? undefined : one < other
    case '>':
      return typeof one === 'string' ? undefined : one > other
    case '<=':
      return typeof one === 'string' ? undefined : one <= other
    case '>=':
      return typeof one === 'string' ? undefined : one >= other
    default:
      return undefined
  }
}
