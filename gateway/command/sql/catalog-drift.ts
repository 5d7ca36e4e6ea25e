// What one statement of a message leaves of the catalog's snapshot for the statements after it: the server looks at each
// only when it comes to it, we look at all of them before the first one runs.
import { readTypeName } from './calls.ts'
import { Reading } from './reading.ts'
import type { Drift, SqlContext, SqlStatement } from './sql-statement.ts'
import { SqlReader } from './sql-reader.ts'
import { asKind, isTree, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** Definitions that bring no code: nothing that is read or written afterwards does anything new because of them. */
const plainKinds: ReadonlySet<string> = new Set([
  'AlterEnumStmt',
  'AlterSeqStmt',
  'AlterOwnerStmt',
  'CommentStmt',
  'CreateEnumStmt',
  'CreateRoleStmt',
  'CreateSeqStmt',
  'CreateStatsStmt',
  'DropOwnedStmt',
  'DropRoleStmt',
  'DropStmt',
  'GrantRoleStmt',
  'GrantStmt',
  'RefreshMatViewStmt',
  'ReindexStmt',
  'TruncateStmt',
])

/** Parts of ALTER TABLE that bring no code, unless an expression of theirs does. */
const plainChanges: ReadonlySet<string> = new Set([
  'AT_AddColumn',
  'AT_AddConstraint',
  'AT_AlterColumnType',
  'AT_ChangeOwner',
  'AT_ClusterOn',
  'AT_ColumnDefault',
  'AT_DisableTrig',
  'AT_DisableTrigAll',
  'AT_DisableTrigUser',
  'AT_DropColumn',
  'AT_DropConstraint',
  'AT_DropNotNull',
  'AT_ReplicaIdentity',
  'AT_SetNotNull',
  'AT_SetOptions',
  'AT_SetRelOptions',
  'AT_SetStatistics',
  'AT_SetStorage',
  'AT_ValidateConstraint',
])

/** null = the catalog is as it was. */
export function driftAfter(kind: string, fields: Tree, statement: SqlStatement, context: SqlContext): Drift | null {
  const before = context.drift ?? null
  if (!statement.changesCatalog) return before
  const made = new Set(before?.made)
  if (kind === 'CreateStmt' || kind === 'CreateSeqStmt' || kind === 'CreateTableAsStmt' || kind === 'SelectStmt') {
    const into = treeOf(fields, 'into') ?? treeOf(fields, 'intoClause')
    addName(made, treeOf(fields, 'relation') ?? treeOf(fields, 'sequence') ?? (into === null ? null : treeOf(into, 'rel')))
  }
  const doubt =
    before?.doubt ?? (isPlain(kind, fields, statement, context) ? null : 'an earlier statement of the message may change what names mean')
  return { made, doubt }
}

function isPlain(kind: string, fields: Tree, statement: SqlStatement, context: SqlContext): boolean {
  if (statement.command.certainty !== 'parsed') return false
  if (plainKinds.has(kind)) return true
  switch (kind) {
    case 'CreateSchemaStmt':
      return treesIn(fields, 'schemaElts').length === 0
    case 'CreateTableAsStmt':
    case 'SelectStmt':
      return true
    case 'CreateStmt':
      return fields['inhRelations'] === undefined && fields['partbound'] === undefined && runsNothing(kind, fields, context)
    case 'IndexStmt':
      return runsNothing(kind, fields, context)
    case 'AlterTableStmt':
      return treesIn(fields, 'cmds').every(item => {
        const change = asKind(item, 'AlterTableCmd')
        return change !== null && plainChanges.has(stringOf(change, 'subtype')) && runsNothing('AlterTableCmd', change, context)
      })
    default:
      return false
  }
}

/** Its expressions and types, were they run now, would only read or take numbers from sequences. */
function runsNothing(kind: string, fields: Tree, context: SqlContext): boolean {
  const trial = new Reading()
  const reader = new SqlReader(context, trial)
  reader.walkFields(kind, fields, ['relation'])
  if (isTree(fields['ofTypename'])) readTypeName(reader, fields['ofTypename'])
  return trial.certainty === 'parsed' && [...trial.effects].every(effect => effect === 'read' || effect === 'write')
}

function addName(names: Set<string>, range: Tree | null): void {
  if (range === null) return
  const schema = stringOf(range, 'schemaname')
  const name = stringOf(range, 'relname')
  names.add(name)
  if (schema !== '') names.add(`${schema}.${name}`)
}
