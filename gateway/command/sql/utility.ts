// Statements that are no query: definitions, privileges, settings, transactions, COPY, EXPLAIN, cursors, prepared statements.
import { readCall } from './calls.ts'
import { readCopy, readCreateTableAs, readExplain } from './wrapping-statements.ts'
import { readDeallocate, readDeclare, readDiscard, readExecute, readFetch, readPrepare } from './named-statements.ts'
import { addResource, maintainRelation, refreshRelation, writeRelation } from './relations.ts'
import { readSet } from './session-settings.ts'
import type { SqlReader } from './sql-reader.ts'
import { asKind, isTree, namesIn, numberOf, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'
import { utilityKinds } from './utility-kinds.ts'

/** `AccessShareLock` of lockdefs.h. */
const ACCESS_SHARE = 1

/** Reads a statement that is no query; false when its kind is not known. */
export function readUtility(reader: SqlReader, kind: string, fields: Tree): boolean {
  const { reading } = reader
  switch (kind) {
    case 'TransactionStmt':
      readTransaction(reader, fields)
      return true
    case 'VariableSetStmt':
      reading.verb = readSet(reader, fields)
      return true
    case 'CopyStmt':
      readCopy(reader, fields)
      return true
    case 'ExplainStmt':
      readExplain(reader, fields)
      return true
    case 'CreateTableAsStmt':
      readCreateTableAs(reader, fields)
      return true
    case 'PrepareStmt':
      readPrepare(reader, fields)
      return true
    case 'ExecuteStmt':
      readExecute(reader, fields)
      return true
    case 'DeallocateStmt':
      readDeallocate(reader, fields)
      return true
    case 'DeclareCursorStmt':
      readDeclare(reader, fields)
      return true
    case 'FetchStmt':
      readFetch(reader, fields)
      return true
    case 'ClosePortalStmt': {
      const name = stringOf(fields, 'portalname')
      reading.does('session')
      reading.names.push({ kind: 'close-cursor', name: name === '' ? null : name })
      return true
    }
    case 'DiscardStmt':
      readDiscard(reader, fields)
      return true
    case 'DoStmt':
      reading.does('call')
      reading.runsUnreadable('a DO block is not read')
      return true
    case 'CallStmt': {
      reading.does('call')
      const call = treeOf(fields, 'funccall')
      if (call === null) reading.doubts('a CALL without a procedure')
      else readCall(reader, call, 'procedure')
      return true
    }
    case 'ReturnStmt':
      // The body of a SQL function: RETURN expression.
      reader.walk(fields['returnval'])
      return true
  }
  return readKnown(reader, kind, fields)
}

function readKnown(reader: SqlReader, kind: string, fields: Tree): boolean {
  const { reading } = reader
  const known = utilityKinds.get(kind)
  if (known === undefined) return false
  reading.verb = known.verb.replace('%', objectOf(fields))
  reading.does(...known.effects)
  if (known.effects.includes('ddl')) reading.changesCatalog = true
  readDetails(reader, kind, fields)
  const isRun = known.expressions === 'run'
  reader.within(isRun ? reader.mode : 'define', () => readParts(reader, kind, fields))
  return true
}

/** Relations are named, not read; expressions are read in the reader's mode. */
function readParts(reader: SqlReader, kind: string, fields: Tree): void {
  switch (kind) {
    case 'TruncateStmt':
      for (const item of treesIn(fields, 'relations')) writeRelation(reader, asKind(item, 'RangeVar'), ['truncate'])
      return
    case 'RefreshMatViewStmt': {
      const range = treeOf(fields, 'relation')
      if (range !== null) refreshRelation(reader, range)
      return
    }
    case 'AlterTableStmt':
    case 'ReindexStmt':
    case 'ClusterStmt': {
      const range = treeOf(fields, 'relation')
      if (range !== null) maintainRelation(reader, range)
      else if (kind !== 'AlterTableStmt') reader.reading.does('unknown')
      reader.walk(fields['cmds'])
      return
    }
    case 'VacuumStmt': {
      const relations = treesIn(fields, 'rels').map(item => treeOf(asKind(item, 'VacuumRelation') ?? {}, 'relation'))
      for (const range of relations) if (range !== null) maintainRelation(reader, range)
      return
    }
    case 'IndexStmt':
      addResource(reader, treeOf(fields, 'relation'))
      return reader.walkFields(kind, fields, ['relation'])
  }
  for (const field of ['relation', 'view', 'sequence', 'typevar', 'table']) addResource(reader, rangeOf(fields, field))
  for (const name of objectNames(fields)) reader.reading.resources.add(name)
  reader.walkFields(kind, fields, ['objects', 'object', 'defnames', 'relation', 'sequence', 'setstmt'])
}

/** What the kind alone does not say. */
function readDetails(reader: SqlReader, kind: string, fields: Tree): void {
  const { reading } = reader
  switch (kind) {
    case 'AlterTableStmt':
      for (const item of treesIn(fields, 'cmds')) {
        const subtype = stringOf(asKind(item, 'AlterTableCmd') ?? {}, 'subtype')
        if (/ChangeOwner|RowSecurity/.test(subtype)) reading.does('privilege')
      }
      return
    case 'AlterFunctionStmt':
    case 'CreateFunctionStmt':
      for (const item of treesIn(fields, kind === 'AlterFunctionStmt' ? 'actions' : 'options')) {
        const option = stringOf(asKind(item, 'DefElem') ?? {}, 'defname')
        if (option === 'security' || option === 'leakproof') reading.does('privilege')
      }
      return
    case 'DropStmt':
      if (stringOf(fields, 'removeType') === 'OBJECT_POLICY') reading.does('privilege')
      return
    case 'RenameStmt':
      if (stringOf(fields, 'renameType') === 'OBJECT_ROLE') reading.does('privilege')
      return
    case 'AlterRoleSetStmt':
    case 'AlterDatabaseSetStmt':
      return reading.does('admin')
    case 'GrantRoleStmt':
    case 'GrantStmt':
    case 'AlterDefaultPrivilegesStmt':
    case 'AlterRoleStmt':
    case 'CreateRoleStmt':
    case 'DropRoleStmt':
      reading.changesSession = true
      return
    case 'LockStmt':
      // ACCESS SHARE is what any SELECT takes, and holds as long.
      reading.does(numberOf(fields, 'mode') === ACCESS_SHARE ? 'read' : 'lock')
      for (const item of treesIn(fields, 'relations')) addResource(reader, asKind(item, 'RangeVar'))
      return
    case 'VacuumStmt':
      if (fields['is_vacuumcmd'] !== true) reading.verb = 'analyze'
      return
    case 'RefreshMatViewStmt':
      return reading.does('read')
  }
}

function readTransaction(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  const kind = stringOf(fields, 'kind')
  reading.isTransactionControl = true
  reading.does('transaction')
  reading.verb = verbsOfTransactions.get(kind) ?? 'transaction'
  // A path that was set inside the transaction may end with it, or with the part of it that is taken back.
  if (endsSettings.test(kind)) reading.pathAfter = null
  if (!verbsOfTransactions.has(kind)) reading.doubts(`a transaction statement of the kind ${kind} is not known`)
  // Two-phase commit outlives the session, with its locks, and can end what another session began.
  if (kind.includes('PREPARE') || kind.includes('PREPARED')) reading.does('admin')
}

const endsSettings = /_(COMMIT|ROLLBACK|ROLLBACK_TO|PREPARE)$/

const verbsOfTransactions: ReadonlyMap<string, string> = new Map([
  ['TRANS_STMT_BEGIN', 'begin'],
  ['TRANS_STMT_START', 'begin'],
  ['TRANS_STMT_COMMIT', 'commit'],
  ['TRANS_STMT_ROLLBACK', 'rollback'],
  ['TRANS_STMT_SAVEPOINT', 'savepoint'],
  ['TRANS_STMT_RELEASE', 'release savepoint'],
  ['TRANS_STMT_ROLLBACK_TO', 'rollback to savepoint'],
  ['TRANS_STMT_PREPARE', 'prepare transaction'],
  ['TRANS_STMT_COMMIT_PREPARED', 'commit prepared'],
  ['TRANS_STMT_ROLLBACK_PREPARED', 'rollback prepared'],
])

/** `OBJECT_MATVIEW` -> `materialized view`. */
function objectOf(fields: Tree): string {
  for (const field of ['removeType', 'renameType', 'objectType', 'objtype', 'kind']) {
    const value = stringOf(fields, field)
    if (!value.startsWith('OBJECT_')) continue
    const name = value.slice('OBJECT_'.length).toLowerCase()
    return (objectWords.get(name) ?? name).replaceAll('_', ' ')
  }
  return 'object'
}

const objectWords: ReadonlyMap<string, string> = new Map([
  ['matview', 'materialized view'],
  ['tabconstraint', 'table constraint'],
  ['domconstraint', 'domain constraint'],
  ['tsparser', 'text search parser'],
  ['tsdictionary', 'text search dictionary'],
  ['tstemplate', 'text search template'],
  ['tsconfiguration', 'text search configuration'],
  ['fdw', 'foreign data wrapper'],
  ['foreign_server', 'server'],
  ['opclass', 'operator class'],
  ['opfamily', 'operator family'],
])

/** Names in `objects` of DROP and `object` of COMMENT: lists of strings, types, functions. */
function objectNames(fields: Tree): readonly string[] {
  const found: string[] = []
  const values = [...treesIn(fields, 'objects'), ...(isTree(fields['object']) ? [fields['object']] : [])]
  for (const value of values) {
    const name =
      dotted(asKind(value, 'List'), 'items') ??
      dotted(asKind(value, 'TypeName'), 'names') ??
      dotted(asKind(value, 'ObjectWithArgs'), 'objname') ??
      stringOf(asKind(value, 'String') ?? {}, 'sval')
    if (name !== '') found.push(name)
  }
  return found
}

function dotted(tree: Tree | null, field: string): string | null {
  return tree === null ? null : namesIn(tree, field).join('.')
}

function rangeOf(fields: Tree, field: string): Tree | null {
  const value = treeOf(fields, field)
  return value !== null && stringOf(value, 'relname') !== '' ? value : null
}
