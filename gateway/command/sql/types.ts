// What runs when a value becomes one of a type: checks of domains, also inside arrays, ranges and rows.
import { readExpression } from './stored-code.ts'
import type { SqlReader } from './sql-reader.ts'

export function readTypeChecks(reader: SqlReader, oid: number): void {
  const catalog = reader.names?.catalog
  const type = catalog?.types.get(oid)
  if (catalog === undefined || type === undefined || reader.seen.has(`type ${oid}`)) return
  reader.seen.add(`type ${oid}`)
  for (const expression of type.expressions) readExpression(reader, expression)
  readRangeFunctions(reader, oid)
  readTypeChecks(reader, type.baseTypeOid)
  readTypeChecks(reader, type.elementOid)
  for (const column of catalog.relations.get(type.relationOid)?.columns ?? []) readTypeChecks(reader, column.typeOid)
}

/** The functions of a range type, also where its values are only read: a planner computes with them. */
export function readRangeFunctions(reader: SqlReader, oid: number): void {
  for (const functionOid of reader.names?.catalog.types.get(oid)?.functions ?? []) reader.visitFunction(functionOid)
}

/** The checks of every type there is: a function fills a row whose type is not written. */
export function readAllTypeChecks(reader: SqlReader): void {
  for (const [oid, type] of reader.names?.catalog.types ?? []) if (type.expressions.length > 0) readTypeChecks(reader, oid)
}
