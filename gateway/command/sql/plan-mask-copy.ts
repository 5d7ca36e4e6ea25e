// COPY: which fields of which lines are masked columns. Text and csv are rewritten field by field; binary over masked columns is refused.
import type { CopyPlan, MaskPlan } from './mask-plan.ts'
import { cleanPlan } from './mask-plan.ts'
import { columnPlan } from './mask-column-plan.ts'
import { readTaintRelation } from './taint-from.ts'
import type { TaintReader } from './taint-reader.ts'
import { columnIn, emptyScope, itemOf } from './taint-scope.ts'
import type { TaintRow } from './taint.ts'
import { emptyRow, rowTaint } from './taint.ts'
import { asKind, isSet, namesIn, numberOf, stringOf, treeOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

export function planCopy(reader: TaintReader, fields: Tree): MaskPlan | TaintRow {
  if (isSet(fields, 'is_from')) return planCopyIn(reader, fields)
  const row = copiedRow(reader, fields)
  const taint = rowTaint(row)
  if (reader.touched === null) return cleanPlan
  if (taint !== null && (isSet(fields, 'is_program') || stringOf(fields, 'filename') !== '')) {
    reader.refuse(taint, 'masked values would be written to a file of the server', 'COPY to STDOUT')
  }
  if (taint !== null && row.isOpen) reader.refuse(taint, 'the columns of this COPY are not known', 'name the columns')
  const format = readFormat(reader, fields)
  if (format === null)
    return taint === null ? emptyRow : reader.refuse(taint, 'only text and csv can be masked in COPY', 'use FORMAT text or csv')
  const columns = row.columns.map(column => columnPlan(column.taint))
  return {
    kind: 'tainted',
    rule: reader.touched.rule,
    columns: [],
    rest: null,
    copy: taint === null && row.isOpen ? null : { ...format, columns },
  }
}

/** COPY FROM writes what the client sends; a file of the server may be a table's own. */
function planCopyIn(reader: TaintReader, fields: Tree): TaintRow {
  if (isSet(fields, 'is_program') || stringOf(fields, 'filename') !== '') {
    reader.refuse(null, 'a file or program of the server may hold stored values', 'COPY from STDIN')
  }
  const relation = treeOf(fields, 'relation')
  if (relation === null) return emptyRow
  const known = readTaintRelation(reader, relation)
  reader.touch(rowTaint(known.row))
  const item = itemOf(stringOf(relation, 'relname'), known.row, known.unknownColumn)
  reader.condition(fields['whereClause'], { items: [item], outer: null, ctes: null })
  return emptyRow
}

function copiedRow(reader: TaintReader, fields: Tree): TaintRow {
  const relation = treeOf(fields, 'relation')
  if (relation === null) return reader.query(fields['query'], emptyScope)
  const schema = stringOf(relation, 'schemaname')
  const { row } = readTaintRelation(reader, relation)
  const named = namesIn(fields, 'attlist')
  const match = reader.names.relation(schema === '' ? null : schema, stringOf(relation, 'relname'))
  const [only] = match.relations
  let copied = row
  if (named.length > 0) copied = { columns: named.map(name => ({ name, taint: columnIn(row, name).taint })), isOpen: false, rest: null }
  else if (match.relations.length === 1 && only !== undefined) {
    // Generated columns are not copied unless they are named.
    copied = { ...row, columns: row.columns.filter((_, index) => only.columns[index]?.isGenerated !== true) }
  }
  reader.touch(rowTaint(copied))
  return copied
}

/** How COPY TO STDOUT writes its fields, for patterns that look into each; null where that is not known. */
export function copyOfPatterns(node: unknown): CopyPlan | null {
  const fields = asKind(node, 'CopyStmt')
  if (fields === null || isSet(fields, 'is_from')) return null
  const format = readFormat(null, fields)
  return format === null ? null : { ...format, columns: [], rest: { kind: 'pass' } }
}

/** The format options; null when it is neither text nor csv, or its encoding is another. */
function readFormat(reader: TaintReader | null, fields: Tree): Omit<CopyPlan, 'columns'> | null {
  const options = new Map<string, string>()
  for (const wrapped of treesIn(fields, 'options')) {
    const option = asKind(wrapped, 'DefElem')
    if (option !== null) options.set(stringOf(option, 'defname').toLowerCase(), valueOf(option))
  }
  const format = options.get('format') ?? 'text'
  if (format !== 'text' && format !== 'csv') return null
  if (options.has('encoding') && !/^utf-?8$/i.test(options.get('encoding') ?? '')) {
    if (reader === null) return null
    reader.refuse(null, 'COPY of masked columns in another encoding', 'leave ENCODING out')
  }
  const quote = options.get('quote') ?? '"'
  return {
    format,
    delimiter: options.get('delimiter') ?? (format === 'csv' ? ',' : '\t'),
    nullText: options.get('null') ?? (format === 'csv' ? '' : '\\N'),
    quote,
    escape: options.get('escape') ?? quote,
    hasHeader: options.has('header') && !/^(false|off|0)$/i.test(options.get('header') ?? ''),
  }
}

function valueOf(option: Tree): string {
  const value = unwrap(option['arg'])
  if (value === null) return 'true'
  switch (value.kind) {
    case 'Boolean':
      return isSet(value.fields, 'boolval') ? 'true' : 'false'
    case 'Integer':
      return String(numberOf(value.fields, 'ival'))
    default:
      return stringOf(value.fields, 'sval')
  }
}
