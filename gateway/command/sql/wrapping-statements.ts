// Statements around a query: COPY, EXPLAIN, CREATE TABLE AS.
import { readExecute } from './named-statements.ts'
import { addResource, readRelation, writeRelation } from './relations.ts'
import type { SqlReader } from './sql-reader.ts'
import { asKind, isSet, isTree, numberOf, stringOf, treeOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

export function readCopy(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  const isFrom = isSet(fields, 'is_from')
  const isProgram = isSet(fields, 'is_program')
  const file = stringOf(fields, 'filename')
  reading.verb = isFrom ? 'copy from' : 'copy to'
  if (isProgram) reading.does('program')
  else if (file !== '') {
    reading.does('file')
    reading.resources.add(file)
  }
  const relation = treeOf(fields, 'relation')
  if (isFrom) writeRelation(reader, relation, ['insert'])
  else if (relation !== null) readRelation(reader, relation)
  reader.walkFields('CopyStmt', fields, ['relation', 'attlist', 'options'])
}

export function readExplain(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  let isRun = false
  for (const item of treesIn(fields, 'options')) {
    const option = asKind(item, 'DefElem') ?? {}
    const value = unwrap(option['arg'])
    if (value !== null && value.kind === 'Integer') reading.isLiteralSensitive = true
    // The last one holds; a value that is no boolean is an error of the server, and counts as true here.
    if (stringOf(option, 'defname').toLowerCase() === 'analyze') isRun = value === null || !isOff(value)
  }
  const node = unwrap(fields['query'])
  if (node === null) return reading.doubts('an EXPLAIN without a statement')
  if (isRun) reader.visit(node.kind, node.fields)
  // Nothing but a query is looked into by a planner.
  else if (/^(Select|Insert|Update|Delete|Merge)Stmt$/.test(node.kind)) reader.within('plan', () => reader.visit(node.kind, node.fields))
  else readPlanned(reader, node)
  reading.verb = isRun ? 'explain analyze' : 'explain'
  reading.does('read')
}

/** EXPLAIN of what is no query by itself: what it holds is planned; the arguments of EXECUTE are computed all the same. */
function readPlanned(reader: SqlReader, node: { readonly kind: string; readonly fields: Tree }): void {
  switch (node.kind) {
    case 'ExecuteStmt':
      reader.within('plan', () => readExecute(reader, node.fields))
      return
    case 'CreateTableAsStmt':
    case 'DeclareCursorStmt':
      reader.within('plan', () => reader.walk(node.fields['query']))
      return
    case 'RefreshMatViewStmt':
      return
    default:
      reader.reading.doubts(`EXPLAIN of a ${node.kind} is not known`)
  }
}

function isOff(value: { readonly kind: string; readonly fields: Tree }): boolean {
  if (value.kind === 'Integer') return numberOf(value.fields, 'ival') === 0
  if (value.kind === 'Boolean') return !isSet(value.fields, 'boolval')
  return value.kind === 'String' && /^(false|off)$/i.test(stringOf(value.fields, 'sval'))
}

export function readCreateTableAs(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  const into = treeOf(fields, 'into')
  reading.does('ddl')
  reading.changesCatalog = true
  addResource(reader, into === null ? null : treeOf(into, 'rel'))
  if (isTree(fields['query'])) {
    const isEmpty = into !== null && isSet(into, 'skipData')
    reader.within(isEmpty && reader.mode === 'run' ? 'plan' : reader.mode, () => reader.walk(fields['query']))
  } else {
    reading.doubts('a CREATE TABLE AS without a query')
  }
  reading.verb = stringOf(fields, 'objtype') === 'OBJECT_MATVIEW' ? 'create materialized view' : 'create table as'
}
