// Walks the tree of one statement and notes what it does. Every kind of node is either read by a function of its own, or
// known to mean nothing by itself; any other makes the statement one that is not understood.
import { readAsCall, readCall, readFunctionName, readOperator, readTypeName } from './calls.ts'
import { CatalogNames } from './catalog-names.ts'
import { bareKinds, plainKinds } from './node-kinds.ts'
import { CteScope } from './cte-scope.ts'
import { readFunction } from './functions.ts'
import { readDelete, readInsert, readMerge, readSelect, readUpdate } from './queries.ts'
import { readOperands } from './polymorphic.ts'
import { readRelation } from './relations.ts'
import type { Mode } from './reading.ts'
import { Reading } from './reading.ts'
import type { SqlContext } from './sql-statement.ts'
import { asKind, isSet, isTree, namesIn, stringOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'
import { readUtility } from './utility.ts'

/** Views in views, functions in functions: deeper than this is not read. */
const MAX_DEPTH = 24

export class SqlReader {
  readonly reading: Reading
  readonly context: SqlContext
  /** null = the catalog is not known: only names written with `pg_catalog.` are. */
  readonly names: CatalogNames | null
  readonly depth: number
  /** Objects whose code is being read or was read, with what for: a circle ends, nothing is read twice. */
  readonly seen: Set<string>
  mode: Mode
  ctes = new CteScope(null)
  /** The query whose parts are being read; null outside of one. */
  select: Tree | null = null

  constructor(context: SqlContext, reading: Reading = new Reading(), outer: SqlReader | null = null) {
    this.reading = reading
    this.context = context
    this.names = context.catalog === null ? null : new CatalogNames(context.catalog, context.searchPath, context.drift !== undefined)
    this.depth = outer === null ? 0 : outer.depth + 1
    this.seen = outer?.seen ?? new Set()
    this.mode = outer?.mode ?? 'run'
  }

  /**
   * A reader for code that this code leads to (a view, a function, an expression of the catalog), with names of its own.
   * null when it leads too deep; that is noted as a doubt.
   */
  inner(searchPath: readonly string[] | null, mode: Mode = this.mode): SqlReader | null {
    if (this.depth >= MAX_DEPTH) {
      this.reading.runsUnreadable(`code nested deeper than ${MAX_DEPTH}`)
      return null
    }
    const reader = new SqlReader({ ...this.context, searchPath }, this.reading, this)
    reader.mode = mode
    return reader
  }

  /** A relation that an earlier statement of the same message makes; it has no code of its own. */
  isMadeHere(schema: string | null, name: string): boolean {
    const made = this.context.drift?.made
    return made !== undefined && (made.has(name) || (schema !== null && made.has(`${schema}.${name}`)))
  }

  /** Reads what a field holds: a wrapped node, a list of them, or nothing. */
  walk(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) this.walk(item)
      return
    }
    if (!isTree(value)) return
    const node = unwrap(value)
    // An empty object stands for an empty item of a list.
    if (node !== null) this.visit(node.kind, node.fields)
    else if (Object.keys(value).length > 0) this.reading.doubts('a part of the syntax tree that is not known')
  }

  /** Reads the fields of a node whose own meaning has been noted. */
  walkFields(kind: string, fields: Tree, without: readonly string[] = []): void {
    for (const name in fields) {
      const value = fields[name]
      if (typeof value !== 'object' || value === null || without.includes(name)) continue
      const bare = bareKinds.get(`${kind}.${name}`)
      if (bare !== undefined && isTree(value)) this.visit(bare, value)
      else this.walk(value)
    }
  }

  /** Runs `read` as if its code were only planned, defined or run. */
  within(mode: Mode, read: () => void): void {
    const before = this.mode
    this.mode = mode
    try {
      read()
    } finally {
      this.mode = before
    }
  }

  /** Code of the catalog that runs without being called by name. */
  visitFunction(oid: number): void {
    const run = this.names?.catalog.functions.get(oid)
    if (run !== undefined) this.within('run', () => readFunction(this, run))
  }

  visit(kind: string, fields: Tree): void {
    switch (kind) {
      case 'SelectStmt':
        return readSelect(this, fields)
      case 'InsertStmt':
        return readInsert(this, fields)
      case 'UpdateStmt':
        return readUpdate(this, fields)
      case 'DeleteStmt':
        return readDelete(this, fields)
      case 'MergeStmt':
        return readMerge(this, fields)
      case 'RangeVar':
        return readRelation(this, fields)
      case 'FuncCall':
        return readCall(this, fields, 'call')
      case 'A_Expr':
        return this.#visitExpression(fields)
      case 'ColumnRef':
        return this.#visitColumn(fields)
      case 'A_Indirection':
        for (const name of namesIn(fields, 'indirection')) readFunctionName(this, name)
        return this.walkFields(kind, fields)
      case 'TypeName':
        return readTypeName(this, fields)
      case 'SubLink':
        this.#visitOperatorNames(namesIn(fields, 'operName'), stringOf(fields, 'subLinkType') === 'ANY_SUBLINK' ? ['='] : [])
        return this.walkFields(kind, fields)
      case 'SortBy':
        this.reading.isLiteralSensitive ||= asKind(fields['node'], 'A_Const') !== null
        this.#visitOperatorNames(namesIn(fields, 'useOp'), [])
        return this.walkFields(kind, fields, ['useOp'])
      case 'CaseExpr':
        if (fields['arg'] !== undefined) readOperator(this, null, '=')
        return this.walkFields(kind, fields)
      case 'JoinExpr':
        if (isSet(fields, 'isNatural') || treesIn(fields, 'usingClause').length > 0) readOperator(this, null, '=')
        return this.walkFields(kind, fields, ['usingClause'])
      case 'RangeTableSample':
        this.#visitSample(fields)
        return this.walkFields(kind, fields, ['method'])
      case 'LockingClause':
        // What it names are aliases of this query.
        return this.mode === 'run' ? this.reading.does('lock') : undefined
      case 'WithClause':
      case 'CommonTableExpr':
        return this.reading.doubts('a WITH clause where none is expected')
    }
    readAsCall(this, kind, fields)
    if (plainKinds.has(kind)) return this.walkFields(kind, fields)
    if (!readUtility(this, kind, fields)) this.reading.runsUnreadable(`a ${kind} is not known`)
  }

  #visitExpression(fields: Tree): void {
    const names = namesIn(fields, 'name')
    readOperands(this, fields)
    switch (stringOf(fields, 'kind')) {
      case 'AEXPR_BETWEEN':
      case 'AEXPR_NOT_BETWEEN':
      case 'AEXPR_BETWEEN_SYM':
      case 'AEXPR_NOT_BETWEEN_SYM':
        for (const name of ['>=', '<=', '<', '>']) readOperator(this, null, name)
        break
      default:
        this.#visitOperatorNames(names, [])
    }
    this.walkFields('A_Expr', fields, ['name'])
  }

  #visitOperatorNames(names: readonly string[], otherwise: readonly string[]): void {
    const written = names.length > 0 ? names : otherwise
    const name = written.at(-1)
    if (name !== undefined) readOperator(this, written.length > 1 ? (written.at(-2) ?? null) : null, name)
  }

  /** `c.x` is a column, or a call of x with the row c: no node of the tree tells which. */
  #visitColumn(fields: Tree): void {
    const names = namesIn(fields, 'fields')
    const name = names.at(-1)
    if (name !== undefined && treesIn(fields, 'fields').length > 1) readFunctionName(this, name)
  }

  #visitSample(fields: Tree): void {
    const method = namesIn(fields, 'method').at(-1) ?? ''
    if (!sampleMethods.has(method)) this.reading.doubts(`the sampling method ${method} is not known`)
  }
}

const sampleMethods: ReadonlySet<string> = new Set(['bernoulli', 'system', 'system_rows', 'system_time'])
