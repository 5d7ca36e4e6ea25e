// A literal without a type, next to a value made of columns, becomes what they are: also a domain whose name the text does not hold.
import type { SqlReader } from './sql-reader.ts'
import { asKind, isTree, namesIn, stringOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** Functions of pg_catalog that take a value of the type of another of their arguments. */
const takesSame: ReadonlySet<string> = new Set(
  `lag lead array_append array_prepend array_cat array_position array_positions array_remove array_replace array_fill width_bucket
   range_contains_elem elem_contained_by_range`.split(/\s+/),
)

/** Functions of pg_catalog that make an array or a range of the type of their argument. */
const makesArray: ReadonlySet<string> = new Set(
  `array_agg array_append array_prepend array_cat array_remove array_replace array_fill array_shuffle array_sample array_sort array_reverse
   trim_array range_agg range_merge range_intersect_agg multirange any_value`.split(/\s+/),
)

/** @param args of a call of this function of pg_catalog. */
export function readSameTypes(reader: SqlReader, name: string, args: readonly Tree[]): void {
  if (takesSame.has(name) && args.some(isUntyped) && !args.every(isUntyped)) reader.reading.fillsTypes = true
}

/** Operands of an operator. */
export function readOperands(reader: SqlReader, expression: Tree): void {
  const { lexpr, rexpr } = expression
  const items = [lexpr, ...(asKind(rexpr, 'List') === null ? [rexpr] : treesIn(asKind(rexpr, 'List') ?? {}, 'items'))]
  if (items.some(isUntyped) && items.some(isMade)) reader.reading.fillsTypes = true
}

function isUntyped(node: unknown): boolean {
  const constant = asKind(node, 'A_Const')
  return constant === null ? asKind(node, 'ParamRef') !== null : isTree(constant['sval'])
}

/** An array or range made of columns. */
function isMade(node: unknown): boolean {
  const found = unwrap(node)
  if (found === null) return false
  const { kind, fields } = found
  switch (kind) {
    case 'A_ArrayExpr':
      return treesIn(fields, 'elements').some(item => asKind(item, 'A_Const') === null && !isUntyped(item))
    case 'SubLink':
      return stringOf(fields, 'subLinkType') === 'ARRAY_SUBLINK' || stringOf(fields, 'subLinkType') === 'EXPR_SUBLINK'
    case 'FuncCall':
      return makesArray.has(namesIn(fields, 'funcname').at(-1) ?? '')
    case 'A_Expr':
      return isMade(fields['lexpr']) || isMade(fields['rexpr'])
    default:
      return false
  }
}
