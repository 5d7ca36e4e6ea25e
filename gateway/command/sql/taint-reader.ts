// Reads one statement for masked values: what flows where. Refuses by throwing; the plan is made from what it notes.
import type { CatalogFunction, CatalogRelation } from './catalog.ts'
import { CatalogNames } from './catalog-names.ts'
import type { CodeConduct } from './taint-code.ts'
import { readTaintExpression, taintOfFields } from './taint-expression.ts'
import { readTargets, readTaintQuery } from './taint-query.ts'
import type { Scope } from './taint-scope.ts'
import type { MaybeTaint, Taint, TaintRow } from './taint.ts'
import type { Catalog } from './catalog.ts'
import { isTree, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** What is known of masked columns while statements are read; grows while the closure is being built. */
export interface TaintSource {
  readonly catalog: Catalog
  /** True when predicates, ordering and grouping on what this is made of are refused. */
  refusesInference(taint: Taint): boolean
  ruleName(rule: number): string
  columnTaint(relationOid: number, column: number): MaybeTaint
  /** Any column of it, or null. */
  relationTaint(relationOid: number): MaybeTaint
  /** Why reading this relation cannot be judged (a view over statistics, say), or null. */
  refusalOf(relationOid: number): string | null
  conductOf(called: CatalogFunction): CodeConduct
  isTrusted(called: CatalogFunction): boolean
  /** What reading it may say by itself: a view or row security that computes with masked columns it does not show. */
  readingOf(relationOid: number): MaybeTaint
  /** What writing it may say by itself, besides its own triggers and rules: checks, defaults, children, foreign keys that follow. */
  writingOf(relationOid: number): MaybeTaint
  /** Reading a view or a table with row security, or writing a table, calls code that reads masked columns: a plan may show what it gave. */
  runsReadingCode(relationOid: number): boolean
  /** Names that code bound to masked relations uses: who takes one of them gets what the code is given. */
  boundNames(): BoundNames
  /** The mask of this rule shows the same whatever the value is. */
  isConstant(rule: number): boolean
}

export interface BoundNames {
  /** Functions that it calls, at any depth. */
  readonly functions: ReadonlySet<string>
  /** Relations that it writes. */
  readonly relations: ReadonlySet<string>
}

/** Thrown inside, caught by the planner. */
export class MaskRefusal extends Error {
  readonly rule: number
  readonly hint: string

  constructor(rule: number, reason: string, hint: string) {
    super(reason)
    this.name = 'MaskRefusal'
    this.rule = rule
    this.hint = hint
  }
}

/** Deeper trees are not read: the statement is refused. */
const MAX_DEPTH = 600

export class TaintReader {
  readonly source: TaintSource
  readonly names: CatalogNames
  /** The first rule whose columns the statement touches in any way; null = it touches none. */
  touched: Taint | null = null
  /** Code of the database that reads masked columns runs in it. */
  callsReadingCode = false
  /** Code of the database that leaves something behind runs in it. */
  callsWritingCode = false
  #depth = 0

  constructor(source: TaintSource, searchPath: readonly string[] | null) {
    this.source = source
    this.names = new CatalogNames(source.catalog, searchPath)
  }

  /** Notes that masked values are looked at, here or in what is called. */
  touch(taint: MaybeTaint): void {
    if (taint !== null && this.touched === null) this.touched = taint
  }

  touchRelation(relation: CatalogRelation): void {
    this.touch(this.source.relationTaint(relation.oid))
  }

  refuse(taint: MaybeTaint, reason: string, hint: string): never {
    throw new MaskRefusal(taint?.rule ?? this.touched?.rule ?? 0, reason, hint)
  }

  /** The taint of an expression, from a wrapped node, a list of them, or nothing. */
  expression(node: unknown, scope: Scope): MaybeTaint {
    return this.#deeper(() => readTaintExpression(this, node, scope))
  }

  /** The union of all that the fields of a node contain. */
  parts(fields: Tree, scope: Scope): MaybeTaint {
    return this.#deeper(() => taintOfFields(this, fields, scope))
  }

  /** The output columns of a target list or of RETURNING. */
  targets(targets: readonly Tree[], scope: Scope): TaintRow {
    return readTargets(this, targets, scope)
  }

  /** Predicates, ordering, grouping: what is looked at, not what comes out. */
  condition(node: unknown, scope: Scope): void {
    this.infer(this.expression(node, scope), 'condition or order on')
  }

  /** Something of a value may be told by what happens, not by what comes out. */
  infer(taint: MaybeTaint, what: string): void {
    this.touch(taint)
    if (taint === null || !this.source.refusesInference(taint)) return
    this.refuse(
      taint,
      `${what} a column masked by rule ${this.source.ruleName(taint.rule)}`,
      'the rule refuses inference: use other columns, or this one as it is',
    )
  }

  /** A query (SELECT, VALUES, or a data-modifying statement in WITH), as a wrapped node. */
  query(node: unknown, scope: Scope): TaintRow {
    const statement = unwrap(node)
    if (statement === null || !isTree(statement.fields))
      return this.refuse(null, 'a query that is not understood', 'write it in a simpler form')
    return this.#deeper(() => readTaintQuery(this, statement.kind, statement.fields, scope))
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.refuse(null, 'nested too deep to prove what it shows', 'write it in a simpler form')
    try {
      return read()
    } finally {
      this.#depth--
    }
  }
}
