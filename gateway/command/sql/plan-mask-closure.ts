// Everything that shows masked columns: the tables the policy names, their parents, children and partitions, generated columns, and
// views by the lineage of each column. Computed once per catalog; afterwards only looked up.
import type { ColumnRule } from '../../core/masker.ts'
import type { Catalog, CatalogFunction, CatalogRelation } from './catalog.ts'
import type { MaskedColumn } from './mask-plan.ts'
import { parseSql } from './parser.ts'
import { harmless, readFunction } from './taint-code.ts'
import type { CodeConduct, CodeNames } from './taint-code.ts'
import { MaskRefusal, TaintReader } from './taint-reader.ts'
import type { TaintSource } from './taint-reader.ts'
import { emptyScope, itemOf } from './taint-scope.ts'
import { derived, isMixed, isSameTaint, join } from './taint.ts'
import type { MaybeTaint, Taint } from './taint.ts'

/** What masking knows of one catalog. Immutable for its users. */
export interface MaskClosure extends TaintSource {
  readonly epoch: number
  readonly rules: readonly ColumnRule[]
  /** Equal for equal rules, whatever the catalog. */
  readonly rulesKey: string
  /** No column of this database is masked. */
  readonly isEmpty: boolean
  /** Columns that are exactly a masked column. */
  readonly columns: readonly MaskedColumn[]
  /** True for a relation the catalog knows; an OID below 16384 is the server's own. */
  isKnown(relationOid: number): boolean
  /** How names in bodies of functions are judged. */
  readonly code: CodeNames
  /** A masked relation of this name exists in any schema: for the table field of errors. */
  hasName(relation: string): boolean
}

/** OIDs below are made by initdb. */
const FIRST_USER_OID = 16_384

/**
 * @param trusted `schema.name`, lower case, of functions the policy trusts.
 */
export function maskClosure(catalog: Catalog, rules: readonly ColumnRule[], trusted: ReadonlySet<string> = new Set()): MaskClosure {
  const closure = new ClosureBuilder(catalog, rules, trusted)
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
  readonly #names = new Set<string>()
  readonly code: CodeNames

  constructor(catalog: Catalog, rules: readonly ColumnRule[], trusted: ReadonlySet<string>) {
    this.epoch = catalog.epoch
    this.catalog = catalog
    this.rules = rules
    this.rulesKey = JSON.stringify(rules.map(({ rule, schema, table, column, inference }) => [rule, schema, table, column, inference]))
    this.#trusted = trusted
    this.code = codeNames(
      catalog,
      name => this.#taintOfName(name),
      called => this.conductOf(called),
    )
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

  refusesInference(rule: number): boolean {
    return this.rules[rule]?.inference === 'refuse'
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

  isKnown(relationOid: number): boolean {
    return relationOid < FIRST_USER_OID || this.catalog.relations.has(relationOid)
  }

  hasName(relation: string): boolean {
    return this.#names.has(relation)
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
    if (this.isEmpty) return
    // Every round can only add; a view over a view needs one round for each.
    for (let changed = true; changed;) {
      this.#conducts.clear()
      changed = false
      for (const relation of this.catalog.relations.values()) {
        changed = this.#inherit(relation) || changed
        changed = this.#generate(relation) || changed
        changed = this.#derive(relation) || changed
      }
    }
    this.#conducts.clear()
    for (const oid of this.#taints.keys()) {
      const name = this.catalog.relations.get(oid)?.name
      if (name !== undefined) this.#names.add(name)
    }
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

  #generate(relation: CatalogRelation): boolean {
    let changed = false
    for (const column of relation.columns) {
      if (!column.isGenerated || this.relationTaint(relation.oid) === null) continue
      changed = this.#add(relation.oid, column.number, this.#taintOfExpression(relation, column.expression)) || changed
    }
    return changed
  }

  #taintOfExpression(relation: CatalogRelation, expression: string | null): MaybeTaint {
    const whole = this.relationTaint(relation.oid)
    const parsed = expression === null ? null : parseSql(Buffer.from(`SELECT ${expression}`))
    const statement = parsed !== null && parsed.ok ? parsed.statements[0] : undefined
    if (statement === undefined) return whole
    const columns = relation.columns.map(column => ({ name: column.name, taint: this.columnTaint(relation.oid, column.number) }))
    const item = itemOf(relation.name, { columns, isOpen: false, rest: null }, whole)
    try {
      const row = new TaintReader(this, this.catalog.definitionPath).query(
        { SelectStmt: statement.fields },
        { items: [], outer: { items: [item], outer: null, ctes: null }, ctes: null },
      )
      return derived(row.columns[0]?.taint ?? null)
    } catch (cause) {
      if (cause instanceof MaskRefusal) return whole
      throw cause
    }
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
      let changed = false
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

const namesOfCatalogs = new WeakMap<Catalog, ReadonlyMap<string, readonly CatalogRelation[]>>()

function relationsByName(catalog: Catalog): ReadonlyMap<string, readonly CatalogRelation[]> {
  const known = namesOfCatalogs.get(catalog)
  if (known !== undefined) return known
  const names = byName(catalog.relations.values())
  namesOfCatalogs.set(catalog, names)
  return names
}

function codeNames(
  catalog: Catalog,
  relation: (name: string) => MaybeTaint,
  conductOf: (called: CatalogFunction) => CodeConduct,
): CodeNames {
  const functions = byName(catalog.functions.values())
  const operators = byName(catalog.operators)
  return {
    relation,
    conductOf,
    isRelation: name => relationsByName(catalog).has(name),
    functions: name => functions.get(name) ?? [],
    operators: name => (operators.get(name) ?? []).flatMap(operator => catalog.functions.get(operator.functionOid) ?? []),
  }
}

function byName<T extends { readonly name: string }>(all: Iterable<T>): ReadonlyMap<string, readonly T[]> {
  const named = new Map<string, T[]>()
  for (const one of all) {
    const same = named.get(one.name)
    if (same === undefined) named.set(one.name, [one])
    else same.push(one)
  }
  return named
}
