// What the server runs of a statement while it only looks at it: at Parse, before anything is bound or executed.
import { Reading } from './reading.ts'
import type { SqlContext, SqlStatement } from './sql-statement.ts'
import { SqlReader } from './sql-reader.ts'
import { unwrap } from './syntax-tree.ts'
import { checkedInside } from './types.ts'

const queries: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])
/** Of any other kind the server looks at nothing before it runs. */
const aroundQueries: ReadonlySet<string> = new Set(['ExplainStmt', 'DeclareCursorStmt', 'CreateTableAsStmt', 'CallStmt'])

/** True when analysing the statement may do more than read: a literal becomes a value whose checks do. */
export function runsWhenAnalysed(statement: SqlStatement, context: SqlContext): boolean {
  const { catalog } = context
  if (catalog === null) return statement.command.certainty !== 'parsed'
  if (checkedInside(catalog).size === 0) return false
  const node = unwrap(statement.node)
  if (node === null) return true
  const reading = new Reading()
  const reader = new SqlReader(context, reading)
  reader.within('define', () => {
    if (queries.has(node.kind)) reader.visit(node.kind, node.fields)
    else if (aroundQueries.has(node.kind)) reader.walk(node.fields['query'] ?? { FuncCall: node.fields['funccall'] })
  })
  // Kinds of statements have effects of their own when they run; here only code counts that runs before.
  return reading.certainty !== 'parsed' || reading.unfiltered || [...reading.effects].some(effect => effect !== 'read')
}
