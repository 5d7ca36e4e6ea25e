// What names of a catalog may stand for where nobody knows the search path: in bodies of functions, in errors. Any schema counts.
import type { Catalog, CatalogRelation } from './catalog.ts'
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

function byName<T extends { readonly name: string }>(all: Iterable<T>): ReadonlyMap<string, readonly T[]> {
  const named = new Map<string, T[]>()
  for (const one of all) {
    const same = named.get(one.name)
    if (same === undefined) named.set(one.name, [one])
    else same.push(one)
  }
  return named
}
