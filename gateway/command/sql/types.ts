// What runs when a value becomes one of a type: checks of domains, also inside arrays, ranges and rows.
import type { Catalog, CatalogType } from './catalog.ts'
import { readExpression } from './stored-code.ts'
import type { SqlReader } from './sql-reader.ts'

export function readTypeChecks(reader: SqlReader, oid: number): void {
  const catalog = reader.names?.catalog
  const type = catalog?.types.get(oid)
  const key = `${reader.mode} type ${oid}`
  if (catalog === undefined || type === undefined || reader.seen.has(key)) return
  reader.seen.add(key)
  for (const expression of type.expressions) readExpression(reader, expression)
  readRangeFunctions(reader, oid)
  readTypeChecks(reader, type.baseTypeOid)
  readTypeChecks(reader, type.elementOid)
  for (const column of catalog.relations.get(type.relationOid)?.columns ?? []) readTypeChecks(reader, column.typeOid)
}

/**
 * A literal of this type is turned into a value while the statement is only analysed: at Parse, in PREPARE, in EXPLAIN, in the
 * definition of a view. A domain by itself is checked when the statement runs; one inside an array, a range or a row is checked then.
 */
export function readLiteralChecks(reader: SqlReader, oid: number): void {
  const catalog = reader.names?.catalog
  if (catalog !== undefined && checkedInside(catalog).has(oid)) reader.within('run', () => readTypeChecks(reader, oid))
}

/** The same for an array of this type. */
export function readArrayLiteralChecks(reader: SqlReader, elementOid: number): void {
  const catalog = reader.names?.catalog
  const element = catalog?.types.get(elementOid)
  if (catalog !== undefined && element !== undefined && isChecked(catalog, element, checkedInside(catalog)))
    reader.within('run', () => readTypeChecks(reader, elementOid))
}

const inside = new WeakMap<Catalog, ReadonlySet<number>>()

/** Types whose literals run checks as soon as they are read: they hold a domain that has some, at any depth. */
export function checkedInside(catalog: Catalog): ReadonlySet<number> {
  const known = inside.get(catalog)
  if (known !== undefined) return known
  const found = new Set<number>()
  const types = [...catalog.types.values()]
  if (types.some(type => type.expressions.length > 0)) {
    // Each round goes one level further out; there are no more levels than types.
    for (let before = -1; before !== found.size;) {
      before = found.size
      for (const type of types) if (holdsChecked(catalog, type, found)) found.add(type.oid)
    }
  }
  inside.set(catalog, found)
  return found
}

function holdsChecked(catalog: Catalog, type: CatalogType, known: ReadonlySet<number>): boolean {
  const isPart = (oid: number): boolean => {
    const part = catalog.types.get(oid)
    return part !== undefined && isChecked(catalog, part, known)
  }
  if (known.has(type.baseTypeOid)) return true
  if (type.elementOid !== 0 && isPart(type.elementOid)) return true
  return type.relationOid !== 0 && (catalog.relations.get(type.relationOid)?.columns ?? []).some(column => isPart(column.typeOid))
}

function isChecked(catalog: Catalog, type: CatalogType, known: ReadonlySet<number>): boolean {
  if (known.has(type.oid)) return true
  if (type.kind !== 'd') return false
  const base = catalog.types.get(type.baseTypeOid)
  return type.expressions.length > 0 || (base !== undefined && isChecked(catalog, base, known))
}

/** The functions of a range type, also where its values are only read: a planner computes with them. */
export function readRangeFunctions(reader: SqlReader, oid: number): void {
  for (const functionOid of reader.names?.catalog.types.get(oid)?.functions ?? []) reader.visitFunction(functionOid)
}

/** The checks of every type there is: a function fills a row whose type is not written. */
export function readAllTypeChecks(reader: SqlReader): void {
  for (const [oid, type] of reader.names?.catalog.types ?? []) if (type.expressions.length > 0) readTypeChecks(reader, oid)
}
