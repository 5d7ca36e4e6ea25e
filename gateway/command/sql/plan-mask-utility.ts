// Statements that are no query: which of them can show, move or rename what is masked. A kind that is not listed is refused.
import { planCopy } from './plan-mask-copy.ts'
import type { MaskPlan } from './mask-plan.ts'
import { cleanPlan } from './mask-plan.ts'
import { readCode } from './taint-code.ts'
import type { CodeNames } from './taint-code.ts'
import { readTaintCall } from './taint-calls.ts'
import { taintOfFields } from './taint-expression.ts'
import { readTaintRelation } from './taint-from.ts'
import type { SqlContext, SqlStatement } from './sql-statement.ts'
import type { TaintReader } from './taint-reader.ts'
import { emptyScope, itemOf } from './taint-scope.ts'
import type { Scope } from './taint-scope.ts'
import { emptyRow, rowTaint } from './taint.ts'
import type { MaybeTaint, TaintRow } from './taint.ts'
import { asKind, isTree, namesIn, stringOf, treeOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** What planning a statement inside a statement needs. */
export interface Planning {
  readonly context: SqlContext
  readonly code: CodeNames
}

/** They hold no expression over rows and show no row. */
const HARMLESS: ReadonlySet<string> = new Set(
  `TransactionStmt VariableSetStmt VariableShowStmt DiscardStmt DeallocateStmt ClosePortalStmt ListenStmt UnlistenStmt NotifyStmt LockStmt
   CheckPointStmt ConstraintsSetStmt DropStmt CommentStmt SecLabelStmt GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt CreateRoleStmt
   AlterRoleStmt AlterRoleSetStmt DropRoleStmt DropOwnedStmt ReassignOwnedStmt CreateSeqStmt AlterSeqStmt CreateEnumStmt AlterEnumStmt
   CompositeTypeStmt CreatedbStmt AlterDatabaseStmt AlterDatabaseSetStmt AlterDatabaseRefreshCollStmt DropdbStmt CreateTableSpaceStmt
   DropTableSpaceStmt AlterTableSpaceOptionsStmt AlterSystemStmt CreatePublicationStmt AlterPublicationStmt AlterOwnerStmt
   AlterObjectDependsStmt AlterTableMoveAllStmt AlterCollationStmt AlterStatsStmt DropSubscriptionStmt DropUserMappingStmt`.split(/\s+/),
)

/** They work on relations as they are; their errors may show a row. */
const MAINTENANCE: ReadonlySet<string> = new Set([
  'VacuumStmt',
  'ClusterStmt',
  'ReindexStmt',
  'TruncateStmt',
  'RefreshMatViewStmt',
  'CreateStatsStmt',
])

/** Changes to a masked table that neither move nor rename what is masked. */
const TABLE_CHANGES: ReadonlySet<string> = new Set(
  `AT_AddColumn AT_ColumnDefault AT_DropNotNull AT_SetNotNull AT_AddConstraint AT_DropConstraint AT_ValidateConstraint AT_AlterConstraint
   AT_SetStatistics AT_SetStorage AT_SetCompression AT_SetOptions AT_ResetOptions AT_SetRelOptions AT_ResetRelOptions AT_ChangeOwner AT_ClusterOn
   AT_DropCluster AT_SetLogged AT_SetUnLogged AT_SetTableSpace AT_ReplicaIdentity AT_EnableTrig AT_DisableTrig AT_EnableTrigAll AT_DisableTrigAll
   AT_EnableTrigUser AT_DisableTrigUser AT_AddIdentity AT_SetIdentity AT_DropIdentity`.split(/\s+/),
)

const computingExtensions: ReadonlySet<string> = new Set(
  'btree_gin btree_gist citext cube earthdistance fuzzystrmatch hstore intarray isn ltree pg_trgm pgcrypto seg unaccent uuid-ossp'.split(
    ' ',
  ),
)

const ELSEWHERE = 'run it on a connection without masks'

/** The rows a statement shows, or its whole plan. */
export function planUtility(reader: TaintReader, kind: string, fields: Tree, planning: Planning): TaintRow | MaskPlan {
  checkMadeNames(reader, kind, fields)
  if (HARMLESS.has(kind)) return cleanPlan
  if (MAINTENANCE.has(kind)) return touchAll(reader, fields)
  switch (kind) {
    case 'SelectStmt':
    case 'CreateTableAsStmt':
      return planMade(reader, kind, fields, planning)
    case 'PrepareStmt':
      reader.query(fields['query'], emptyScope)
      return emptyRow
    case 'ExplainStmt':
      return planExplain(reader, fields, planning)
    case 'CopyStmt':
      return planCopy(reader, fields)
    case 'CallStmt':
      return planCall(reader, fields)
    case 'DoStmt':
      return planBody(reader, bodyOf(treesIn(fields, 'args')), languageOf(treesIn(fields, 'args')), planning, 'a DO block')
    case 'CreateFunctionStmt':
      return planCreateFunction(reader, fields, planning)
    case 'ViewStmt':
      return refuseShowing(reader, reader.query(fields['query'], emptyScope), 'a view would show a masked column')
    case 'CreateStmt':
      checkReferences(reader, fields)
      reader.touch(taintOfFields(reader, withoutRelations(fields), emptyScope))
      return keepsNothing(reader)
    case 'CreateDomainStmt':
    case 'AlterDomainStmt':
      reader.touch(taintOfFields(reader, withoutRelations(fields), emptyScope))
      // Its checks run wherever a value becomes one of the domain, masked ones too.
      if (reader.callsWritingCode) reader.refuse(null, 'a domain would give values to code that writes', ELSEWHERE)
      return keepsNothing(reader)
    case 'CreateRangeStmt':
      if (treesIn(fields, 'params').some(one => /^(canonical|subtype_diff)$/.test(stringOf(asKind(one, 'DefElem') ?? {}, 'defname')))) {
        reader.refuse(null, 'a range would give values to code', ELSEWHERE)
      }
      return emptyRow
    case 'IndexStmt':
      return planIndex(reader, fields)
    case 'AlterTableStmt':
      return planAlterTable(reader, fields)
    case 'CreateSchemaStmt':
      return planSchema(reader, fields, planning)
    case 'RenameStmt':
    case 'AlterObjectSchemaStmt':
      return planRename(reader, kind, fields)
    case 'CreateExtensionStmt':
      // Their functions compute, and are judged like any other when they are called.
      if (computingExtensions.has(stringOf(fields, 'extname'))) return cleanPlan
      return reader.refuse(null, 'an extension may open a way to masked columns', ELSEWHERE)
    case 'CreateTrigStmt':
      return planTrigger(reader, fields)
    default:
      return reader.refuse(null, `a ${kind.replace(/Stmt$/, '')} may open a way to masked columns`, ELSEWHERE)
  }
}

/** Defaults, generated columns, bounds and USING: what code read of masked columns would stay in the definition, or in rows. */
function keepsNothing(reader: TaintReader): TaintRow {
  if (reader.callsReadingCode) reader.refuse(null, 'a definition would hold what a function reads of masked columns', ELSEWHERE)
  return emptyRow
}

/** A new relation must not take the place of one that code bound to masked tables writes. */
function checkMadeNames(reader: TaintReader, kind: string, fields: Tree): void {
  const into = treeOf(fields, kind === 'SelectStmt' ? 'intoClause' : 'into')
  const made =
    kind === 'CreateStmt' || kind === 'CreateForeignTableStmt'
      ? treeOf(treeOf(fields, 'base') ?? fields, 'relation')
      : kind === 'ViewStmt'
        ? treeOf(fields, 'view')
        : into === null
          ? null
          : treeOf(into, 'rel')
  const names = [made === null ? '' : stringOf(made, 'relname')]
  if (kind === 'RenameStmt') names.push(stringOf(fields, 'newname'))
  if (kind === 'AlterObjectSchemaStmt') names.push(stringOf(treeOf(fields, 'relation') ?? {}, 'relname'))
  if (names.some(name => reader.source.boundNames().relations.has(name))) {
    reader.refuse(null, 'code of a masked table writes a relation of this name', 'give it another name')
  }
}

/** SELECT INTO, CREATE TABLE AS, CREATE MATERIALIZED VIEW: a new relation that no rule names. */
function planMade(reader: TaintReader, kind: string, fields: Tree, planning: Planning): TaintRow {
  const query = kind === 'SelectStmt' ? { SelectStmt: fields } : fields['query']
  return refuseShowing(reader, innerRow(reader, query, planning), 'a new relation would hold masked values')
}

/** The rows of a query, or of an EXECUTE of one. */
function innerRow(reader: TaintReader, query: unknown, planning: Planning): TaintRow {
  const executed = asKind(query, 'ExecuteStmt')
  if (executed === null) return reader.query(query, emptyScope)
  const statement: SqlStatement | undefined = planning.context.prepared.get(stringOf(executed, 'name'))
  if (statement === undefined)
    return reader.refuse(null, 'a prepared statement that the gateway has not seen', 'PREPARE it in this session')
  checkArguments(reader, executed)
  return reader.query(statement.node, emptyScope)
}

/** Where the arguments of EXECUTE go is not followed: none may be a masked value. */
export function checkArguments(reader: TaintReader, executed: Tree): void {
  const taint = reader.expression(executed['params'], emptyScope)
  if (taint !== null) reader.refuse(taint, 'a masked value as an argument of EXECUTE', 'write the call into the statement')
}

function refuseShowing(reader: TaintReader, row: TaintRow, reason: string): TaintRow {
  const taint = rowTaint(row)
  if (taint !== null) reader.refuse(taint, reason, 'leave the masked columns out')
  return emptyRow
}

/** A plan shows expressions and constants; a function folded into a constant shows what it read. */
function planExplain(reader: TaintReader, fields: Tree, planning: Planning): TaintRow {
  const inner = unwrap(fields['query'])
  if (inner === null) return reader.refuse(null, 'an EXPLAIN without a statement', ELSEWHERE)
  if (inner.kind === 'CreateTableAsStmt') planMade(reader, inner.kind, inner.fields, planning)
  else if (inner.kind === 'DeclareCursorStmt') reader.query(inner.fields['query'], emptyScope)
  else innerRow(reader, fields['query'], planning)
  if (reader.callsReadingCode) {
    reader.refuse(null, 'a plan may show what a function read of masked columns', 'EXPLAIN the query of the function instead')
  }
  return { columns: [{ name: 'QUERY PLAN', taint: null }], isOpen: true, rest: null }
}

function planCall(reader: TaintReader, fields: Tree): TaintRow {
  const call = treeOf(fields, 'funccall')
  const taint = call === null ? null : readTaintCall(reader, call, emptyScope)
  return { columns: [], isOpen: true, rest: taint }
}

function planCreateFunction(reader: TaintReader, fields: Tree, planning: Planning): TaintRow {
  const options = treesIn(fields, 'options')
  const parsed = fields['sql_body']
  const isBound = reader.source.boundNames().functions.has(namesIn(fields, 'funcname').at(-1) ?? '')
  if (parsed === undefined) {
    planBody(reader, bodyOf(options), languageOf(options), planning, 'a function', isBound)
    reader.expression(defaultsOf(fields), emptyScope)
    return keepsNothing(reader)
  }
  const body = taintOfBody(reader, parsed)
  if (body !== null || reader.touched !== null) reader.refuse(body, 'a function would read masked columns', ELSEWHERE)
  if (isBound) reader.refuse(null, BOUND, ELSEWHERE)
  reader.expression(defaultsOf(fields), emptyScope)
  return keepsNothing(reader)
}

const BOUND = 'code of a masked table, or of a domain, calls a function of this name, and this one writes'

/** A default that reads masked columns is read whenever the function is called. */
function defaultsOf(fields: Tree): readonly unknown[] {
  return treesIn(fields, 'parameters').map(one => asKind(one, 'FunctionParameter')?.['defexpr'])
}

/** BEGIN ATOMIC holds statements, RETURN an expression. */
function taintOfBody(reader: TaintReader, node: unknown): MaybeTaint {
  if (Array.isArray(node)) return node.map(item => taintOfBody(reader, item)).find(taint => taint !== null) ?? null
  const wrapped = unwrap(node)
  if (wrapped === null) return null
  if (wrapped.kind === 'List') return taintOfBody(reader, wrapped.fields['items'])
  if (wrapped.kind === 'ReturnStmt') return reader.expression(wrapped.fields['returnval'], emptyScope)
  return rowTaint(reader.query(node, emptyScope))
}

function planBody(reader: TaintReader, body: string | null, language: string, planning: Planning, what: string, isBound = false): TaintRow {
  if (body === null || (language !== 'sql' && language !== 'plpgsql'))
    return reader.refuse(null, `${what} in ${language} cannot be read`, ELSEWHERE)
  const conduct = readCode(body, planning.code)
  if (conduct.opaque !== null) reader.refuse(null, `${what} that ${conduct.opaque} cannot be judged`, ELSEWHERE)
  if (conduct.reads !== null) reader.refuse(conduct.reads, `${what} would read masked columns`, ELSEWHERE)
  if (isBound && conduct.writes) reader.refuse(null, BOUND, ELSEWHERE)
  if (what === 'a DO block') reader.touch(conduct.loud)
  return emptyRow
}

function bodyOf(options: readonly Tree[]): string | null {
  const value = optionOf(options, 'as')
  const text = asKind(value, 'String')
  if (text !== null) return stringOf(text, 'sval')
  const list = asKind(value, 'List')
  // Two strings are a library and a symbol.
  const names = list === null ? [] : namesIn(list, 'items')
  return names.length === 1 ? (names[0] ?? null) : null
}

function languageOf(options: readonly Tree[]): string {
  const text = asKind(optionOf(options, 'language'), 'String')
  return text === null ? 'plpgsql' : stringOf(text, 'sval').toLowerCase()
}

function optionOf(options: readonly Tree[], name: string): unknown {
  for (const wrapped of options) {
    const option = asKind(wrapped, 'DefElem')
    if (option !== null && stringOf(option, 'defname') === name) return option['arg']
  }
  return null
}

function planIndex(reader: TaintReader, fields: Tree): TaintRow {
  const scope = tableScope(reader, fields)
  for (const wrapped of treesIn(fields, 'indexParams')) reader.expression(asKind(wrapped, 'IndexElem')?.['expr'], scope)
  reader.expression(fields['whereClause'], scope)
  return emptyRow
}

function planAlterTable(reader: TaintReader, fields: Tree): TaintRow {
  const scope = tableScope(reader, fields)
  const isMasked = reader.touched !== null
  for (const wrapped of treesIn(fields, 'cmds')) {
    const command = asKind(wrapped, 'AlterTableCmd') ?? {}
    const change = stringOf(command, 'subtype')
    checkReferences(reader, command)
    // Another table as parent or partition: its rows and this one's become the same.
    for (const other of relationsIn(command)) touchRelation(reader, other)
    const isKept = TABLE_CHANGES.has(change) && !isGenerated(command['def'])
    if (reader.touched !== null && !(isMasked && isKept)) {
      reader.refuse(null, `${change.replace(/^AT_/, '')} on a table with masked columns may uncover them`, ELSEWHERE)
    }
    taintOfFields(reader, withoutRelations(command), scope)
  }
  return keepsNothing(reader)
}

function isGenerated(definition: unknown): boolean {
  const column = asKind(definition, 'ColumnDef')
  return (
    column !== null &&
    treesIn(column, 'constraints').some(one => stringOf(asKind(one, 'Constraint') ?? {}, 'contype') === 'CONSTR_GENERATED')
  )
}

function planSchema(reader: TaintReader, fields: Tree, planning: Planning): TaintRow {
  for (const element of treesIn(fields, 'schemaElts')) {
    const inner = unwrap(element)
    if (inner !== null) planUtility(reader, inner.kind, inner.fields, planning)
  }
  return emptyRow
}

/** A new name in the same message would be judged by the old one. Of functions and schemas, none may change. */
function planRename(reader: TaintReader, kind: string, fields: Tree): TaintRow {
  const type = stringOf(fields, kind === 'RenameStmt' ? 'renameType' : 'objectType')
  const relation = treeOf(fields, 'relation')
  if (relation !== null) touchRelation(reader, relation)
  if (reader.touched !== null) reader.refuse(null, 'a relation with masked columns would get another name', ELSEWHERE)
  if (/FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|OPERATOR|SCHEMA|EXTENSION/.test(type)) {
    reader.refuse(null, 'a name that decides what masks cover would change', ELSEWHERE)
  }
  return emptyRow
}

function planTrigger(reader: TaintReader, fields: Tree): TaintRow {
  const relation = treeOf(fields, 'relation')
  if (relation !== null) touchRelation(reader, relation)
  if (reader.touched !== null) reader.refuse(null, 'a trigger would see masked columns', ELSEWHERE)
  const names = namesIn(fields, 'funcname')
  for (const called of reader.names.functions(names.at(-2) ?? null, names.at(-1) ?? '')) {
    const conduct = reader.source.conductOf(called)
    if (conduct.opaque !== null || conduct.reads !== null)
      reader.refuse(conduct.reads, 'the function of the trigger cannot be judged', ELSEWHERE)
  }
  return emptyRow
}

function tableScope(reader: TaintReader, fields: Tree): Scope {
  const relation = treeOf(fields, 'relation')
  if (relation === null) return emptyScope
  touchRelation(reader, relation)
  const known = readTaintRelation(reader, relation)
  return { items: [itemOf(stringOf(relation, 'relname'), known.row, known.unknownColumn)], outer: null, ctes: null }
}

function touchAll(reader: TaintReader, fields: Tree): TaintRow {
  for (const relation of relationsIn(fields)) touchRelation(reader, relation)
  return emptyRow
}

function touchRelation(reader: TaintReader, relation: Tree): void {
  const schema = stringOf(relation, 'schemaname')
  for (const known of reader.names.relation(schema === '' ? null : schema, stringOf(relation, 'relname')).relations) {
    reader.touchRelation(known)
    // REFRESH runs the query of a view.
    if (known.kind === 'm') reader.touch(reader.source.readingOf(known.oid))
  }
}

/** Every RangeVar below, wrapped or bare; tables that foreign keys point to are judged by `checkReferences`. */
function relationsIn(value: unknown): readonly Tree[] {
  if (Array.isArray(value)) return value.flatMap(relationsIn)
  if (!isTree(value)) return []
  const own = typeof value['relname'] === 'string' ? [value] : []
  const inner = Object.entries(value).filter(([name, each]) => typeof each === 'object' && name !== 'pktable')
  return [...own, ...inner.flatMap(([, each]) => relationsIn(each))]
}

/** A foreign key says which values its masked columns have, and with ON UPDATE CASCADE writes new ones where nothing masks them. */
function checkReferences(reader: TaintReader, value: unknown): void {
  if (Array.isArray(value)) for (const item of value) checkReferences(reader, item)
  if (!isTree(value)) return
  const target = treeOf(value, 'pktable')
  const schema = target === null ? '' : stringOf(target, 'schemaname')
  const found = target === null ? [] : reader.names.relation(schema === '' ? null : schema, stringOf(target, 'relname')).relations
  const named = namesIn(value, 'pk_attrs')
  for (const relation of found) {
    for (const column of relation.columns) {
      // Without names it is the primary key, and no column of that may be NULL.
      const isMeant = named.length > 0 ? named.includes(column.name) : column.isNotNull
      const taint = isMeant ? reader.source.columnTaint(relation.oid, column.number) : null
      if (taint !== null) reader.refuse(taint, 'a foreign key to a masked column would show its values', ELSEWHERE)
    }
  }
  for (const inner of Object.values(value)) if (typeof inner === 'object') checkReferences(reader, inner)
}

/** Definitions name other tables (references, parents); only their expressions matter here. */
function withoutRelations(fields: Tree): Tree {
  const entries = Object.entries(fields).filter(([name]) => !/^(relation|pktable|inhRelations|ofTypename|typeName|rexpr)$/.test(name))
  return Object.fromEntries(entries.map(([name, value]) => [name, pruned(value)]))
}

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned)
  if (!isTree(value)) return value
  if ('RangeVar' in value || typeof value['relname'] === 'string') return {}
  return withoutRelationsIn(value)
}

function withoutRelationsIn(value: Tree): Tree {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === 'pktable' ? null : pruned(inner)]))
}

/** Whether a SELECT makes a table: INTO stands in the first arm of set operations. */
export function hasInto(fields: Tree): boolean {
  if (isTree(fields['intoClause'])) return true
  const left = treeOf(fields, 'larg')
  return left !== null && hasInto(left)
}
