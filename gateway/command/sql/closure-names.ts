// What names of a catalog may stand for where nobody knows the search path: in bodies of functions, in errors. Any schema counts.
import type { Catalog, CatalogRelation } from './catalog.ts'
import { byName } from './catalog-names.ts'
import type { CodeNames } from './taint-code.ts'

const typesOfCatalogs = new WeakMap<Catalog, ReadonlySet<string>>()

/** Types that are not PostgreSQL's own. */
export function typeNames(catalog: Catalog): ReadonlySet<string> {
  const known = typesOfCatalogs.get(catalog)
  if (known !== undefined) return known
  const names = new Set([...catalog.types.values()].map(({ name }) => name))
  typesOfCatalogs.set(catalog, names)
  return names
}

const namesOfCatalogs = new WeakMap<Catalog, ReadonlyMap<string, readonly CatalogRelation[]>>()

/** Relations of any schema. */
export function relationsByName(catalog: Catalog): ReadonlyMap<string, readonly CatalogRelation[]> {
  const known = namesOfCatalogs.get(catalog)
  if (known !== undefined) return known
  const names = byName(catalog.relations.values())
  namesOfCatalogs.set(catalog, names)
  return names
}

/** How names in bodies of functions are judged. @param known what depends on masks. */
export function codeNames(catalog: Catalog, known: Pick<CodeNames, 'relation' | 'loudness' | 'conductOf'>): ClosureNames {
  const functions = byName(catalog.functions.values())
  const operators = byName(catalog.operators)
  return {
    ...known,
    hasNamedCursors: catalog.serverVersion < 160_000,
    isRelation: name => relationsByName(catalog).has(name),
    functions: name => functions.get(name) ?? [],
    operators: name => (operators.get(name) ?? []).flatMap(operator => catalog.functions.get(operator.functionOid) ?? []),
    callsCode(expression) {
      if (functions.size === 0) return false
      // Most defaults and checks are of words that no function has.
      return (expression.match(/"(?:[^"]|"")+"|[^\s"'(),.:;<>=!+*/-]+|[<>=!+*/@#%^&|`?~-]+/g) ?? []).some(word => {
        const name = word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word
        return functions.has(name) || operators.has(name)
      })
    },
  }
}

export interface ClosureNames extends CodeNames {
  /** False only when an expression calls nothing but what PostgreSQL has itself. */
  callsCode(expression: string): boolean
}

/** What the catalog knows of names in errors: code of a database can raise an error with a value where a name should stand. */
export interface ErrorNames {
  isRelation(schema: string | undefined, relation: string): boolean
  isColumn(schema: string | undefined, relation: string, column: string): boolean
  readonly isType: (name: string) => boolean
  readonly isConstraint: (name: string) => boolean
  readonly isSchema: (name: string) => boolean
  /** A relation with masked columns, in this schema or, without one, in any. */
  isMasked(schema: string | undefined, relation: string): boolean
}
