// What runs when a value becomes one of a type: checks of domains, also inside arrays, ranges and rows.
import { readExpression } from './stored-code.ts'
import type { SqlReader } from './sql-reader.ts'

export function readTypeChecks(reader: SqlReader, oid: number): void {
  const catalog = reader.names?.catalog
  const type = catalog?.types.get(oid)
  if (catalog === undefined || type === undefined || reader.seen.has(`type ${oid}`)) return
  reader.seen.add(`type ${oid}`)
  for (const expression of type.expressions) readExpression(reader, expression)
  readTypeChecks(reader, type.baseTypeOid)
  readTypeChecks(reader, type.elementOid)
  for (const column of catalog.relations.get(type.relationOid)?.columns ?? []) readTypeChecks(reader, column.typeOid)
}
