// Plans the masking of one statement: exact where names tell, proven where the syntax tree shows it, refused otherwise.
// Choice: what cannot be judged while columns are masked is refused, also where the policy would ask: a person who approves a command
// has not been asked to lift a mask.
import type { MaskClosure } from './plan-mask-closure.ts'
import { checkArguments, hasInto, planUtility } from './plan-mask-utility.ts'
import { columnPlan } from './mask-column-plan.ts'
import type { MaskPlan } from './mask-plan.ts'
import { cleanPlan } from './mask-plan.ts'
import type { NameChange, SqlContext, SqlStatement } from './sql-statement.ts'
import { MaskRefusal, TaintReader } from './taint-reader.ts'
import { emptyScope } from './taint-scope.ts'
import { asKind, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'
import type { TaintRow } from './taint.ts'

/**
 * The search path a portal was opened under stays its own: plans of cursors are made at DECLARE and kept by statement, for each set of rules
 * (a statement that was read once may serve several sessions).
 */
const cursorPlans = new WeakMap<SqlStatement, Map<string, MaskPlan>>()

const QUERIES: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

/**
 * The plan of one statement under this context. Never throws: what cannot be judged is a refusal.
 * The plan of EXECUTE is the plan of the prepared statement, that of FETCH the plan of the cursor's query.
 */
function planMask(statement: SqlStatement, closure: MaskClosure, context: SqlContext): MaskPlan {
  if (closure.isEmpty) return cleanPlan
  try {
    return planKnown(statement, closure, context)
  } catch (cause) {
    if (cause instanceof MaskRefusal) return { kind: 'refuse', rule: cause.rule, reason: cause.message, hint: cause.hint }
    // A stack overflow in a deep tree, or a mistake of ours: fail closed.
    return { kind: 'refuse', rule: 0, reason: 'it could not be judged whether masked columns show', hint: 'write it in a simpler form' }
  }
}

/**
 * The plans of all statements of one message. After a statement that may change what names mean, the names of those behind it may mean
 * an object of any schema; names prepared and declared in the message are known to those behind.
 */
export function planMasks(statements: readonly SqlStatement[], closure: MaskClosure, context: SqlContext): readonly MaskPlan[] {
  let current = context
  return statements.map(statement => {
    const plan = planMask(statement, closure, current)
    current = after(statement, current)
    return plan
  })
}

/** What the context is for statements behind this one in the same message, before the session has been looked at again. */
function after(statement: SqlStatement, context: SqlContext): SqlContext {
  const prepared = new Map(context.prepared)
  const cursors = new Map(context.cursors)
  for (const change of statement.names) applyName(change, prepared, cursors)
  // A path that was set inside a transaction may end with it.
  const isUnsure = statement.changesCatalog || statement.changesSession || statement.isTransactionControl
  return { ...context, prepared, cursors, searchPath: isUnsure ? null : context.searchPath }
}

function applyName(change: NameChange, prepared: Map<string, SqlStatement>, cursors: Map<string, SqlStatement>): void {
  switch (change.kind) {
    case 'prepare':
      prepared.set(change.name, change.statement)
      break
    case 'declare-cursor':
      cursors.set(change.name, change.statement)
      break
    case 'deallocate':
      if (change.name === null) prepared.clear()
      else prepared.delete(change.name)
      break
    case 'close-cursor':
      if (change.name === null) cursors.clear()
      else cursors.delete(change.name)
      break
    case 'execute':
    case 'fetch':
      break
  }
}

function planKnown(statement: SqlStatement, closure: MaskClosure, context: SqlContext): MaskPlan {
  const node = unwrap(statement.node)
  if (node === null) return isEmptyText(statement) ? cleanPlan : unreadable(statement.command.doubt)
  const reader = new TaintReader(closure, context.searchPath)
  if (QUERIES.has(node.kind) && !hasInto(node.fields)) return planOf(reader, reader.query(statement.node, emptyScope))
  const declared = statement.names.find(change => change.kind === 'declare-cursor')
  if (declared !== undefined && declared.kind === 'declare-cursor') {
    const plan = planMask(declared.statement, closure, context)
    const plans = cursorPlans.get(declared.statement) ?? new Map<string, MaskPlan>()
    cursorPlans.set(declared.statement, plans.set(closure.rulesKey, plan))
    return plan.kind === 'tainted' ? { ...plan, columns: [], rest: null } : plan
  }
  if (node.kind === 'FetchStmt') return planFetch(statement, node.fields, closure, context)
  if (node.kind === 'ExecuteStmt') return planExecute(statement, closure, context)
  const row = planUtility(reader, node.kind, node.fields, { context, code: closure.code })
  return 'kind' in row ? row : planOf(reader, row)
}

function planFetch(statement: SqlStatement, fields: Tree, closure: MaskClosure, context: SqlContext): MaskPlan {
  const fetched = statement.names.find(change => change.kind === 'fetch')
  const inner = fetched === undefined || fetched.kind !== 'fetch' ? undefined : context.cursors.get(fetched.name)
  const plan = inner === undefined ? undefined : cursorPlans.get(inner)?.get(closure.rulesKey)
  if (plan === undefined) {
    return { kind: 'refuse', rule: 0, reason: 'a cursor whose query the gateway has not seen', hint: 'DECLARE it in this session' }
  }
  return fields['ismove'] === true && plan.kind === 'tainted' ? { ...plan, columns: [], rest: null } : plan
}

function planExecute(statement: SqlStatement, closure: MaskClosure, context: SqlContext): MaskPlan {
  const executed = statement.names.find(change => change.kind === 'execute')
  const inner = executed === undefined || executed.kind !== 'execute' ? undefined : context.prepared.get(executed.name)
  if (inner === undefined) {
    return { kind: 'refuse', rule: 0, reason: 'a prepared statement that the gateway has not seen', hint: 'PREPARE it in this session' }
  }
  checkArguments(new TaintReader(closure, context.searchPath), asKind(statement.node, 'ExecuteStmt') ?? {})
  return planMask(inner, closure, context)
}

function unreadable(doubt: string | null): MaskPlan {
  return {
    kind: 'refuse',
    rule: 0,
    reason: `text that could not be read may show masked columns${doubt === null ? '' : ` (${doubt})`}`,
    hint: 'write it in PostgreSQL 18 syntax',
  }
}

function isEmptyText(statement: SqlStatement): boolean {
  return statement.command.certainty === 'parsed' && /^[\s;]*$/.test(statement.command.text)
}

/** A statement that touches nothing masked is clean; else every output column gets its plan. */
function planOf(reader: TaintReader, row: TaintRow): MaskPlan {
  if (reader.touched === null) return cleanPlan
  const columns = row.columns.map(column => columnPlan(column.taint))
  return { kind: 'tainted', rule: reader.touched.rule, columns, rest: row.isOpen ? columnPlan(row.rest) : null, copy: null }
}
