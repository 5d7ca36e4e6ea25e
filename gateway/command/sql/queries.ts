// SELECT, INSERT, UPDATE, DELETE, MERGE: what they read, write, lock; and whether a write leaves any row out.
import { filterOf, filtersRows } from './filters.ts'
import { CteScope } from './cte-scope.ts'
import { addResource, writeRelation } from './relations.ts'
import { givesAllRows, joinsItself } from './same-table.ts'
import type { WriteAction } from './relations.ts'
import type { SqlReader } from './sql-reader.ts'
import { asKind, isSet, isTree, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

export function readSelect(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  inScope(reader, fields, () => {
    if (reader.mode !== 'define') reading.does('read')
    const into = treeOf(fields, 'intoClause')
    if (into !== null) {
      reading.does('ddl')
      reading.changesCatalog = true
      addResource(reader, treeOf(into, 'rel'))
    }
    const positions = [...treesIn(fields, 'groupClause'), ...treesIn(fields, 'distinctClause')]
    reading.isLiteralSensitive ||= positions.some(item => asKind(item, 'A_Const') !== null)
    // Sorting, grouping and set operations use the operators of a type's operator class; only a superuser can make one.
    const outer = reader.select
    reader.select = fields
    reader.walkFields('SelectStmt', fields, ['withClause', 'intoClause'])
    reader.select = outer
  })
}

export function readInsert(reader: SqlReader, fields: Tree): void {
  inScope(reader, fields, () => {
    const conflict = treeOf(fields, 'onConflictClause')
    const actions: WriteAction[] = stringOf(conflict ?? {}, 'action') === 'ONCONFLICT_UPDATE' ? ['insert', 'update'] : ['insert']
    writeRelation(reader, treeOf(fields, 'relation'), actions)
    const source = asKind(fields['selectStmt'], 'SelectStmt')
    if (conflict !== null && source !== null) readUpsert(reader, fields, conflict, source)
    if (source !== null && isBareValues(source)) reader.walkFields('SelectStmt', source)
    else reader.walk(fields['selectStmt'])
    if (fields['returningClause'] !== undefined && reader.mode !== 'define') reader.reading.does('read')
    reader.walkFields('InsertStmt', fields, ['withClause', 'relation', 'selectStmt'])
  })
}

/** Rows of the table put into it again: ON CONFLICT DO UPDATE changes every one of them. */
function readUpsert(reader: SqlReader, fields: Tree, conflict: Tree, source: Tree): void {
  const target = treeOf(fields, 'relation')
  if (reader.mode !== 'run' || stringOf(conflict, 'action') !== 'ONCONFLICT_UPDATE') return
  if (!givesAllRows(source, { target, ctes: reader.ctes })) return
  if (!filtersRows(filterOf(reader, target, conflict['whereClause']))) reader.reading.unfiltered = true
}

export function readUpdate(reader: SqlReader, fields: Tree): void {
  readChange(reader, 'UpdateStmt', fields, ['update'])
}

export function readDelete(reader: SqlReader, fields: Tree): void {
  readChange(reader, 'DeleteStmt', fields, ['delete'])
}

function readChange(reader: SqlReader, kind: string, fields: Tree, actions: readonly WriteAction[]): void {
  inScope(reader, fields, () => {
    const target = treeOf(fields, 'relation')
    writeRelation(reader, target, actions)
    const filter = filterOf(reader, target, fields['whereClause'])
    const others = [...treesIn(fields, 'fromClause'), ...treesIn(fields, 'usingClause')]
    if (reader.mode === 'run' && (!filtersRows(filter) || joinsItself({ target, ctes: reader.ctes }, others, fields['whereClause'])))
      reader.reading.unfiltered = true
    if (fields['returningClause'] !== undefined && reader.mode !== 'define') reader.reading.does('read')
    reader.walkFields(kind, fields, ['withClause', 'relation'])
  })
}

export function readMerge(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  inScope(reader, fields, () => {
    const target = treeOf(fields, 'relation')
    const actions = new Set<WriteAction>()
    const source = treeOf(fields, 'sourceRelation')
    const isWhole = joinsItself({ target, ctes: reader.ctes }, source === null ? [] : [source], fields['joinCondition'])
    const join = isWhole ? 'all' : filterOf(reader, target, fields['joinCondition'])
    for (const item of treesIn(fields, 'mergeWhenClauses')) {
      const when = asKind(item, 'MergeWhenClause') ?? {}
      const action = mergeActions.get(stringOf(when, 'commandType'))
      if (action === undefined) continue
      actions.add(action)
      if (action === 'insert' || reader.mode !== 'run') continue
      const own = filterOf(reader, target, when['condition'])
      // Rows that the source does not match are all the others: only a condition of their own leaves any out.
      const isMatched = stringOf(when, 'matchKind') === 'MERGE_WHEN_MATCHED'
      if (!filtersRows(own) && !(isMatched && filtersRows(join))) reading.unfiltered = true
    }
    writeRelation(reader, target, [...actions])
    if (reader.mode !== 'define') reading.does('read')
    reader.walkFields('MergeStmt', fields, ['withClause', 'relation'])
  })
}

const mergeActions: ReadonlyMap<string, WriteAction> = new Map([
  ['CMD_INSERT', 'insert'],
  ['CMD_UPDATE', 'update'],
  ['CMD_DELETE', 'delete'],
])

/** VALUES (…) and nothing else: rows that come from the text. */
function isBareValues(select: Tree): boolean {
  return Object.keys(select).every(field => field === 'valuesLists' || field === 'limitOption' || field === 'op')
}

/** Reads the WITH of a statement, then the statement, where its names are visible. */
function inScope(reader: SqlReader, fields: Tree, read: () => void): void {
  const clause = treeOf(fields, 'withClause')
  if (clause === null) return read()
  const outer = reader.ctes
  const scope = new CteScope(outer)
  reader.ctes = scope
  try {
    const queries = treesIn(clause, 'ctes').map(item => asKind(item, 'CommonTableExpr') ?? {})
    const isRecursive = isSet(clause, 'recursive')
    if (isRecursive) for (const query of queries) scope.add(stringOf(query, 'ctename'))
    for (const query of queries) {
      if (isTree(query['ctequery'])) reader.walk(query['ctequery'])
      else reader.reading.doubts('a WITH query that cannot be read')
      reader.walk(treeOf(query, 'cycle_clause')?.['cycle_mark_value'])
      reader.walk(treeOf(query, 'cycle_clause')?.['cycle_mark_default'])
      scope.add(stringOf(query, 'ctename'), asKind(query['ctequery'], 'SelectStmt'))
    }
    read()
  } finally {
    reader.ctes = outer
  }
}
