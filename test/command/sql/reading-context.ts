// Contexts for reading SQL in tests.
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import type { Catalog } from '../../../gateway/command/sql/catalog.ts'
import { readSql } from '../../../gateway/command/sql/read-sql.ts'
import type { SqlContext, SqlStatement } from '../../../gateway/command/sql/sql-statement.ts'

export function contextOf(catalog: Catalog | null = assumedCatalog, more: Partial<SqlContext> = {}): SqlContext {
  return {
    catalog,
    searchPath: catalog?.searchPath ?? null,
    trustedFunctions: new Set(),
    standardConformingStrings: true,
    isUtf8: true,
    prepared: new Map(),
    cursors: new Map(),
    ...more,
  }
}

export function read(sql: string, context: SqlContext = contextOf()): readonly SqlStatement[] {
  return readSql(Buffer.from(sql), context)
}

/** The only statement of a text. */
export function readOne(sql: string, context: SqlContext = contextOf()): SqlStatement {
  const [statement, ...more] = read(sql, context)
  if (statement === undefined || more.length > 0) throw new Error(`not one statement: ${sql}`)
  return statement
}

export function effectsOf(sql: string, context: SqlContext = contextOf()): string {
  return [...readOne(sql, context).command.effects].toSorted().join(' ')
}

const harmless: ReadonlySet<string> = new Set(['read', 'session', 'transaction', 'write'])

/** What a policy that allows only reading, the session's own affairs, transactions and filtered writes would not let through. */
export function isStopped(statements: readonly SqlStatement[]): boolean {
  return statements.some(({ command }) => command.unfiltered || [...command.effects].some(effect => !harmless.has(effect)))
}
