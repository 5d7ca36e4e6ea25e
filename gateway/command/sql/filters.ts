// Does a WHERE leave any row out? Decided without values of columns: a condition that does not look at the row is true for all or none.
import type { CatalogRelation } from './catalog.ts'
import type { SqlReader } from './sql-reader.ts'
import { asKind, isTree, namesIn, stringOf, treeOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'
import { constantOf, hasSameShape, isSameExpression } from './constants.ts'
import {
  bareSelect,
  isAnyPattern,
  isAnySimilar,
  isCallForAny,
  isEmptyArray,
  isNeverBelow,
  isNeverNull,
  takesAnyText,
  withoutIdentity,
} from './match-all.ts'
import { coverEverything, dependOnNumbers, leavesNoValueOut, ofItself, ofTruths } from './ranges.ts'
import { findsItself, givesNothing, isArrayOfTarget, isOwnValue, isWholeTarget } from './same-table.ts'
import type { ChangedTable } from './same-table.ts'

/**
 * `all`: true for every row (rows with NULL aside). `none`: true for no row. `fixed`: the same for every row, but which is not
 * known. `row`: depends on the row.
 */
export type Filter = 'all' | 'none' | 'fixed' | 'row'

/** Only a condition that depends on the row, or is never true, counts as a filter. */
export function filtersRows(filter: Filter): boolean {
  return filter === 'row' || filter === 'none'
}

/** @param target the relation whose rows are changed. @param condition the WHERE or ON; absent = every row. */
export function filterOf(reader: SqlReader, target: Tree | null, condition: unknown): Filter {
  if (!isTree(condition)) return 'all'
  return new FilterReader(reader, target).filter(condition)
}

/** The type of ctid. */
const TID = 27

const systemColumns: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

const opposites: Readonly<Record<string, string>> = Object.fromEntries(
  [
    '= <>',
    '<> =',
    '!= =',
    '< >=',
    '>= <',
    '> <=',
    '<= >',
    '~ !~',
    '!~ ~',
    '~* !~*',
    '!~* ~*',
    '~~ !~~',
    '!~~ ~~',
    '~~* !~~*',
    '!~~* ~~*',
  ].map(pair => pair.split(' ')),
)

class FilterReader {
  readonly #reader: SqlReader
  /** The name by which columns of the target are qualified. */
  readonly #alias: string
  readonly #target: Tree | null
  readonly #table: ChangedTable

  /** The same expression. Where only integers differ, another text of the same shape would be decided otherwise. */
  readonly #same: Same = (one, other) => {
    if (hasSameShape(one, other)) this.#reader.reading.isLiteralSensitive = true
    return isSameExpression(one, other)
  }

  constructor(reader: SqlReader, target: Tree | null) {
    this.#reader = reader
    this.#target = target
    this.#table = { target, ctes: reader.ctes }
    const alias = target === null ? null : treeOf(target, 'alias')
    this.#alias = alias !== null ? stringOf(alias, 'aliasname') : stringOf(target ?? {}, 'relname')
  }

  filter(node: unknown): Filter {
    const constant = constantOf(node)
    if (constant !== null) {
      if (constant.hasNumber) this.#reader.reading.isLiteralSensitive = true
      return isTrue(constant.value) ? 'all' : 'none'
    }
    const sure = ofTruths(node)
    if (sure !== null) return sure ? 'all' : 'none'
    const found = unwrap(node)
    if (found === null) return 'fixed'
    const { kind, fields } = found
    switch (kind) {
      case 'BoolExpr':
        return this.#bool(fields)
      case 'A_Expr':
        return this.#comparison(fields)
      case 'NullTest':
        return this.#nullTest(fields)
      case 'BooleanTest':
        return this.#booleanTest(fields)
      case 'SubLink':
        return this.#subquery(fields)
      case 'CurrentOfExpr':
        return 'row'
      case 'TypeCast':
      case 'CollateClause':
        return this.filter(fields['arg'])
      case 'CoalesceExpr':
        return this.#coalesce(fields, node)
      case 'CaseExpr':
        return this.#case(fields, node)
      case 'FuncCall':
        if (treesIn(fields, 'args').some(isParameter)) this.#reader.reading.filtersByValue = true
        return isCallForAny(fields) ? 'all' : this.#dependence(node)
      default:
        return this.#dependence(node)
    }
  }

  #bool(fields: Tree): Filter {
    const args = treesIn(fields, 'args')
    const arms = args.map(arg => this.filter(arg))
    switch (stringOf(fields, 'boolop')) {
      case 'AND_EXPR':
        if (arms.includes('none')) return 'none'
        if (arms.includes('row')) return 'row'
        return arms.includes('fixed') ? 'fixed' : 'all'
      case 'OR_EXPR':
        if (arms.includes('all') || this.#coversAll(args)) return 'all'
        if (arms.includes('fixed')) return 'fixed'
        return arms.includes('row') ? 'row' : 'none'
      default:
        return this.#negated(args[0])
    }
  }

  /** NOT of something: unknown (NULL) stays unknown, so only what is surely false becomes true. */
  #negated(arg: unknown): Filter {
    const constant = constantOf(arg)
    if (constant !== null) {
      if (constant.hasNumber) this.#reader.reading.isLiteralSensitive = true
      return isFalse(constant.value) ? 'all' : 'none'
    }
    // `NOT (a AND b)` is `NOT a OR NOT b`.
    const both = asKind(arg, 'BoolExpr')
    if (both !== null && stringOf(both, 'boolop') === 'AND_EXPR' && this.#coversAll(treesIn(both, 'args'), true)) return 'all'
    const inner = this.filter(arg)
    if (inner === 'all') return 'none'
    // `NOT (x <> x)` is true for every row without NULL.
    if (inner === 'none') return 'all'
    return inner
  }

  #comparison(fields: Tree): Filter {
    const name = namesIn(fields, 'name').at(-1) ?? ''
    const { lexpr, rexpr } = { lexpr: fields['lexpr'], rexpr: fields['rexpr'] }
    if (decidesByValue(stringOf(fields, 'kind'), name, [lexpr, rexpr])) this.#reader.reading.filtersByValue = true
    switch (stringOf(fields, 'kind')) {
      case 'AEXPR_OP': {
        // A number may be the one that lets every row through: only `column = 5` means the same with any other.
        if (!isPlain(name, lexpr, rexpr) && holdsInteger(fields)) this.#reader.reading.isLiteralSensitive = true
        const truth = this.#ofTruth(name, lexpr, rexpr)
        if (truth !== null) return truth
        if (isNeverBelow(name, lexpr, rexpr)) return this.#ofNumbers('all')
        if (leavesNoValueOut({ A_Expr: fields }, of => this.#typeOf(of))) return this.#ofNumbers('all')
        const itself = ofItself(name, lexpr, rexpr, this.#same)
        if (itself !== null) return this.#ofNumbers(itself ? 'all' : 'none')
        if (name === '=' && (isOwnValue(rexpr, lexpr, this.#table, this.#alias) || isOwnValue(lexpr, rexpr, this.#table, this.#alias)))
          return 'all'
        if (this.#same(this.#plain(lexpr), this.#plain(bare(rexpr)))) {
          if (['=', '<=', '>=', '@>', '<@'].includes(name)) return 'all'
          if (['<>', '!=', '<', '>'].includes(name)) return 'none'
        }
        if (takesAnyText(name, lexpr, rexpr)) return 'all'
        break
      }
      case 'AEXPR_NOT_DISTINCT':
        if (this.#same(lexpr, rexpr)) return 'all'
        break
      case 'AEXPR_DISTINCT':
        if (this.#same(lexpr, rexpr)) return 'none'
        if (constantOf(rexpr)?.value === null && isNeverNull(lexpr, column => this.#isNotNull(column))) return 'all'
        break
      case 'AEXPR_IN':
        if (name === '=' && itemsOf(rexpr).some(item => this.#same(lexpr, item))) return 'all'
        break
      case 'AEXPR_OP_ANY':
        if (name === '=' && itemsOf(rexpr).some(item => this.#same(lexpr, item))) return 'all'
        if (name === '=' && isArrayOfTarget(rexpr, lexpr, this.#table)) return 'all'
        break
      case 'AEXPR_OP_ALL':
        if (isEmptyArray(rexpr)) return 'all'
        if (['=', '<=', '>='].includes(name) && itemsOf(rexpr).length > 0 && itemsOf(rexpr).every(item => this.#same(lexpr, item)))
          return 'all'
        break
      case 'AEXPR_SIMILAR':
        if (isAnySimilar(rexpr) && !name.startsWith('!')) return 'all'
        break
      case 'AEXPR_LIKE':
      case 'AEXPR_ILIKE':
        if ((isAnyPattern(rexpr) || this.#same(lexpr, rexpr)) && !name.startsWith('!')) return 'all'
        break
      case 'AEXPR_BETWEEN':
      case 'AEXPR_BETWEEN_SYM': {
        const [low, high] = itemsOf(rexpr)
        const ends = [
          ['>=', low],
          ['<=', high],
        ] as const
        const arms = ends.map(([operator, bound]) => this.#comparison(comparing(lexpr, operator, bound)))
        if (arms.every(arm => arm === 'all')) return 'all'
        break
      }
    }
    return this.#dependence({ A_Expr: fields })
  }

  /** `condition = true`, `condition <> false`; null = no side is a truth value that is spelled out. */
  #ofTruth(name: string, left: unknown, right: unknown): Filter | null {
    const sides = [
      [left, right],
      [right, left],
    ] as const
    for (const [condition, value] of sides) {
      const truth = constantOf(value)?.value
      if (typeof truth !== 'boolean' || asKind(condition, 'ColumnRef') !== null) continue
      if (name === '=') return truth ? this.filter(condition) : this.#negated(condition)
      if (name === '<>' || name === '!=') return truth ? this.#negated(condition) : this.filter(condition)
    }
    return null
  }

  /** Without what changes nothing: `+ 0`, `* 1`. */
  #plain(node: unknown): unknown {
    const plain = withoutIdentity(node)
    if (plain !== node) this.#reader.reading.isLiteralSensitive = true
    return plain
  }

  #ofNumbers(filter: Filter): Filter {
    this.#reader.reading.isLiteralSensitive = true
    return filter
  }

  #nullTest(fields: Tree): Filter {
    const constant = constantOf(fields['arg'])
    const isNullWanted = stringOf(fields, 'nulltesttype') === 'IS_NULL'
    if (constant !== null) return (constant.value === null) === isNullWanted ? 'all' : 'none'
    if (isNeverNull(fields['arg'], column => this.#isNotNull(column))) return isNullWanted ? 'none' : 'all'
    return this.#dependence(fields['arg'])
  }

  #booleanTest(fields: Tree): Filter {
    const inner = this.filter(fields['arg'])
    switch (stringOf(fields, 'booltesttype')) {
      case 'IS_TRUE':
        return inner
      case 'IS_NOT_FALSE':
        return inner === 'none' ? 'fixed' : inner
      case 'IS_FALSE':
      case 'IS_NOT_TRUE':
        return inner === 'all' ? 'none' : inner === 'none' ? 'all' : inner
      case 'IS_UNKNOWN':
      case 'IS_NOT_UNKNOWN': {
        const isSure = isNeverNull(fields['arg'], column => this.#isNotNull(column))
        if (isSure) return stringOf(fields, 'booltesttype') === 'IS_UNKNOWN' ? 'none' : 'all'
        return this.#dependence(fields['arg'])
      }
      default:
        return this.#dependence(fields['arg'])
    }
  }

  /** The first argument that is not NULL: a literal that comes first decides. */
  #coalesce(fields: Tree, node: unknown): Filter {
    const first = treesIn(fields, 'args').find(arg => constantOf(arg)?.value !== null)
    if (first === undefined) return 'none'
    return constantOf(first) === null ? this.#dependence(node) : this.filter(first)
  }

  #case(fields: Tree, node: unknown): Filter {
    const results: Filter[] = []
    for (const item of treesIn(fields, 'args')) {
      const { expr, result } = asKind(item, 'CaseWhen') ?? {}
      const condition = fields['arg'] === undefined ? this.filter(expr) : this.#comparison(comparing(fields['arg'], '=', expr))
      if (condition === 'none') continue
      results.push(this.filter(result))
      // Nothing behind an arm that is always taken counts.
      if (condition === 'all') return agreed(results) ?? this.#dependence(node)
    }
    const otherwise = fields['defresult']
    results.push(otherwise === undefined ? 'none' : this.filter(otherwise))
    return agreed(results) ?? this.#dependence(node)
  }

  /** EXISTS and IN over a query that does not look at the row; or over the same table, whole. */
  #subquery(fields: Tree): Filter {
    const select = asKind(fields['subselect'], 'SelectStmt')
    const kind = stringOf(fields, 'subLinkType')
    // What is in there is compared with what it says, number by number.
    if (holdsInteger(select)) this.#reader.reading.isLiteralSensitive = true
    if (select !== null && kind === 'EXISTS_SUBLINK') {
      if (givesNothing(select)) return 'none'
      if (bareSelect(fields['subselect']) !== null || findsItself(select, this.#table, this.#alias)) return 'all'
    }
    if (select !== null && kind === 'ANY_SUBLINK') {
      if (givesNothing(select)) return 'none'
      if (isWholeTarget(select, fields['testexpr'], this.#table)) return 'all'
    }
    return this.#dependence({ SubLink: fields })
  }

  /** `a OR NOT a`, `a < b OR a >= b`, `a IS NULL OR a IS NOT NULL`. */
  #coversAll(args: readonly Tree[], isNegated = false): boolean {
    const covers = (one: Tree, other: Tree): boolean => {
      if (dependOnNumbers(one, other)) this.#reader.reading.isLiteralSensitive = true
      return coverEverything(one, other, this.#same, isNegated) || isOpposite(one, other, this.#same)
    }
    return args.some((one, index) => args.slice(index + 1).some(other => covers(one, other)))
  }

  /** The type of a column of the target; 0 = not known, or no column. */
  #typeOf(node: unknown): number {
    const column = asKind(node, 'ColumnRef')
    const name = column === null ? undefined : namesIn(column, 'fields').at(-1)
    if (name === 'ctid') return TID
    const found = this.#relationsOf(this.#target).flatMap(one => one.columns.filter(each => each.name === name))
    return found[0]?.typeOid ?? 0
  }

  #isNotNull(column: Tree): boolean {
    const name = namesIn(column, 'fields').at(-1)
    if (name === undefined) return false
    if (systemColumns.has(name)) return true
    return this.#relationsOf(this.#target).some(one => one.columns.some(each => each.name === name && each.isNotNull))
  }

  #relationsOf(range: Tree | null): readonly CatalogRelation[] {
    if (range === null) return []
    const schema = stringOf(range, 'schemaname')
    return this.#reader.names?.relation(schema === '' ? null : schema, stringOf(range, 'relname')).relations ?? []
  }

  /** A bare name is a column of the target, as far as the catalog knows its columns; and none of a query in between. */
  #isOfTarget(name: string, hidden: ReadonlySet<string>): boolean {
    if (hidden.has(name)) return false
    const relations = this.#relationsOf(this.#target)
    return relations.length === 0 || systemColumns.has(name) || relations.some(one => one.columns.some(column => column.name === name))
  }

  /** Names of columns that relations in the FROM of a query inside have: a bare name finds those first. */
  #columnsOf(select: Tree): readonly string[] {
    return treesIn(select, 'fromClause').flatMap(item =>
      this.#relationsOf(asKind(item, 'RangeVar')).flatMap(one => one.columns.map(column => column.name)),
    )
  }

  #dependence(node: unknown): Filter {
    return this.#looksAtRow(node, new Set()) ? 'row' : 'fixed'
  }

  /** Some column of the target is in there. */
  #looksAtRow(node: unknown, hidden: ReadonlySet<string>): boolean {
    if (Array.isArray(node)) return node.some(item => this.#looksAtRow(item, hidden))
    if (!isTree(node)) return false
    const column = asKind(node, 'ColumnRef')
    if (column !== null) {
      const names = namesIn(column, 'fields')
      const isStar = names.length < treesIn(column, 'fields').length
      // The same for every row of a table.
      if (!isStar && names.at(-1) === 'tableoid') return false
      const qualifier = isStar ? names.at(-1) : names.at(-2)
      // A bare star is all there is around it: of a query inside, what that query reads.
      if (isStar && qualifier === undefined) return hidden.size === 0
      return qualifier === undefined ? this.#isOfTarget(names.at(-1) ?? '', hidden) : qualifier === this.#alias
    }
    const select = asKind(node, 'SelectStmt')
    const inside = select === null ? hidden : new Set([...hidden, ...this.#columnsOf(select)])
    return Object.values(node).some(value => this.#looksAtRow(value, inside))
  }
}

type Same = (one: unknown, other: unknown) => boolean

/** What all of them say; null when they differ. */
function agreed(filters: readonly Filter[]): Filter | null {
  const [first] = filters
  return first !== undefined && (first === 'all' || first === 'none') && filters.every(filter => filter === first) ? first : null
}

/** Some value of a parameter lets every row through: a pattern, a bound, an empty list. With `=` none does. */
function decidesByValue(kind: string, operator: string, sides: readonly unknown[]): boolean {
  if (kind === 'AEXPR_OP' && ['=', '<>', '!='].includes(operator)) return false
  return !['AEXPR_IN', 'AEXPR_OP_ANY'].includes(kind) && sides.flatMap(side => [side, ...itemsOf(side)]).some(isParameter)
}

function isParameter(node: unknown): boolean {
  const cast = asKind(node, 'TypeCast')
  if (cast !== null) return isParameter(cast['arg'])
  const call = asKind(node, 'FuncCall')
  return asKind(node, 'ParamRef') !== null || (call !== null && treesIn(call, 'args').some(isParameter))
}

/** `column = 5`. */
function isPlain(operator: string, left: unknown, right: unknown): boolean {
  const [column, value] = asKind(left, 'ColumnRef') === null ? [right, left] : [left, right]
  return operator === '=' && asKind(column, 'ColumnRef') !== null && asKind(value, 'A_Const') !== null
}

function holdsInteger(node: unknown): boolean {
  return JSON.stringify(node ?? null).includes('"ival"')
}

function comparing(lexpr: unknown, operator: string, rexpr: unknown): Tree {
  return { kind: 'AEXPR_OP', name: [{ String: { sval: operator } }], lexpr, rexpr }
}

function isOpposite(one: Tree, other: Tree, same: Same): boolean {
  const negated = notOf(one) ?? notOf(other)
  if (negated !== null && same(negated, notOf(one) === null ? one : other)) return true
  const [left, right] = [asKind(one, 'A_Expr'), asKind(other, 'A_Expr')]
  if (left !== null && right !== null) {
    const [first, second] = [namesIn(left, 'name').at(-1) ?? '', namesIn(right, 'name').at(-1) ?? '']
    if (opposites[first] === second || (first === '=' && second === '!=')) {
      return same(left['lexpr'], right['lexpr']) && same(left['rexpr'], right['rexpr'])
    }
  }
  const [test, counter] = [asKind(one, 'NullTest'), asKind(other, 'NullTest')]
  if (test === null || counter === null) return false
  return test['nulltesttype'] !== counter['nulltesttype'] && same(test['arg'], counter['arg'])
}

function notOf(node: Tree): unknown {
  const bool = asKind(node, 'BoolExpr')
  return bool !== null && stringOf(bool, 'boolop') === 'NOT_EXPR' ? (treesIn(bool, 'args')[0] ?? null) : null
}

function itemsOf(node: unknown): readonly Tree[] {
  const list = asKind(node, 'List')
  if (list !== null) return treesIn(list, 'items')
  const array = asKind(node, 'A_ArrayExpr')
  return array === null ? [] : treesIn(array, 'elements')
}

/** `(SELECT x)` as x. */
function bare(node: unknown): unknown {
  const link = asKind(node, 'SubLink')
  const select = link === null || stringOf(link, 'subLinkType') !== 'EXPR_SUBLINK' ? null : bareSelect(link['subselect'])
  return select === null ? node : asKind(treesIn(select, 'targetList')[0], 'ResTarget')?.['val']
}

function isTrue(value: unknown): boolean {
  return (
    value === true ||
    (typeof value === 'number' && value !== 0) ||
    (typeof value === 'string' && /^\s*(t|tr|tru|true|y|ye|yes|on|1)\s*$/i.test(value))
  )
}

function isFalse(value: unknown): boolean {
  return value === false || value === 0 || (typeof value === 'string' && /^\s*(f|fa|fal|fals|false|n|no|of|off|0)\s*$/i.test(value))
}
