// What a view stands on: the relations that its query names, wherever in it. A write to a view is a write to one of them.
import type { Catalog, CatalogRelation } from './catalog.ts'
import { CatalogNames } from './catalog-names.ts'
import { parseSql } from './parser.ts'
import { isTree, stringOf } from './syntax-tree.ts'

/** Empty for what is no view, and for a view whose definition cannot be read: that one is not to be used by anybody. */
export function relationsBehind(catalog: Catalog, view: CatalogRelation): readonly CatalogRelation[] {
  if (view.kind !== 'v' || view.definition === null) return []
  const parsed = parseSql(Buffer.from(view.definition))
  if (!parsed.ok) return []
  const names = new CatalogNames(catalog, catalog.definitionPath)
  const found = new Set<CatalogRelation>()
  const look = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) look(item)
    if (!isTree(value)) return
    if (typeof value['relname'] === 'string') {
      const schema = stringOf(value, 'schemaname')
      for (const relation of names.relation(schema === '' ? null : schema, value['relname']).relations) found.add(relation)
    }
    for (const inner of Object.values(value)) if (typeof inner === 'object') look(inner)
  }
  for (const { fields } of parsed.statements) look(fields)
  found.delete(view)
  return [...found]
}
