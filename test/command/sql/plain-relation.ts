// A table as the catalog tells of one: text columns, and nothing that speaks by itself.
import type { CatalogRelation } from '../../../gateway/command/sql/catalog.ts'

export function plainRelation(oid: number, name: string, columns: readonly string[], more: Partial<CatalogRelation> = {}): CatalogRelation {
  return {
    oid,
    schema: 'public',
    name,
    kind: 'r',
    owner: 'x',
    parents: [],
    definition: null,
    rules: [],
    triggers: [],
    hasRowSecurity: false,
    columns: columns.map((column, index) => ({
      name: column,
      number: index + 1,
      typeOid: 25,
      isGenerated: false,
      isNotNull: false,
      expression: null,
    })),
    readExpressions: [],
    writeExpressions: [],
    cascades: [],
    foreign: null,
    ...more,
  }
}
