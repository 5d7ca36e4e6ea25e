// Everything that shows masked columns: the tables the policy names, their parents, children and partitions, generated columns, and
// views by the lineage of each column. Computed once per catalog; afterwards only looked up.
import type { ColumnRule } from '../../core/masker.ts'
import type { Catalog, CatalogFunction, CatalogRelation } from './catalog.ts'
import type { MaskedColumn } from './mask-plan.ts'
import { parseSql } from './parser.ts'
import { boundNames } from './bound-names.ts'
import { codeNames, relationsByName, typeNames } from './closure-names.ts'
import type { ClosureNames, ErrorNames } from './closure-names.ts'
import { relationsBehind } from './closure-views.ts'
import { harmless, readFunction } from './taint-code.ts'
import type { CodeConduct, CodeNames } from './taint-code.ts'
import { MaskRefusal, TaintReader } from './taint-reader.ts'
import type { BoundNames, TaintSource } from './taint-reader.ts'
import { emptyScope, itemOf } from './taint-scope.ts'
import { derived, isMixed, isSameTaint, join, joinAll } from './taint.ts'
import type { MaybeTaint, Taint } from './taint.ts'

/** What masking knows of one catalog. Immutable for its users. */
export interface MaskClosure extends TaintSource, ErrorNames {
  readonly epoch: number
  readonly rules: readonly ColumnRule[]
  /** Equal for equal rules, whatever the catalog. */
  readonly rulesKey: string
  /** No column of this database is masked. */
  readonly isEmpty: boolean
  /** Columns that are exactly a masked column. */
  readonly columns: readonly MaskedColumn[]
  /** Columns of tables that hold masked values in any form: they hold them also when what tells so has gone. */
  readonly stored: readonly StoredColumn[]
  /** True for a column the catalog knows; an OID below 16384 is the server's own. */
  isKnown(relationOid: number, column: number): boolean
  /** How names in bodies of functions are judged. */
  readonly code: CodeNames
}

/** A column of a table, and what of masked columns its rows hold. */
export interface StoredColumn {
  readonly relationOid: number
  readonly column: number
  readonly taint: Taint
}

/** Kinds of relations that have rows of their own: tables, partitioned ones, materialized views, foreign tables. */
const STORED = 'rpmf'

/** Code that cannot be judged may say values of any rule. */
const UNKNOWN: Taint = { kind: 'blank', rule: 0, isMixed: true }

/** For expressions that see no columns. */
const NOWHERE: Pick<CatalogRelation, 'oid' | 'name' | 'columns'> = { oid: 0, name: '', columns: [] }

/** OIDs below are made by initdb. */
const FIRST_USER_OID = 16_384

/**
 * @param trusted `schema.name`, lower case, of functions the policy trusts.
 * @param kept columns that held masked values before, in tables that are still there: who renames one, or drops the default or the key
 *   that says where its values are from, has not uncovered them.
 */
export function maskClosure(
  catalog: Catalog,
  rules: readonly ColumnRule[],
  trusted: ReadonlySet<string> = new Set(),
  kept: readonly StoredColumn[] = [],
): MaskClosure {
  const closure = new ClosureBuilder(catalog, rules, trusted, kept)
  closure.build()
  return closure
}

class ClosureBuilder implements MaskClosure {
  readonly epoch: number
  readonly catalog: Catalog
  readonly rules: readonly ColumnRule[]
  readonly rulesKey: string
  readonly #trusted: ReadonlySet<string>
  /** relation OID -> column number -> taint. */
  readonly #taints = new Map<number, Map<number, Taint>>()
  readonly #refusals = new Map<number, string>()
  readonly #conducts = new Map<number, CodeConduct>()
  /** Functions whose bodies are being read. */
  readonly #calling = new Set<number>()
  #isCircular = false
  readonly #kept: readonly StoredColumn[]
  /** What views and row security look at without showing it. */
  readonly #looks = new Map<number, MaybeTaint>()
  /** What writing a relation may say by itself. */
  readonly #said = new Map<number, MaybeTaint>()
  readonly #loudNames = new Map<string, MaybeTaint>()
  readonly #children = new Map<number, CatalogRelation[]>()
  /** Views whose query calls code that reads masked columns. */
  readonly #callers = new Set<number>()
  /** view -> relations that it names. */
  readonly #behind = new Map<number, readonly CatalogRelation[]>()
  #bound: BoundNames | null = null
  readonly code: ClosureNames

  constructor(catalog: Catalog, rules: readonly ColumnRule[], trusted: ReadonlySet<string>, kept: readonly StoredColumn[]) {
    this.epoch = catalog.epoch
    this.catalog = catalog
    this.rules = rules
    this.rulesKey = JSON.stringify(rules.map(({ rule, schema, table, column, inference }) => [rule, schema, table, column, inference]))
    this.#trusted = trusted
    this.#kept = kept
    this.code = codeNames(catalog, {
      relation: name => this.#taintOfName(name),
      loudness: name => this.#loudNames.get(name) ?? null,
      conductOf: called => this.conductOf(called),
    })
  }

  get isEmpty(): boolean {
    return this.#taints.size === 0
  }

  get columns(): readonly MaskedColumn[] {
    const all: MaskedColumn[] = []
    for (const [relationOid, columns] of this.#taints) {
      for (const [column, taint] of columns) if (taint.kind === 'mask') all.push({ relationOid, column, rule: taint.rule })
    }
    return all
  }

  get stored(): readonly StoredColumn[] {
    return [...this.#taints].flatMap(([relationOid, columns]) =>
      STORED.includes(this.catalog.relations.get(relationOid)?.kind ?? '-')
        ? [...columns].map(([column, taint]) => ({ relationOid, column, taint }))
        : [],
    )
  }

  refusesInference(taint: Taint): boolean {
    if (isMixed(taint)) return this.rules.some(({ inference }) => inference === 'refuse')
    return this.rules[taint.rule]?.inference === 'refuse'
  }

  ruleName(rule: number): string {
    return this.rules[rule]?.rule ?? 'unknown'
  }

  columnTaint(relationOid: number, column: number): MaybeTaint {
    return this.#taints.get(relationOid)?.get(column) ?? null
  }

  relationTaint(relationOid: number): MaybeTaint {
    let taint: MaybeTaint = null
    for (const one of this.#taints.get(relationOid)?.values() ?? []) taint = join(taint, one)
    return derived(taint)
  }

  refusalOf(relationOid: number): string | null {
    return this.#refusals.get(relationOid) ?? null
  }

  isTrusted(called: CatalogFunction): boolean {
    return this.#trusted.has(`${called.schema}.${called.name}`.toLowerCase())
  }

  readingOf(relationOid: number): MaybeTaint {
    return this.#looks.get(relationOid) ?? null
  }

  writingOf(relationOid: number): MaybeTaint {
    const relation = this.catalog.relations.get(relationOid)
    return relation === undefined || this.isEmpty ? null : join(this.#checksOf(relation), this.#afar(relation, new Set([relationOid])))
  }

  runsReadingCode(relationOid: number): boolean {
    const relation = this.catalog.relations.get(relationOid)
    if (this.#callers.has(relationOid)) return true
    if (relation === undefined || this.isEmpty) return false
    return this.#checksOf(relation) !== null || this.#behindView(relation).some(({ oid }) => this.runsReadingCode(oid))
  }

  boundNames(): BoundNames {
    this.#bound ??= boundNames(this.catalog, oid => this.relationTaint(oid) !== null)
    return this.#bound
  }

  isConstant(rule: number): boolean {
    const TEXT = 25
    return this.rules[rule]?.mask.constant(TEXT, 0) !== undefined
  }

  isKnown(relationOid: number, column: number): boolean {
    if (relationOid < FIRST_USER_OID) return true
    return this.catalog.relations.get(relationOid)?.columns.some(({ number }) => number === column) ?? false
  }

  #named(schema: string | undefined, relation: string): readonly CatalogRelation[] {
    return (relationsByName(this.catalog).get(relation) ?? []).filter(one => schema === undefined || one.schema === schema)
  }

  isRelation(schema: string | undefined, relation: string): boolean {
    return this.#named(schema, relation).length > 0
  }

  isColumn(schema: string | undefined, relation: string, column: string): boolean {
    return this.#named(schema, relation).some(one => one.columns.some(({ name }) => name === column))
  }

  readonly isType = (name: string): boolean => typeNames(this.catalog).has(name)
  readonly isConstraint = (name: string): boolean => this.catalog.constraintNames?.has(name) ?? false
  readonly isSchema = (name: string): boolean => this.catalog.schemas.has(name)

  isMasked(schema: string | undefined, relation: string): boolean {
    return this.#named(schema, relation).some(({ oid }) => this.#taints.has(oid))
  }

  conductOf(called: CatalogFunction): CodeConduct {
    const known = this.#conducts.get(called.oid)
    if (known !== undefined) return known
    if (this.#calling.has(called.oid)) {
      // On the way back to itself a function adds nothing; but what was concluded on this way holds for this way only.
      this.#isCircular = true
      return harmless
    }
    this.#calling.add(called.oid)
    const conduct = readFunction(called, this.code, this.catalog)
    this.#calling.delete(called.oid)
    if (!this.#isCircular || this.#calling.size === 0) this.#conducts.set(called.oid, conduct)
    if (this.#calling.size === 0) this.#isCircular = false
    return conduct
  }

  build(): void {
    for (const relation of this.catalog.relations.values()) this.#applyRules(relation)
    for (const one of this.#kept) this.#keep(one)
    if (this.isEmpty) return
    for (const relation of this.catalog.relations.values()) {
      for (const parent of relation.parents) this.#children.set(parent, [...(this.#children.get(parent) ?? []), relation])
    }
    // Every round can only add; a view over a view needs one round for each.
    for (let changed = true; changed;) {
      this.#conducts.clear()
      changed = false
      for (const relation of this.catalog.relations.values()) {
        changed = this.#inherit(relation) || changed
        changed = this.#refer(relation) || changed
        changed = this.#generate(relation) || changed
        changed = this.#derive(relation) || changed
      }
      changed = this.#listen() || changed
    }
    this.#conducts.clear()
  }

  #applyRules(relation: CatalogRelation): void {
    for (const [rule, { schema, table, column }] of this.rules.entries()) {
      if (!isMatch(schema, relation.schema) || !isMatch(table, relation.name)) continue
      for (const one of relation.columns) {
        // The first rule of the policy that names a column masks it.
        if (isMatch(column, one.name) && this.columnTaint(relation.oid, one.number) === null)
          this.#add(relation.oid, one.number, { kind: 'mask', rule, typeOid: baseType(this.catalog, one.typeOid) })
      }
    }
  }

  /** Rows of a child are rows of its parents, and rows written to a parent land in its partitions. */
  #inherit(relation: CatalogRelation): boolean {
    let changed = false
    for (const parentOid of relation.parents) {
      const parent = this.catalog.relations.get(parentOid)
      for (const column of relation.columns) {
        const other = parent?.columns.find(one => one.name === column.name)
        if (other === undefined) continue
        changed = this.#add(relation.oid, column.number, this.columnTaint(parentOid, other.number)) || changed
        changed = this.#add(parentOid, other.number, this.columnTaint(relation.oid, column.number)) || changed
      }
    }
    return changed
  }

  /** A foreign key to a masked column holds its values. */
  #refer(relation: CatalogRelation): boolean {
    let changed = false
    for (const { relationOid, columns } of relation.cascades) {
      for (const [from, to] of columns ?? []) changed = this.#add(relationOid, from, this.columnTaint(relation.oid, to)) || changed
    }
    return changed
  }

  /** Generated columns, and defaults that call code which reads masked columns: their values are made of them. */
  #generate(relation: CatalogRelation): boolean {
    let changed = false
    for (const { expression, isGenerated, number } of relation.columns) {
      if (expression === null) continue
      const isMade = isGenerated && (this.relationTaint(relation.oid) !== null || this.code.callsCode(expression))
      if (!isMade && !this.code.callsCode(expression)) continue
      changed = this.#add(relation.oid, number, this.#taintOfExpression(relation, expression).value) || changed
    }
    return changed
  }

  /** What flows into the value of an expression over the relation's columns, and what it looks at. */
  #taintOfExpression(
    relation: Pick<CatalogRelation, 'oid' | 'name' | 'columns'>,
    expression: string,
  ): { readonly value: MaybeTaint; readonly looks: MaybeTaint } {
    const whole = this.relationTaint(relation.oid)
    const parsed = parseSql(Buffer.from(`SELECT ${expression}`))
    const statement = parsed.ok ? parsed.statements[0] : undefined
    if (statement === undefined) return { value: whole, looks: whole }
    const columns = relation.columns.map(column => ({ name: column.name, taint: this.columnTaint(relation.oid, column.number) }))
    const item = itemOf(relation.name, { columns, isOpen: false, rest: null }, whole)
    const reader = new TaintReader(this, this.catalog.definitionPath)
    try {
      const row = reader.query(
        { SelectStmt: statement.fields },
        { items: [], outer: { items: [item], outer: null, ctes: null }, ctes: null },
      )
      return { value: derived(row.columns[0]?.taint ?? null), looks: reader.touched }
    } catch (cause) {
      // Code of the owner that cannot be judged may say anything.
      if (cause instanceof MaskRefusal) return { value: whole, looks: UNKNOWN }
      throw cause
    }
  }

  /** What code of the database in these expressions may look at. */
  #codeIn(expressions: readonly string[]): MaybeTaint {
    let looks: MaybeTaint = null
    for (const expression of expressions) {
      if (!this.code.callsCode(expression) && !/\bselect\b/i.test(expression)) continue
      looks = join(looks, this.#taintOfExpression(NOWHERE, expression).looks)
    }
    return looks
  }

  /** Checks, predicates of indexes, defaults, and row security, where they call code. */
  #checksOf(relation: CatalogRelation): MaybeTaint {
    const defaults = relation.columns.flatMap(({ expression }) => expression ?? [])
    return this.#codeIn([...relation.writeExpressions, ...relation.readExpressions, ...defaults])
  }

  /** What relations may say by themselves when they are read or written; like taint, it only grows. */
  #listen(): boolean {
    let changed = false
    for (const relation of this.catalog.relations.values()) {
      const looks = relation.hasRowSecurity ? this.#codeIn(relation.readExpressions) : null
      changed = grow(this.#looks, relation.oid, looks) || changed
      changed = grow(this.#said, relation.oid, this.#saidBy(relation)) || changed
    }
    for (const relation of this.catalog.relations.values()) {
      const afar = this.#afar(relation, new Set([relation.oid]))
      const said = joinAll([this.#looks.get(relation.oid) ?? null, this.#said.get(relation.oid) ?? null, afar])
      changed = grow(this.#loudNames, relation.name, said) || changed
    }
    return changed
  }

  /** Its rows, its checks, its triggers of any kind. */
  #saidBy(relation: CatalogRelation): MaybeTaint {
    let said = join(this.relationTaint(relation.oid), this.#checksOf(relation))
    for (const { functionOid } of relation.triggers) {
      const called = this.catalog.functions.get(functionOid)
      if (called === undefined || this.isTrusted(called)) continue
      const { reads, loud, opaque } = this.conductOf(called)
      said = joinAll([said, reads, loud, opaque === null ? null : UNKNOWN])
    }
    return relation.rules.length > 0 ? join(said, UNKNOWN) : said
  }

  #behindView(view: CatalogRelation): readonly CatalogRelation[] {
    const found = this.#behind.get(view.oid) ?? relationsBehind(this.catalog, view)
    this.#behind.set(view.oid, found)
    return found
  }

  /** Rows of other relations that a write changes too: of children, behind foreign keys, and of what a view is over. */
  #afar(relation: CatalogRelation, seen: Set<number>): MaybeTaint {
    let said: MaybeTaint = null
    const others = [
      ...(this.#children.get(relation.oid) ?? []).map(({ oid }) => oid),
      ...relation.cascades.map(({ relationOid }) => relationOid),
      ...this.#behindView(relation).map(({ oid }) => oid),
    ]
    for (const oid of others) {
      const other = this.catalog.relations.get(oid)
      if (other === undefined || seen.has(oid)) continue
      seen.add(oid)
      said = joinAll([said, this.#said.get(oid) ?? null, this.#afar(other, seen)])
    }
    return said
  }

  /** A view's columns, by what its query shows. A view that cannot be read is not to be read by anybody. */
  #derive(relation: CatalogRelation): boolean {
    if ((relation.kind !== 'v' && relation.kind !== 'm') || this.#refusals.has(relation.oid)) return false
    const parsed = relation.definition === null ? null : parseSql(Buffer.from(relation.definition))
    const statement = parsed !== null && parsed.ok ? parsed.statements[0] : undefined
    if (statement === undefined) return this.#refuse(relation, 'has a definition that cannot be read')
    const reader = new TaintReader(this, this.catalog.definitionPath)
    try {
      const row = reader.query({ [statement.kind]: statement.fields }, emptyScope)
      let changed = grow(this.#looks, relation.oid, reader.touched)
      if (reader.callsReadingCode) this.#callers.add(relation.oid)
      for (const [index, column] of relation.columns.entries()) {
        changed = this.#add(relation.oid, column.number, row.columns[index]?.taint ?? row.rest) || changed
      }
      return changed
    } catch (cause) {
      if (cause instanceof MaskRefusal) return this.#refuse(relation, `cannot be proven: ${cause.message}`)
      throw cause
    }
  }

  #refuse(relation: CatalogRelation, reason: string): boolean {
    this.#refusals.set(relation.oid, reason)
    return true
  }

  /** Taint is only ever added, so that the rounds end. */
  #add(relationOid: number, column: number, taint: MaybeTaint): boolean {
    const before = this.columnTaint(relationOid, column)
    const after = join(before, taint?.kind === 'unproven' ? derived(taint) : taint)
    if (after === null || (before !== null && isSameTaint(before, after))) return false
    // A column that a rule names keeps its mask, whatever else flows into it.
    if (before?.kind === 'mask' && this.#isNamed(relationOid, column, before.rule)) return false
    const columns = this.#taints.get(relationOid) ?? new Map<number, Taint>()
    const isSettled = before !== null && before.kind === 'blank' && isMixed(before)
    columns.set(column, after)
    this.#taints.set(relationOid, columns)
    return !isSettled
  }

  #isNamed(relationOid: number, column: number, rule: number): boolean {
    const relation = this.catalog.relations.get(relationOid)
    const name = relation?.columns.find(one => one.number === column)?.name
    const written = this.rules[rule]
    if (relation === undefined || name === undefined || written === undefined) return false
    return isMatch(written.schema, relation.schema) && isMatch(written.table, relation.name) && isMatch(written.column, name)
  }

  #keep({ relationOid, column, taint }: StoredColumn): void {
    const relation = this.catalog.relations.get(relationOid)
    const found = relation?.columns.find(one => one.number === column)
    if (relation === undefined || found === undefined || !STORED.includes(relation.kind)) return
    if (this.columnTaint(relationOid, column) !== null) return
    this.#add(relationOid, column, taint.kind === 'mask' ? { ...taint, typeOid: baseType(this.catalog, found.typeOid) } : taint)
  }

  #taintOfName(name: string): MaybeTaint {
    let taint: MaybeTaint = null
    for (const relation of relationsByName(this.catalog).get(name) ?? []) {
      const refused: MaybeTaint = this.#refusals.has(relation.oid) ? { kind: 'blank', rule: 0, isMixed: true } : null
      taint = join(taint, join(this.relationTaint(relation.oid), refused))
    }
    return taint
  }
}

/** A domain's values are values of its base type, and the server announces them so. */
function baseType(catalog: Catalog, typeOid: number): number {
  const type = catalog.types.get(typeOid)
  return type?.kind === 'd' && type.baseTypeOid !== 0 ? baseType(catalog, type.baseTypeOid) : typeOid
}

/** A part of `schema.table.column`: a name, or `*` for any letters. */
function isMatch(glob: string, name: string): boolean {
  if (glob === '*' || glob === name) return true
  if (!glob.includes('*')) return false
  const parts = glob.split('*')
  const [head = '', ...rest] = parts
  const tail = rest.pop() ?? ''
  if (name.length < head.length + tail.length || !name.startsWith(head) || !name.endsWith(tail)) return false
  let at = head.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0 || found + part.length > name.length - tail.length) return false
    at = found + part.length
  }
  return true
}

/** Adds taint to what is known; true when that was more. */
function grow<K>(known: Map<K, MaybeTaint>, key: K, more: MaybeTaint): boolean {
  const before = known.get(key) ?? null
  const after = derived(join(before, more))
  if (after === null || isSameTaint(before, after) || (before !== null && isMixed(before))) return false
  known.set(key, after)
  return true
}
