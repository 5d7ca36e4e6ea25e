// Tables, views and the like: what reading or writing one leads to: view definitions, rules, triggers, checks, row security, cascades.
import type { CatalogRelation } from './catalog.ts'
import { readFunction } from './functions.ts'
import type { SqlReader } from './sql-reader.ts'
import { parseStored, readExpression } from './stored-code.ts'
import { asKind, stringOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'
import { readLiteralChecks, readRangeFunctions, readTypeChecks } from './types.ts'

export type WriteAction = 'insert' | 'update' | 'delete' | 'truncate'

/** Below this, types are PostgreSQL's own. */
const FIRST_OWN_OID = 16_384

/** Views of pg_catalog that show files of the server. */
const fileViews: ReadonlySet<string> = new Set([
  'pg_catalog.pg_hba_file_rules',
  'pg_catalog.pg_ident_file_mappings',
  'pg_catalog.pg_file_settings',
])

/** A relation in FROM, or wherever rows are read. */
export function readRelation(reader: SqlReader, range: Tree): void {
  const name = stringOf(range, 'relname')
  const schema = schemaOf(range)
  if (schema === null && reader.ctes.has(name)) return
  const found = resolve(reader, range)
  if (found === null || reader.mode === 'define') return
  reader.reading.does('read')
  if (found.system !== null && fileViews.has(found.system)) reader.reading.does('file')
  for (const relation of found.relations) readRows(reader, relation)
}

/** The target of INSERT, UPDATE, DELETE, MERGE, COPY FROM or TRUNCATE: never a name of WITH. */
export function writeRelation(reader: SqlReader, range: Tree | null, actions: readonly WriteAction[]): void {
  const { reading } = reader
  if (range === null) return reading.doubts('a write without a target')
  const found = resolve(reader, range)
  if (found === null || reader.mode !== 'run') return
  reading.does('write')
  // A row of pg_catalog is a role, a grant, a definition: writing it is all of that.
  if (found.system !== null) {
    reading.does('ddl', 'privilege', 'admin')
    reading.changesCatalog = true
  }
  for (const relation of found.relations) writeRows(reader, relation, actions)
}

/** Code of the table that runs when it is rewritten, scanned or checked as a whole: ALTER, REINDEX, VACUUM, ANALYZE, CLUSTER. */
export function maintainRelation(reader: SqlReader, range: Tree): void {
  const found = resolve(reader, range)
  if (reader.mode !== 'run') return
  for (const relation of found?.relations ?? []) readWriteExpressions(reader, relation)
}

/** The definition of a view runs again: REFRESH. */
export function refreshRelation(reader: SqlReader, range: Tree): void {
  for (const relation of resolve(reader, range)?.relations ?? []) {
    readDefinition(reader, relation)
    readWriteExpressions(reader, relation)
  }
}

/** Names what a statement touches without saying that it reads it. */
export function addResource(reader: SqlReader, range: Tree | null): void {
  if (range === null) return
  const schema = schemaOf(range)
  const name = stringOf(range, 'relname')
  if (name === '') return
  const found = reader.names?.relation(schema, name)
  for (const relation of found?.relations ?? []) reader.reading.resources.add(`${relation.schema}.${relation.name}`)
  if (found === undefined || found.relations.length === 0) reader.reading.resources.add(schema === null ? name : `${schema}.${name}`)
}

interface Found {
  readonly relations: readonly CatalogRelation[]
  readonly system: string | null
}

/** null = nothing more can be told; why is noted. */
function resolve(reader: SqlReader, range: Tree): Found | null {
  const { reading, names } = reader
  const name = stringOf(range, 'relname')
  const schema = schemaOf(range)
  const written = schema === null ? name : `${schema}.${name}`
  if (names === null) {
    reading.resources.add(written)
    if (reader.mode !== 'define') reading.doubts(`what ${written} is cannot be known without the catalog`)
    return { relations: [], system: null }
  }
  const found = names.relation(schema, name)
  if (found.system !== null) reading.resources.add(found.system)
  for (const relation of found.relations) {
    reading.resources.add(`${relation.schema}.${relation.name}`)
    // A literal that meets one of its columns becomes a value of that type.
    for (const column of relation.columns) {
      readLiteralChecks(reader, column.typeOid)
      if (column.typeOid >= FIRST_OWN_OID) reading.columnTypes.add(column.typeOid)
    }
  }
  if (found.relations.length === 0 && found.system === null) reading.resources.add(written)
  if (found.isUnresolved && !reader.isMadeHere(schema, name) && reader.mode !== 'define') {
    reading.hasUnresolvedNames = true
    if (reader.context.isFresh !== true) reading.doubts(`the relation ${written} is not in the catalog`)
  }
  return found
}

function readRows(reader: SqlReader, relation: CatalogRelation): void {
  const key = `${reader.mode} rows ${relation.oid}`
  if (reader.seen.has(key)) return
  reader.seen.add(key)
  if (relation.kind === 'v') readDefinition(reader, relation)
  if (relation.kind === 'f') readForeign(reader, relation)
  for (const expression of relation.readExpressions) readExpression(reader, expression)
  for (const column of relation.columns) {
    readRangeFunctions(reader, column.typeOid)
    if (column.isGenerated && column.expression !== null) readExpression(reader, column.expression)
  }
  for (const child of reader.names?.childrenOf(relation.oid) ?? []) readRows(reader, child)
}

function readDefinition(reader: SqlReader, relation: CatalogRelation): void {
  const statements = relation.definition === null ? null : parseStored(relation.definition)
  if (statements === null) return reader.reading.runsUnreadable(`the definition of ${relation.schema}.${relation.name} cannot be read`)
  const inner = reader.inner(reader.names?.catalog.definitionPath ?? null)
  for (const statement of statements) inner?.visit(statement.kind, statement.fields)
}

function readForeign(reader: SqlReader, relation: CatalogRelation): void {
  const handler = relation.foreign?.handler ?? ''
  if (handler === 'file_fdw_handler') {
    const isProgram = relation.foreign?.options.some(option => option.startsWith('program=')) ?? true
    reader.reading.does(isProgram ? 'program' : 'file')
  } else {
    reader.reading.does('call')
    reader.reading.doubts(`${relation.schema}.${relation.name} is a foreign table`)
  }
}

function writeRows(reader: SqlReader, relation: CatalogRelation, actions: readonly WriteAction[]): void {
  const key = `${reader.mode} ${actions.join()} ${relation.oid}`
  if (reader.seen.has(key)) return
  reader.seen.add(key)
  if (relation.kind === 'f') readForeign(reader, relation)
  for (const trigger of relation.triggers) {
    if (!actions.some(action => trigger.on.has(action))) continue
    if (trigger.definition !== null) readCondition(reader, trigger.definition)
    readFunctionOf(reader, trigger.functionOid, `${relation.schema}.${relation.name}`)
  }
  for (const rule of relation.rules) {
    if (actions.some(action => action === rule.on)) readRule(reader, rule.definition)
  }
  readWriteExpressions(reader, relation)
  if (relation.kind === 'v') writeThroughView(reader, relation, actions)
  for (const cascade of relation.cascades) {
    const action = actions.includes('truncate')
      ? 'truncate'
      : actions.includes('delete') && cascade.onDelete !== 'none'
        ? cascade.onDelete
        : actions.includes('update') && cascade.onUpdate !== 'none'
          ? cascade.onUpdate
          : null
    const other = action === null ? undefined : reader.names?.catalog.relations.get(cascade.relationOid)
    if (other === undefined || action === null) continue
    reader.reading.resources.add(`${other.schema}.${other.name}`)
    writeRows(reader, other, [action])
  }
  // A row whose key changes leaves one partition and enters another.
  const below: readonly WriteAction[] = relation.kind === 'p' && actions.includes('update') ? moving : actions
  for (const child of reader.names?.childrenOf(relation.oid) ?? []) writeRows(reader, child, below)
}

const moving: readonly WriteAction[] = ['update', 'delete', 'insert']

/** Checks, defaults, indexes, row security of a relation, and of the types of its columns. */
function readWriteExpressions(reader: SqlReader, relation: CatalogRelation): void {
  for (const expression of [...relation.readExpressions, ...relation.writeExpressions]) readExpression(reader, expression)
  for (const column of relation.columns) {
    if (column.expression !== null) readExpression(reader, column.expression)
    readTypeChecks(reader, column.typeOid)
  }
}

function readFunctionOf(reader: SqlReader, oid: number, where: string): void {
  const run = reader.names?.catalog.functions.get(oid)
  if (run !== undefined) readFunction(reader, run)
  else if (!isOwnTriggerFunction(oid)) reader.reading.runsUnreadable(`a trigger of ${where} calls a function that is not in the catalog`)
}

/** Below this, oids are PostgreSQL's own: suppress_redundant_updates_trigger and the tsvector triggers only change the row. */
function isOwnTriggerFunction(oid: number): boolean {
  return oid < 16_384
}

/** The WHEN of a trigger, from `pg_get_triggerdef`. */
function readCondition(reader: SqlReader, definition: string): void {
  const made = parseStored(definition)?.[0]
  if (made?.kind !== 'CreateTrigStmt') return reader.reading.runsUnreadable('a trigger whose definition cannot be read')
  reader.inner(reader.names?.catalog.definitionPath ?? null, 'run')?.walk(made.fields['whenClause'])
}

function readRule(reader: SqlReader, definition: string): void {
  const made = parseStored(definition)?.[0]
  const inner = reader.inner(reader.names?.catalog.definitionPath ?? null, 'run')
  if (inner === null) return
  if (made?.kind !== 'RuleStmt') return reader.reading.runsUnreadable('a rule whose definition cannot be read')
  // Inside a rule `old` and `new` are rows, not relations.
  inner.ctes.add('old')
  inner.ctes.add('new')
  inner.walk(made.fields['whereClause'])
  inner.walk(made.fields['actions'])
}

/** A view without INSTEAD rules or triggers hands the write on to the relations it selects from. */
function writeThroughView(reader: SqlReader, view: CatalogRelation, actions: readonly WriteAction[]): void {
  const select = view.definition === null ? undefined : parseStored(view.definition)?.[0]
  const inner = reader.inner(reader.names?.catalog.definitionPath ?? null, 'run')
  if (select === undefined || inner === null)
    return reader.reading.runsUnreadable(`the definition of ${view.schema}.${view.name} cannot be read`)
  inner.visit(select.kind, select.fields)
  for (const item of treesIn(select.fields, 'fromClause')) {
    const range = asKind(item, 'RangeVar')
    if (range === null) continue
    const found = inner.names?.relation(schemaOf(range), stringOf(range, 'relname'))
    for (const base of found?.relations ?? []) writeRows(reader, base, actions)
  }
}

function schemaOf(range: Tree): string | null {
  const schema = stringOf(range, 'schemaname')
  return schema === '' ? null : schema
}
