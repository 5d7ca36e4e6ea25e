// Takes a snapshot of the target's catalog through a connection of the gateway's own, and builds the catalog that SQL is read with.
import { createHash } from 'node:crypto'
import { splitSearchPath } from '../../command/sql/settings.ts'
import type {
  CascadeAction,
  Catalog,
  CatalogCascade,
  CatalogCast,
  CatalogColumn,
  CatalogFunction,
  CatalogOperator,
  CatalogRelation,
  CatalogRule,
  CatalogTrigger,
  CatalogType,
} from '../../command/sql/catalog.ts'
import { SallyportError } from '../../core/errors.ts'
import { definitionsQuery, snapshotQuery, versionQuery } from './catalog-queries.ts'

/** Runs one statement and answers its rows, every value as text. */
export type CatalogQuery = (sql: string) => Promise<readonly (readonly (string | null)[])[]>

/** What definitions were written out from, and what came of it: texts that follow from the same are the same. */
interface Definitions {
  readonly digest: string
  readonly rows: readonly (readonly (string | null)[])[]
}

const known = new WeakMap<Catalog, Definitions>()

/**
 * Two or three round trips. To write a definition out the server locks the relations in it (AccessShare) until that is answered, and those with
 * expressions for a moment each: so on a connection that is not the client's own give it a `lock_timeout`. Where nothing has changed since `last`
 * was taken, its definitions are kept and no lock is asked for.
 *
 * @param epoch of the new snapshot; must differ from that of every one before.
 * @throws {SallyportError} PROTOCOL_VIOLATION when the answer is not what was asked for; whatever `query` rejects with.
 */
export async function takeCatalog(query: CatalogQuery, epoch: number, last: Catalog | null = null): Promise<Catalog> {
  const version = Number((await query(versionQuery))[0]?.[0])
  if (!Number.isInteger(version)) throw new SallyportError('PROTOCOL_VIOLATION', 'the target does not tell its version')
  const rows = await query(snapshotQuery(version))
  const digest = digestOf(rows)
  const before = last === null ? undefined : known.get(last)
  const definitions = before?.digest === digest ? before : { digest, rows: await query(definitionsQuery(version)) }
  const sections = new Map<string, readonly unknown[]>()
  for (const [name, json] of [...rows, ...definitions.rows]) {
    const parsed: unknown = JSON.parse(json ?? '[]')
    if (typeof name === 'string' && Array.isArray(parsed)) sections.set(name, parsed)
    // A large catalog is taken in by the section, so that other sessions get their turn in between.
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  const catalog = buildCatalog(sections, version, epoch)
  known.set(catalog, definitions)
  return catalog
}

function digestOf(rows: readonly (readonly (string | null)[])[]): string {
  const hash = createHash('sha256')
  for (const row of rows) for (const value of row) hash.update(`${value === null ? '-' : value.length} ${value ?? ''}`)
  return hash.digest('hex')
}

function buildCatalog(sections: ReadonlyMap<string, readonly unknown[]>, serverVersion: number, epoch: number): Catalog {
  const rowsOf = (section: string): readonly Row[] => (sections.get(section) ?? []).map(item => new Row(item))
  const session = rowsOf('session')[0]
  if (session === undefined) throw new SallyportError('PROTOCOL_VIOLATION', 'the target does not tell its catalog')
  return {
    epoch,
    serverVersion,
    currentUser: session.text(0),
    searchPath: splitSearchPath(session.text(1)),
    isSuperuser: session.flag(2),
    relations: relationsOf(rowsOf),
    functions: functionsOf(rowsOf),
    operators: rowsOf('operators').map(operatorOf),
    casts: rowsOf('casts').map(castOf),
    types: typesOf(rowsOf('types'), rowsOf('domains')),
    schemas: new Set(rowsOf('schemas').map(row => row.text())),
    systemRelations: new Set(rowsOf('system').map(row => `${row.text(0)}.${row.text(1)}`)),
    definitionPath: session.texts(3),
    constraintNames: new Set(rowsOf('constraints').map(row => row.text())),
    orderingFunctions: rowsOf('ordering').map(row => row.number()),
    eventTriggers: rowsOf('events').map(row => row.number()),
    isAssumed: false,
  }
}

/** One JSON value of a section, read field by field; a field of another type reads as its zero value. */
class Row {
  readonly #value: unknown

  constructor(value: unknown) {
    this.#value = value
  }

  /** Field of the array, or the value itself. */
  at(field?: number): unknown {
    if (field === undefined) return this.#value
    return Array.isArray(this.#value) ? this.#value[field] : undefined
  }

  text(field?: number): string {
    const value = this.at(field)
    return typeof value === 'string' ? value : ''
  }

  textOrNull(field: number): string | null {
    const value = this.at(field)
    return typeof value === 'string' ? value : null
  }

  number(field?: number): number {
    const value = this.at(field)
    return typeof value === 'number' ? value : 0
  }

  flag(field: number): boolean {
    return this.at(field) === true
  }

  texts(field: number): readonly string[] {
    return this.rows(field).map(row => row.text())
  }

  rows(field: number): readonly Row[] {
    const value = this.at(field)
    return Array.isArray(value) ? value.map(item => new Row(item)) : []
  }
}

type RowsOf = (section: string) => readonly Row[]

function relationsOf(rowsOf: RowsOf): ReadonlyMap<number, CatalogRelation> {
  const columns = new Map(rowsOf('columns').map(row => [row.number(0), row.rows(1).map(columnOf)] as const))
  const parents = grouped(rowsOf('parents'), row => row.number(1))
  const triggers = grouped(rowsOf('triggers'), triggerOf)
  const rules = grouped(rowsOf('rules'), ruleOf)
  const cascades = grouped(rowsOf('cascades'), cascadeOf)
  const policies = grouped(rowsOf('policies'), row => row)
  const writing = grouped(rowsOf('writing'), row => row.text(1))
  const definitions = new Map(rowsOf('views').map(row => [row.number(0), row.text(1)] as const))
  const foreign = new Map(rowsOf('foreign').map(row => [row.number(0), { handler: row.text(1), options: row.texts(2) }] as const))
  const relations = new Map<number, CatalogRelation>()
  for (const row of rowsOf('relations')) {
    const oid = row.number(0)
    const own = policies.get(oid) ?? []
    relations.set(oid, {
      oid,
      schema: row.text(1),
      name: row.text(2),
      kind: row.text(3),
      owner: row.text(4),
      columns: columns.get(oid) ?? [],
      parents: parents.get(oid) ?? [],
      definition: definitions.get(oid) ?? null,
      rules: rules.get(oid) ?? [],
      triggers: triggers.get(oid) ?? [],
      hasRowSecurity: row.flag(5),
      readExpressions: own.flatMap(policy => policy.textOrNull(1) ?? []),
      writeExpressions: [...(writing.get(oid) ?? []), ...own.flatMap(policy => policy.textOrNull(2) ?? [])],
      cascades: cascades.get(oid) ?? [],
      foreign: foreign.get(oid) ?? null,
    })
  }
  return relations
}

function columnOf(row: Row): CatalogColumn {
  return {
    name: row.text(0),
    number: row.number(1),
    typeOid: row.number(2),
    isGenerated: row.flag(3),
    isNotNull: row.flag(4),
    expression: row.textOrNull(5),
  }
}

/** pg_trigger.tgtype is a set of bits. */
const triggerBits = [
  ['insert', 4],
  ['delete', 8],
  ['update', 16],
  ['truncate', 32],
] as const

function triggerOf(row: Row): CatalogTrigger {
  const bits = row.number(3)
  return {
    name: row.text(1),
    functionOid: row.number(2),
    on: new Set(triggerBits.flatMap(([action, bit]) => ((bits & bit) === 0 ? [] : [action]))),
    definition: row.textOrNull(4),
  }
}

function ruleOf(row: Row): CatalogRule {
  // pg_rewrite.ev_type: 1 select, 2 update, 3 insert, 4 delete.
  const events = ['select', 'update', 'insert', 'delete'] as const
  return { name: row.text(1), on: events[Number(row.text(2)) - 1] ?? 'select', definition: row.text(3) }
}

/** pg_constraint: a no action, r restrict, c cascade, n set null, d set default. */
function cascadeOf(row: Row): CatalogCascade {
  const actions: Readonly<Record<string, CascadeAction>> = { c: 'delete', n: 'update', d: 'update' }
  return {
    relationOid: row.number(1),
    onDelete: actions[row.text(2)] ?? 'none',
    onUpdate: 'cnd'.includes(row.text(3)) ? 'update' : 'none',
    columns: row.rows(4).map((from, index) => [from.number(), row.rows(5)[index]?.number() ?? 0] as const),
  }
}

function functionsOf(rowsOf: RowsOf): ReadonlyMap<number, CatalogFunction> {
  const bodies = new Map(rowsOf('bodies').map(row => [row.number(0), row.textOrNull(1)] as const))
  const volatilities = { i: 'immutable', s: 'stable' } as const
  return new Map(
    rowsOf('functions').map(row => {
      const volatility = row.text(9)
      return [
        row.number(0),
        {
          oid: row.number(0),
          schema: row.text(1),
          name: row.text(2),
          kind: row.text(3),
          argumentTypes: row.text(4).split(' ').filter(Boolean).map(Number),
          hasVariadic: row.flag(5),
          defaults: row.number(6),
          returnTypeOid: row.number(7),
          language: row.text(8),
          volatility: volatility === 'i' || volatility === 's' ? volatilities[volatility] : 'volatile',
          isSecurityDefiner: row.flag(10),
          body: row.textOrNull(11) ?? bodies.get(row.number(0)) ?? null,
          settings: row.texts(12),
          isBound: row.flag(13),
          native: row.textOrNull(14),
          defaultExpressions: row.textOrNull(15),
          resultTypes: row.rows(17).flatMap(type => (type.number() === 0 ? [] : [type.number()])),
          parts: row.rows(16).flatMap(part => (part.number() === 0 ? [] : [part.number()])),
        },
      ] as const
    }),
  )
}

function operatorOf(row: Row): CatalogOperator {
  return {
    oid: row.number(0),
    schema: row.text(1),
    name: row.text(2),
    leftTypeOid: row.number(3),
    rightTypeOid: row.number(4),
    functionOid: row.number(5),
  }
}

function castOf(row: Row): CatalogCast {
  const contexts: Readonly<Record<string, CatalogCast['context']>> = { e: 'explicit', a: 'assignment' }
  return {
    sourceTypeOid: row.number(0),
    targetTypeOid: row.number(1),
    functionOid: row.number(2),
    context: contexts[row.text(3)] ?? 'implicit',
  }
}

function typesOf(rows: readonly Row[], domains: readonly Row[]): ReadonlyMap<number, CatalogType> {
  const checks = grouped(domains, row => row.text(1))
  return new Map(
    rows.map(row => {
      const fallback = row.textOrNull(7)
      const oid = row.number(0)
      return [
        oid,
        {
          oid,
          schema: row.text(1),
          name: row.text(2),
          kind: row.text(3),
          relationOid: row.number(4),
          elementOid: row.number(5),
          baseTypeOid: row.number(6),
          functions: row.rows(8).flatMap(one => (one.number() === 0 ? [] : [one.number()])),
          expressions: [...(checks.get(oid) ?? []), ...(fallback === null ? [] : [fallback])],
        },
      ] as const
    }),
  )
}

/** By the oid in field 0. */
function grouped<T>(rows: readonly Row[], read: (row: Row) => T): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>()
  for (const row of rows) {
    const group = groups.get(row.number(0))
    if (group === undefined) groups.set(row.number(0), [read(row)])
    else group.push(read(row))
  }
  return groups
}
