// Expressions: which masked columns their value is made of. Whatever is not known by name counts as made of all it contains.
import { readTaintCall, readTaintCast, readTaintNotation, readTaintOperator } from './taint-calls.ts'
import type { TaintReader } from './taint-reader.ts'
import { itemNamed, lookUp, lookUpIn } from './taint-scope.ts'
import type { Scope } from './taint-scope.ts'
import { derived, join, joinAll, rowTaint } from './taint.ts'
import type { MaybeTaint } from './taint.ts'
import { asKind, isTree, namesIn, stringOf, treeOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

export function readTaintExpression(reader: TaintReader, node: unknown, scope: Scope): MaybeTaint {
  if (Array.isArray(node)) return derived(joinAll(node.map(item => reader.expression(item, scope))))
  const wrapped = unwrap(node)
  if (wrapped === null) return null
  const taint = taintOfKind(reader, wrapped.kind, wrapped.fields, scope)
  reader.touch(taint)
  return taint
}

function taintOfKind(reader: TaintReader, kind: string, fields: Tree, scope: Scope): MaybeTaint {
  switch (kind) {
    case 'A_Const':
    case 'ParamRef':
    case 'SetToDefault':
    case 'SQLValueFunction':
    case 'GroupingFunc':
    case 'MergeSupportFunc':
    case 'CurrentOfExpr':
    case 'String':
    case 'Integer':
      return null
    case 'ColumnRef':
      return taintOfColumn(reader, fields, scope)
    case 'A_Indirection':
      return taintOfIndirection(reader, fields, scope)
    case 'FuncCall':
      return readTaintCall(reader, fields, scope)
    case 'TypeCast':
      return readTaintCast(reader, fields, scope)
    case 'CollateClause':
    case 'NamedArgExpr':
      return reader.expression(fields['arg'], scope)
    case 'NullTest':
      // Whether there is a value is not the value.
      reader.condition(fields['arg'], scope)
      return null
    case 'A_Expr':
      return taintOfOperator(reader, fields, scope)
    case 'SubLink':
      return taintOfSubquery(reader, fields, scope)
    case 'MultiAssignRef':
      return derived(reader.expression(fields['source'], scope))
    case 'ResTarget':
      return reader.expression(fields['val'], scope)
    case 'SelectStmt':
      return rowTaint(reader.query({ SelectStmt: fields }, scope))
    case 'RangeVar':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return reader.refuse(null, `a ${kind} inside an expression`, 'write it in a simpler form')
    default:
      return taintOfFields(reader, fields, scope)
  }
}

/** The union of all that the fields of a node contain. */
export function taintOfFields(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  let taint: MaybeTaint = null
  for (const name in fields) {
    const value = fields[name]
    if (typeof value !== 'object' || value === null) continue
    taint = join(taint, taintOfField(reader, value, scope))
  }
  return derived(taint)
}

/** A field holds a wrapped node, a list, or the fields of a node whose kind the name of the field says. */
function taintOfField(reader: TaintReader, value: object, scope: Scope): MaybeTaint {
  if (Array.isArray(value)) return derived(joinAll(value.map(item => (isTree(item) ? taintOfField(reader, item, scope) : null))))
  if (!isTree(value)) return null
  const [first] = Object.keys(value)
  if (first === undefined) return null
  return /^[A-Z]/.test(first) ? reader.expression(value, scope) : taintOfFields(reader, value, scope)
}

function taintOfColumn(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  const names = namesIn(fields, 'fields')
  const isStar = treesIn(fields, 'fields').some(field => 'A_Star' in field)
  const last = names.at(-1)
  if (last === undefined) return derived(joinAll(scope.items.map(item => rowTaint(item.row))))
  if (isStar) {
    const item = itemNamed(scope, last)
    return item === null ? joinAll(scope.items.map(other => other.unknownColumn)) : rowTaint(item.row)
  }
  const qualifier = names.at(-2)
  if (qualifier === undefined) return lookUp(scope, last).taint
  const found = lookUpIn(scope, qualifier, last)
  if (found.isFound) return found.taint
  // Functional notation: `c.f` is f(c) when c has no column f.
  const item = itemNamed(scope, qualifier)
  return join(found.taint, readTaintNotation(reader, last, item === null ? null : join(rowTaint(item.row), item.unknownColumn)))
}

/** `(value).field`, `value[subscript]`. */
function taintOfIndirection(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  const subscripts = treesIn(fields, 'indirection')
  const [field] = namesIn(fields, 'indirection')
  const column = asKind(fields['arg'], 'ColumnRef')
  const alias = column === null ? [] : namesIn(column, 'fields')
  let taint: MaybeTaint
  const item = alias.length === 1 && alias[0] !== undefined ? itemNamed(scope, alias[0]) : null
  if (
    item !== null &&
    field !== undefined &&
    subscripts.length === 1 &&
    !lookUp({ ...scope, items: scope.items.map(one => ({ ...one, alias: null })), outer: null }, alias[0] ?? '').isFound
  ) {
    const found = lookUpIn(scope, alias[0] ?? '', field)
    if (found.isFound) return found.taint
    taint = join(rowTaint(item.row), item.unknownColumn)
  } else taint = derived(reader.expression(fields['arg'], scope))
  for (const subscript of subscripts) {
    const indices = asKind(subscript, 'A_Indices')
    if (indices !== null) taint = join(taint, derived(taintOfFields(reader, indices, scope)))
  }
  for (const name of namesIn(fields, 'indirection')) taint = join(taint, readTaintNotation(reader, name, taint))
  return derived(taint)
}

function taintOfOperator(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  const operands = join(reader.expression(fields['lexpr'], scope), reader.expression(fields['rexpr'], scope))
  const names = namesIn(fields, 'name')
  return derived(join(operands, readTaintOperator(reader, names, operands)))
}

function taintOfSubquery(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  const row = reader.query(fields['subselect'], { items: [], outer: scope, ctes: scope.ctes })
  const test = reader.expression(fields['testexpr'], scope)
  switch (stringOf(fields, 'subLinkType')) {
    case 'EXISTS_SUBLINK':
      return null
    case 'EXPR_SUBLINK':
      return row.columns.length === 1 && !row.isOpen ? (row.columns[0]?.taint ?? null) : rowTaint(row)
    default:
      return derived(join(test, join(rowTaint(row), readTaintOperator(reader, namesIn(fields, 'operName'), test))))
  }
}

/** The name PostgreSQL gives to an output column without AS; null when it is not worked out here. */
export function outputName(node: unknown): string | null {
  const wrapped = unwrap(node)
  if (wrapped === null) return null
  const { kind, fields } = wrapped
  switch (kind) {
    case 'ColumnRef':
      return namesIn(fields, 'fields').at(-1) ?? null
    case 'A_Indirection':
      return namesIn(fields, 'indirection').at(-1) ?? outputName(fields['arg'])
    case 'FuncCall':
      return namesIn(fields, 'funcname').at(-1) ?? null
    case 'CollateClause':
      return outputName(fields['arg'])
    case 'TypeCast': {
      const inner = outputName(fields['arg'])
      const type = treeOf(fields, 'typeName')
      return inner ?? (type === null ? null : (namesIn(type, 'names').at(-1) ?? null))
    }
    case 'CoalesceExpr':
      return 'coalesce'
    case 'RowExpr':
      return 'row'
    case 'A_ArrayExpr':
      return 'array'
    case 'A_Expr':
    case 'A_Const':
    case 'BoolExpr':
    case 'NullTest':
    case 'ParamRef':
      return '?column?'
    default:
      return null
  }
}
