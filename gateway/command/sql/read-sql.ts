// One message of SQL -> one command per statement, in the order in which the server will run them.
// What cannot be read becomes a command with certainty `opaque`; nothing is dropped.
import type { SqlCommand } from '../../core/command.ts'
import { literalOf, withParameters } from './bound-parameters.ts'
import { readImplicitCasts, readOrderingCode } from './calls.ts'
import { readEventTriggers } from './functions.ts'
import { parseSql } from './parser.ts'
import type { RawStatement } from './parser.ts'
import type { FoundName, PathAfter } from './reading.ts'
import { Reading } from './reading.ts'
import { SqlReader } from './sql-reader.ts'
import type { Drift, NameChange, SqlContext, SqlStatement } from './sql-statement.ts'
import { driftAfter } from './catalog-drift.ts'
import { unwrap } from './syntax-tree.ts'
import { readTypeChecks } from './types.ts'

/**
 * @param text bytes of the message, without its trailing zero.
 * @param context everything the meaning depends on; the same text under the same context always reads the same.
 */
export function readSql(text: Buffer, context: SqlContext): readonly SqlStatement[] {
  const doubt = doubtOfEncoding(text, context)
  const parsed = doubt === null ? parseSql(text) : null
  if (parsed === null || !parsed.ok) {
    return [unreadable(parsed?.text ?? printable(text), parsed?.reason ?? doubt ?? 'not readable')]
  }
  const statements: SqlStatement[] = []
  let now = context
  for (const raw of parsed.statements) {
    const { statement, pathAfter, drift } = readStatement(raw, parsed.statements.length === 1 ? parsed.text : raw.text, now)
    statements.push(statement)
    now = contextAfter(now, statement, pathAfter, drift)
  }
  return statements
}

/** Reads a statement again under another context: at Execute, long after it was parsed. */
export function readAgain(statement: SqlStatement, context: SqlContext): SqlStatement {
  const node = unwrap(statement.node)
  // The tree of a long text may not have been kept.
  if (node === null)
    return statement.command.certainty === 'opaque' ? statement : unreadable(statement.command.text, 'its tree was not kept')
  return readStatement({ ...node, text: statement.command.text }, statement.command.text, context).statement
}

/** The same statement as it is with these values of its parameters; null = NULL. Only whether it leaves rows out is decided anew. */
export function readWithValues(statement: SqlStatement, values: readonly (string | null)[], context: SqlContext): SqlStatement {
  if (statement.filtersByValue !== true || statement.command.unfiltered) return statement
  const node = withParameters(statement.node, values.map(literalOf))
  if (!readAgain({ ...statement, node }, context).command.unfiltered) return statement
  const { shape: _, ...command } = statement.command
  return { ...statement, command: { ...command, unfiltered: true } }
}

/** A text that the server's rules for strings or its encoding make into another one than we would read. */
function doubtOfEncoding(text: Buffer, context: SqlContext): string | null {
  if (!context.standardConformingStrings && text.includes(0x5c)) {
    return 'standard_conforming_strings is not known to be on, and the text holds a backslash'
  }
  if (!context.isUtf8 && !isAscii(text)) return 'client_encoding is not known to be UTF8, and the text is not ASCII'
  return null
}

function isAscii(text: Buffer): boolean {
  return text.every(byte => byte < 0x80)
}

function printable(text: Buffer): string {
  return text.toString('latin1').replaceAll('\u0000', '\\0')
}

interface Outcome {
  readonly statement: SqlStatement
  readonly pathAfter: PathAfter
  readonly drift: Drift | null
}

function readStatement(raw: RawStatement, text: string, context: SqlContext): Outcome {
  const reading = new Reading()
  const reader = new SqlReader(context, reading)
  try {
    reader.visit(raw.kind, raw.fields)
    // Such a literal is read while the statement is analysed, whatever becomes of it.
    if (reading.fillsTypes) for (const type of reading.columnTypes) reader.within('run', () => readTypeChecks(reader, type))
    if (context.drift !== undefined && context.drift.doubt !== null && usesNames(reading)) reading.doubts(context.drift.doubt)
    // The result of a function is assigned to its type, so code that was read counts like a write.
    if (reading.certainty === 'parsed' && usesNames(reading))
      readImplicitCasts(reader, reading.effects.has('write') || reader.seen.size > 0)
    if (usesNames(reading) || reading.effects.has('ddl') || reading.effects.has('admin')) readOrderingCode(reader)
    if (reading.effects.has('ddl') || reading.effects.has('privilege')) readEventTriggers(reader)
  } catch (cause) {
    // Nesting that the parser could take and the call stack cannot.
    if (!(cause instanceof RangeError)) throw cause
    reading.runsUnreadable('nested too deeply')
  }
  if (reading.certainty === 'opaque') reading.changesCatalog = reading.changesSession = true
  const statement: SqlStatement = {
    command: commandOf(reading, text, raw.kind),
    node: { [raw.kind]: raw.fields },
    names: reading.names.map(change => named(change, text, context)),
    changesCatalog: reading.changesCatalog,
    changesSession: reading.changesSession,
    isTransactionControl: reading.isTransactionControl,
    hasUnresolvedNames: reading.hasUnresolvedNames,
    isLiteralSensitive: reading.isLiteralSensitive,
    ...(reading.filtersByValue ? { filtersByValue: true } : {}),
  }
  return {
    statement,
    pathAfter: reading.certainty === 'opaque' ? null : reading.pathAfter,
    drift: driftAfter(raw.kind, raw.fields, statement, context),
  }
}

/** It reads, writes or calls something by a name. */
function usesNames(reading: Reading): boolean {
  return reading.effects.has('read') || reading.effects.has('write') || reading.effects.has('call')
}

/** A statement under a name is itself read: for what is shown, and for the engine. It is read again when it runs. */
function named(change: FoundName, text: string, context: SqlContext): NameChange {
  if (!('node' in change)) return change
  const node = unwrap(change.node) ?? { kind: '', fields: {} }
  const { statement } = readStatement({ ...node, text }, text, context)
  return { kind: change.kind, name: change.name, statement: { ...statement, searchPath: context.searchPath } }
}

function commandOf(reading: Reading, text: string, kind: string): SqlCommand {
  return {
    protocol: 'postgres',
    verb: reading.verb === '' ? (verbs.get(kind) ?? kind.replace(/Stmt$/, '').toLowerCase()) : reading.verb,
    resources: [...reading.resources].toSorted(),
    text,
    certainty: reading.certainty,
    doubt: reading.doubt,
    effects: reading.effects,
    unfiltered: reading.unfiltered,
    values: [],
  }
}

const verbs: ReadonlyMap<string, string> = new Map([
  ['DoStmt', 'do'],
  ['CallStmt', 'call'],
  ['DeclareCursorStmt', 'declare cursor'],
  ['ClosePortalStmt', 'close'],
  ['PrepareStmt', 'prepare'],
  ['ExecuteStmt', 'execute'],
  ['DeallocateStmt', 'deallocate'],
  ['DiscardStmt', 'discard'],
])

/** The one opaque command that stands for a text that could not be read. */
export function unreadable(text: string, reason: string): SqlStatement {
  return {
    command: {
      protocol: 'postgres',
      verb: 'unknown',
      resources: [],
      text,
      certainty: 'opaque',
      doubt: reason,
      effects: new Set(['unknown']),
      unfiltered: false,
      values: [],
    },
    node: null,
    names: [],
    changesCatalog: true,
    changesSession: true,
    isTransactionControl: false,
    hasUnresolvedNames: false,
    isLiteralSensitive: true,
  }
}

/** What the next statement of the same message is read under. */
function contextAfter(context: SqlContext, statement: SqlStatement, pathAfter: PathAfter, drift: Drift | null): SqlContext {
  const prepared = new Map(context.prepared)
  const cursors = new Map(context.cursors)
  for (const change of statement.names) {
    if (change.kind === 'prepare') prepared.set(change.name, change.statement)
    else if (change.kind === 'declare-cursor') cursors.set(change.name, change.statement)
    else if (change.kind === 'deallocate') forget(prepared, change.name)
    else if (change.kind === 'close-cursor') forget(cursors, change.name)
  }
  const next: SqlContext = {
    ...context,
    prepared,
    cursors,
    searchPath: pathAfter === 'same' ? context.searchPath : pathAfter,
  }
  return drift === null ? next : { ...next, isFresh: false, drift }
}

function forget(names: Map<string, SqlStatement>, name: string | null): void {
  if (name === null) names.clear()
  else names.delete(name)
}

export { loadSqlParser } from './parser.ts'
