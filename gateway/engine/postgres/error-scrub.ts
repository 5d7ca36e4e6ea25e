// Errors and notices without what they quote from rows: code, severity and places stay, words are replaced by words of our own.
// Layout of ErrorResponse and NoticeResponse: (byte1 field | string)* | byte1 0.
import type { ErrorNames } from '../../command/sql/closure-names.ts'
import type { TextMask } from '../../core/masker.ts'
import { readFields, readParameterStatus } from '../../wire/postgres/backend.ts'
import { backend } from '../../wire/postgres/message-type.ts'
import { message } from '../../wire/postgres/message-writer.ts'
import { plainState } from './sql-states.ts'

/** Severity, place in the client's own text, place in the server's own code: never a value. */
const KEPT = new Set(['S', 'V', 'P', 'F', 'L', 'R'])
/** Their words are the same whatever the statement does: timeouts, cancellation, shutdown. */
const PLAIN_ROUTINES: ReadonlySet<string> = new Set(['ProcessInterrupts', 'ProcessRecoveryConflictInterrupt', 'DeadLockReport'])
const TERMINATOR = Buffer.of(0)

/** What the classes of SQLSTATE mean, for the words that replace the server's. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['00', 'notice'],
  ['01', 'warning'],
  ['02', 'no data'],
  ['08', 'connection exception'],
  ['0A', 'feature not supported'],
  ['21', 'more rows or columns than expected'],
  ['22', 'a value is invalid or out of range'],
  ['23', 'a constraint is violated'],
  ['25', 'invalid transaction state'],
  ['2B', 'dependent objects still exist'],
  ['2F', 'SQL routine exception'],
  ['34', 'invalid cursor name'],
  ['38', 'external routine exception'],
  ['3B', 'savepoint exception'],
  ['3F', 'invalid schema name'],
  ['40', 'transaction rollback'],
  ['42', 'syntax error or access rule violation'],
  ['44', 'a view check option is violated'],
  ['53', 'insufficient resources'],
  ['54', 'a program limit is exceeded'],
  ['55', 'object not in prerequisite state'],
  ['57', 'operator intervention'],
  ['58', 'system error'],
  ['P0', 'an error raised by a function'],
  ['XX', 'internal error'],
])

const NAMED: ReadonlyMap<string, string> = new Map([
  ['22001', 'value too long for its type'],
  ['22003', 'number out of range'],
  ['22007', 'invalid date or time'],
  ['22008', 'date or time out of range'],
  ['22012', 'division by zero'],
  ['22P02', 'invalid text for the type'],
  ['23502', 'a NOT NULL constraint is violated'],
  ['23503', 'a foreign key constraint is violated'],
  ['23505', 'a unique constraint is violated'],
  ['23514', 'a check constraint is violated'],
  ['23P01', 'an exclusion constraint is violated'],
  ['25P02', 'current transaction is aborted, commands ignored until end of transaction block'],
  ['40001', 'could not serialize access'],
  ['40P01', 'deadlock detected'],
  ['42501', 'permission denied'],
  ['42601', 'syntax error'],
  ['42703', 'column does not exist'],
  ['42804', 'types do not match'],
  ['42846', 'cannot be cast'],
  ['42883', 'function or operator does not exist'],
  ['42P01', 'relation does not exist'],
  ['42P07', 'relation already exists'],
  ['55P03', 'lock not available'],
  ['57014', 'canceled'],
])

/**
 * ErrorResponse, NoticeResponse or ParameterStatus as a client may see it while masked columns are in flight; any other message is
 * returned as it is.
 * @param bytes one whole message, header included.
 */
export function scrubMessage(bytes: Buffer, names: ErrorNames): Buffer {
  const type = bytes[0]
  if (type === backend.errorResponse || type === backend.noticeResponse) return scrubFields(bytes, names)
  return type === backend.parameterStatus ? scrubParameter(bytes) : bytes
}

function scrubFields(bytes: Buffer, names: ErrorNames): Buffer {
  const fields = readFields(bytes, 0, bytes.length)
  if (isOfText(fields)) return bytes
  const code = plainState(fields.get('C') ?? 'XX000', bytes[0] === backend.errorResponse)
  const words = PLAIN_ROUTINES.has(fields.get('R') ?? '') && !fields.has('W') ? (fields.get('M') ?? '') : withheld(code)
  const kept: (readonly [string, string])[] = [...fields].filter(([field]) => KEPT.has(field))
  kept.push(['C', code], ['M', words], ...namesOf(fields, names))
  return fieldsMessage(bytes[0] ?? 0, kept)
}

/**
 * The parser and the analysis say where in the client's text the mistake is: they have not seen a row yet. Code that runs says a
 * context (W), or a place in a text of its own (p, q).
 */
function isOfText(fields: ReadonlyMap<string, string>): boolean {
  return fields.has('P') && !fields.has('W') && !fields.has('p') && !fields.has('q')
}

function withheld(code: string): string {
  return `${meaningOf(code)} (words withheld by sallyport: the statement touches masked columns)`
}

/** Schema, table, column, type and constraint, where they are what they say. */
function namesOf(fields: ReadonlyMap<string, string>, names: ErrorNames): readonly (readonly [string, string])[] {
  const [schema, table, column] = ['s', 't', 'c'].map(field => fields.get(field))
  const kept: (readonly [string, string])[] = []
  if (table !== undefined && names.isRelation(schema, table)) {
    kept.push(['t', table])
    if (column !== undefined && names.isColumn(schema, table, column)) kept.push(['c', column])
  }
  for (const [field, isName] of [
    ['s', names.isSchema],
    ['d', names.isType],
    ['n', names.isConstraint],
  ] as const) {
    const name = fields.get(field)
    if (name !== undefined && isName(name)) kept.push([field, name])
  }
  return kept
}

function meaningOf(code: string): string {
  return NAMED.get(code) ?? MEANINGS.get(code.slice(0, 2)) ?? 'error'
}

/**
 * A constraint error of a statement that touches no masked column may still show a row of one: deferred constraints fire at COMMIT. The
 * error of a foreign key names the table that has the key; where that holds no masked values, neither does what it refers to.
 */
export function scrubConstraintError(bytes: Buffer, names: ErrorNames): Buffer {
  if (bytes[0] !== backend.errorResponse && bytes[0] !== backend.noticeResponse) return bytes
  const fields = readFields(bytes, 0, bytes.length)
  const code = fields.get('C') ?? ''
  const table = fields.get('t')
  return code.startsWith('23') && (table === undefined || names.isMasked(fields.get('s'), table)) ? scrubFields(bytes, names) : bytes
}

/** Covers what patterns find in the words of an error or notice, and in a notification's payload. */
export function coverMessage(bytes: Buffer, text: TextMask): Buffer {
  if (!text.mayFind(bytes, 0, bytes.length)) return bytes
  if (bytes[0] === backend.errorResponse || bytes[0] === backend.noticeResponse) {
    const fields = [...readFields(bytes, 0, bytes.length)]
    return fieldsMessage(
      bytes[0],
      fields.map(([field, value]) => (/[MDHWq]/.test(field) ? [field, text.apply(value).text] : [field, value])),
    )
  }
  return bytes[0] === backend.notificationResponse ? replaceNotification(bytes, payload => text.apply(payload).text) : bytes
}

/** NotificationResponse: int32 pid | string channel | string payload. */
export function emptyNotification(bytes: Buffer): Buffer {
  return replaceNotification(bytes, () => '')
}

function replaceNotification(bytes: Buffer, change: (payload: string) => string): Buffer {
  const channelEnd = bytes.indexOf(0, 9)
  const payload = bytes.toString('utf8', channelEnd + 1, bytes.length - 1)
  const changed = change(payload)
  return changed === payload ? bytes : message(backend.notificationResponse, [bytes.subarray(5, channelEnd + 1), changed])
}

/** They can be set to anything by code that ran; the others are the server's own words. */
const FREE_PARAMETERS: ReadonlySet<string> = new Set(['application_name', 'search_path'])

function scrubParameter(bytes: Buffer): Buffer {
  const [name] = readParameterStatus(bytes, 0, bytes.length)
  return FREE_PARAMETERS.has(name) ? message(backend.parameterStatus, [name, '']) : bytes
}

function fieldsMessage(type: number, fields: readonly (readonly [field: string, value: string])[]): Buffer {
  return message(type, [...fields.flatMap(([field, value]) => [Buffer.from(field, 'latin1'), value]), TERMINATOR])
}
