// Names of a catalog, found as PostgreSQL finds them: pg_temp, pg_catalog, the search path, quoting already undone.
// Answers candidates, not one winner: which overload is taken depends on types that are not worked out here.
import type { Catalog, CatalogFunction, CatalogOperator, CatalogRelation, CatalogType } from './catalog.ts'

/** What a relation's name may stand for. */
export interface RelationMatch {
  readonly relations: readonly CatalogRelation[]
  /** One of pg_catalog or information_schema may be meant. */
  readonly system: string | null
  readonly isUnresolved: boolean
}

interface Index {
  /** Parent -> children, by pg_inherits. */
  readonly children: ReadonlyMap<number, readonly CatalogRelation[]>
  readonly relations: ReadonlyMap<string, readonly CatalogRelation[]>
  readonly functions: ReadonlyMap<string, readonly CatalogFunction[]>
  readonly operators: ReadonlyMap<string, readonly CatalogOperator[]>
  readonly types: ReadonlyMap<string, readonly CatalogType[]>
  readonly hasSystemNames: ReadonlySet<string>
}

const indexes = new WeakMap<Catalog, Index>()

export class CatalogNames {
  readonly catalog: Catalog
  readonly #index: Index
  /** Schemas searched for a bare name, in order, without pg_temp; null = unknown, any may be meant. */
  readonly #path: readonly string[] | null

  /** The catalog has changed since: the first schema that has a name may no longer have it, so all of the path count. */
  readonly #isDrifting: boolean

  constructor(catalog: Catalog, searchPath: readonly string[] | null, isDrifting = false) {
    this.#isDrifting = isDrifting
    this.catalog = catalog
    this.#index = indexOf(catalog)
    this.#path = searchPath === null ? null : effectivePath(searchPath, catalog.currentUser)
  }

  /** @param schema null for a bare name. */
  relation(schema: string | null, name: string): RelationMatch {
    const named = this.#index.relations.get(name) ?? []
    if (schema !== null) {
      if (isSystem(schema))
        return { relations: named.filter(one => one.schema === schema), system: `${schema}.${name}`, isUnresolved: false }
      const relations = named.filter(one => isInSchema(one.schema, schema))
      return this.#match(relations, null)
    }
    const temporary = named.filter(one => isTemporary(one.schema))
    if (this.#path === null) {
      const system = [...systemSchemas].map(one => `${one}.${name}`).find(one => this.#index.hasSystemNames.has(one))
      return this.#match(named, system ?? null)
    }
    const path = this.#path
    if (this.#isDrifting) {
      const anywhere = named.filter(one => isTemporary(one.schema) || path.includes(one.schema))
      if (anywhere.length > 0) return this.#match(anywhere, null)
    }
    for (const at of path) {
      const relations = named.filter(one => one.schema === at && !isTemporary(one.schema))
      const system = `${at}.${name}`
      if (this.#index.hasSystemNames.has(system) || (this.catalog.isAssumed && at === 'pg_catalog' && name.startsWith('pg_'))) {
        return this.#match([...temporary, ...relations], system)
      }
      if (relations.length > 0) return this.#match([...temporary, ...relations], null)
    }
    return this.#match(temporary, null)
  }

  /** Functions that are not PostgreSQL's own and may be meant by the name, whatever their arguments. */
  functions(schema: string | null, name: string): readonly CatalogFunction[] {
    return this.#named(this.#index.functions.get(name), schema)
  }

  operators(schema: string | null, name: string): readonly CatalogOperator[] {
    return this.#named(this.#index.operators.get(name), schema)
  }

  /** Types that are not PostgreSQL's own. A bare name finds temporary ones too. */
  types(schema: string | null, name: string): readonly CatalogType[] {
    const named = this.#index.types.get(name) ?? []
    if (schema !== null) return named.filter(one => isInSchema(one.schema, schema))
    return named.filter(one => isTemporary(one.schema) || this.#path === null || this.#path.includes(one.schema))
  }

  /** A bare name may mean something of pg_catalog, or `schema` is pg_catalog. */
  reachesBuiltins(schema: string | null): boolean {
    return schema === null || schema === 'pg_catalog'
  }

  /** Partitions and inheriting tables, one level down. */
  childrenOf(relation: number): readonly CatalogRelation[] {
    return this.#index.children.get(relation) ?? []
  }

  #named<T extends { readonly schema: string }>(named: readonly T[] | undefined, schema: string | null): readonly T[] {
    if (named === undefined) return []
    if (schema !== null) return named.filter(one => isInSchema(one.schema, schema))
    // PostgreSQL never looks for a function or operator in pg_temp unless told to.
    const path = this.#path
    return path === null ? named : named.filter(one => path.includes(one.schema) || (path.includes('pg_temp') && isTemporary(one.schema)))
  }

  #match(relations: readonly CatalogRelation[], system: string | null): RelationMatch {
    return { relations, system, isUnresolved: relations.length === 0 && system === null && !this.catalog.isAssumed }
  }
}

const systemSchemas: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast'])

function isSystem(schema: string): boolean {
  return systemSchemas.has(schema)
}

function isTemporary(schema: string): boolean {
  return schema.startsWith('pg_temp_')
}

function isInSchema(actual: string, written: string): boolean {
  return actual === written || (written === 'pg_temp' && isTemporary(actual))
}

/** pg_catalog is searched first unless it is listed; `$user` is the schema of the current user. */
function effectivePath(path: readonly string[], user: string): readonly string[] {
  const named = path.map(one => (one === '$user' ? user : one))
  return named.includes('pg_catalog') ? named : ['pg_catalog', ...named]
}

function indexOf(catalog: Catalog): Index {
  const known = indexes.get(catalog)
  if (known !== undefined) return known
  const index: Index = {
    children: childrenIn(catalog),
    relations: byName(catalog.relations.values()),
    functions: byName(catalog.functions.values()),
    operators: byName(catalog.operators),
    types: byName(catalog.types.values()),
    hasSystemNames: catalog.systemRelations,
  }
  indexes.set(catalog, index)
  return index
}

/** Things of one name, overloaded or in several schemas. */
export function byName<T extends { readonly name: string }>(all: Iterable<T>): ReadonlyMap<string, readonly T[]> {
  const named = new Map<string, T[]>()
  for (const one of all) {
    const same = named.get(one.name)
    if (same === undefined) named.set(one.name, [one])
    else same.push(one)
  }
  return named
}

function childrenIn(catalog: Catalog): ReadonlyMap<number, readonly CatalogRelation[]> {
  const children = new Map<number, CatalogRelation[]>()
  for (const relation of catalog.relations.values()) {
    for (const parent of relation.parents) {
      const siblings = children.get(parent)
      if (siblings === undefined) children.set(parent, [relation])
      else siblings.push(relation)
    }
  }
  return children
}
