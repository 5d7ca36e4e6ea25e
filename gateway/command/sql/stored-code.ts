// Code that the catalog keeps as text: expressions, definitions of views and rules, bodies of SQL functions.
// The server wrote it, so it is always UTF-8 and standard strings; names in it mean what they meant to the server that wrote it.
import { parseSql } from './parser.ts'
import type { SqlReader } from './sql-reader.ts'
import { treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** An expression as `pg_get_expr` writes it; it runs where the reader's code runs. */
export function readExpression(reader: SqlReader, expression: string): void {
  const key = `${reader.mode} expression ${expression}`
  if (reader.seen.has(key)) return
  reader.seen.add(key)
  const parsed = parseSql(Buffer.from(`SELECT ${expression}`))
  const inner = reader.inner(reader.names?.catalog.definitionPath ?? null)
  if (inner === null) return
  const target = parsed.ok ? parsed.statements[0] : undefined
  if (target === undefined || target.kind !== 'SelectStmt') reader.reading.runsUnreadable('an expression of the catalog cannot be read')
  else inner.walkFields(target.kind, target.fields)
}

/** Statements as the server writes them (`pg_get_viewdef`, `pg_get_ruledef`); null when they cannot be read. */
export function parseStored(text: string): readonly { readonly kind: string; readonly fields: Tree }[] | null {
  const parsed = parseSql(Buffer.from(text))
  return parsed.ok ? parsed.statements : null
}

/** The statements of a SQL function's body; null when they cannot be read. */
export function parseBody(body: string, isBound: boolean): readonly { readonly kind: string; readonly fields: Tree }[] | null {
  if (!isBound) return parseStored(body)
  // A bound body is no statement by itself: BEGIN ATOMIC … END, or RETURN …
  const made = parseStored(`CREATE FUNCTION f() RETURNS void LANGUAGE sql ${body}`)?.[0]
  if (made?.kind !== 'CreateFunctionStmt') return null
  const found: { kind: string; fields: Tree }[] = []
  return collect(made.fields['sql_body'], found) ? found : null
}

/** The body is a node, or lists of lists of nodes. */
function collect(value: unknown, into: { kind: string; fields: Tree }[]): boolean {
  const node = unwrap(value)
  if (node === null) return false
  if (node.kind !== 'List') into.push(node)
  else return treesIn(node.fields, 'items').every(item => collect(item, into))
  return true
}
