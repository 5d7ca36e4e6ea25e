// Queries: SELECT, VALUES, set operations by position, WITH with its recursion, and what comes out column by column.
import { outputName, taintOfFields } from './taint-expression.ts'
import { readTaintFrom } from './taint-from.ts'
import { readTaintWindow } from './taint-calls.ts'
import type { TaintReader } from './taint-reader.ts'
import { itemNamed, lookUp } from './taint-scope.ts'
import type { CteNames, Scope } from './taint-scope.ts'
import { derived, emptyRow, isSameRow, join, joinAll, merged, renamed, rowTaint, unproven } from './taint.ts'
import type { MaybeTaint, TaintColumn, TaintRow } from './taint.ts'
import { readTaintWrite } from './taint-write.ts'
import { asKind, isSet, isTree, namesIn, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** Rounds after which a recursion that still changes is refused; each round can only add taint. */
const MAX_ROUNDS = 8

export function readTaintQuery(reader: TaintReader, kind: string, fields: Tree, scope: Scope): TaintRow {
  if (kind === 'SelectStmt') return readSelect(reader, fields, withCtes(reader, fields, scope))
  const row = readTaintWrite(reader, kind, fields, withCtes(reader, fields, scope))
  return row ?? reader.refuse(null, `a ${kind} where a query is expected`, 'write it in a simpler form')
}

/** The scope with the names of the statement's WITH clause. */
function withCtes(reader: TaintReader, fields: Tree, scope: Scope): Scope {
  const clause = treeOf(fields, 'withClause')
  if (clause === null) return scope
  const isRecursive = isSet(clause, 'recursive')
  const ctes = treesIn(clause, 'ctes')
    .map(wrapped => asKind(wrapped, 'CommonTableExpr'))
    .filter(cte => cte !== null)
  let inner = scope
  for (const cte of isRecursive ? inOrderOfUse(reader, ctes) : ctes) {
    const name = stringOf(cte, 'ctename')
    const row = isRecursive ? recursiveRow(reader, cte, name, inner) : cteRow(reader, cte, inner)
    inner = { ...inner, ctes: { name, row, outer: inner.ctes } }
  }
  return inner
}

/** Under RECURSIVE a query sees the names of all others of its list, later ones too: each is read behind those it names. */
function inOrderOfUse(reader: TaintReader, ctes: readonly Tree[]): readonly Tree[] {
  const waiting = new Map(ctes.map(cte => [stringOf(cte, 'ctename'), cte]))
  const ordered: Tree[] = []
  while (waiting.size > 0) {
    const [ready] = [...waiting].filter(([name, cte]) => {
      const named = namesOfRelations(cte['ctequery'])
      return [...waiting.keys()].every(other => other === name || !named.has(other))
    })
    if (ready === undefined) return reader.refuse(null, 'queries of one WITH that name each other', 'write it in a simpler form')
    waiting.delete(ready[0])
    ordered.push(ready[1])
  }
  return ordered
}

/** Bare names of relations anywhere below. */
function namesOfRelations(value: unknown): ReadonlySet<string> {
  const names = new Set<string>()
  const look = (part: unknown): void => {
    if (Array.isArray(part)) for (const item of part) look(item)
    if (!isTree(part)) return
    if (typeof part['relname'] === 'string' && part['schemaname'] === undefined) names.add(part['relname'])
    for (const field in part) if (typeof part[field] === 'object') look(part[field])
  }
  look(value)
  return names
}

function cteRow(reader: TaintReader, cte: Tree, scope: Scope): TaintRow {
  return withAdded(cte, plainRow(reader, cte, scope))
}

function plainRow(reader: TaintReader, cte: Tree, scope: Scope): TaintRow {
  return renamed(reader.query(cte['ctequery'], { items: [], outer: scope.outer, ctes: scope.ctes }), namesIn(cte, 'aliascolnames'))
}

/** SEARCH and CYCLE add columns made of others; the query itself does not see them. */
function withAdded(cte: Tree, row: TaintRow): TaintRow {
  const search = treeOf(cte, 'search_clause')
  const cycle = treeOf(cte, 'cycle_clause')
  const added: TaintColumn[] = []
  if (search !== null) added.push({ name: stringOf(search, 'search_seq_column'), taint: rowTaint(row) })
  if (cycle !== null) {
    added.push(
      { name: stringOf(cycle, 'cycle_mark_column'), taint: null },
      { name: stringOf(cycle, 'cycle_path_column'), taint: rowTaint(row) },
    )
  }
  return added.length === 0 ? row : { ...row, columns: [...row.columns, ...added] }
}

/** Read again with what came out, until nothing is added: taint only grows, so it ends. */
function recursiveRow(reader: TaintReader, cte: Tree, name: string, scope: Scope): TaintRow {
  let row: TaintRow = { ...seedRow(reader, cte, scope), isOpen: true }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const ctes: CteNames = { name, row, outer: scope.ctes }
    const next = plainRow(reader, cte, { ...scope, ctes })
    const grown = merged(next, round === 0 ? next : row)
    if (round > 0 && isSameRow(grown, row)) return withAdded(cte, row)
    row = grown
  }
  return reader.refuse(rowTaint(row), 'a recursion that cannot be followed', 'write it in a simpler form')
}

/** The part of a recursive query that does not refer to itself gives its columns; all else starts without. */
function seedRow(reader: TaintReader, cte: Tree, scope: Scope): TaintRow {
  const query = asKind(cte['ctequery'], 'SelectStmt')
  const seed = query === null ? null : treeOf(query, 'larg')
  if (query === null || seed === null) return emptyRow
  const inner = withCtes(reader, query, { items: [], outer: scope.outer, ctes: scope.ctes })
  const name = stringOf(cte, 'ctename')
  const row = readSelect(reader, seed, { ...inner, ctes: { name, row: emptyRow, outer: inner.ctes } })
  return renamed(row, namesIn(cte, 'aliascolnames'))
}

function readSelect(reader: TaintReader, fields: Tree, scope: Scope): TaintRow {
  const left = treeOf(fields, 'larg')
  const right = treeOf(fields, 'rarg')
  if (left !== null && right !== null) return readSetOperation(reader, fields, left, right, scope)
  const values = treesIn(fields, 'valuesLists')
  if (values.length > 0) return readValues(reader, fields, values, scope)
  return readPlain(reader, fields, scope)
}

function readSetOperation(reader: TaintReader, fields: Tree, left: Tree, right: Tree, scope: Scope): TaintRow {
  const nested: Scope = { items: [], outer: scope.outer, ctes: scope.ctes }
  const first = readSelect(reader, left, withCtes(reader, left, nested))
  const second = readSelect(reader, right, withCtes(reader, right, nested))
  const row = merged(first, second)
  readTail(reader, fields, { ...nested, items: [{ alias: null, row, unknownColumn: null }] }, row)
  // INTERSECT, EXCEPT and UNION without ALL compare rows.
  if (!isSet(fields, 'all')) checkInference(reader, rowTaint(row))
  return row
}

function readValues(reader: TaintReader, fields: Tree, lists: readonly Tree[], scope: Scope): TaintRow {
  const inner: Scope = { items: [], outer: scope.outer, ctes: scope.ctes }
  let row: TaintRow | null = null
  for (const list of lists) {
    const items = asKind(list, 'List')
    const columns = (items === null ? [] : treesIn(items, 'items')).map((value, index) => ({
      name: `column${index + 1}`,
      taint: reader.expression(value, inner),
    }))
    const next: TaintRow = { columns, isOpen: false, rest: null }
    row = row === null ? next : merged(row, next)
  }
  const all = row ?? emptyRow
  readTail(reader, fields, { ...inner, items: [{ alias: null, row: all, unknownColumn: null }] }, all)
  return all
}

function readPlain(reader: TaintReader, fields: Tree, scope: Scope): TaintRow {
  const inner = readTaintFrom(reader, treesIn(fields, 'fromClause'), scope)
  reader.condition(fields['whereClause'], inner)
  reader.condition(fields['havingClause'], inner)
  for (const window of treesIn(fields, 'windowClause')) {
    const definition = asKind(window, 'WindowDef')
    if (definition !== null) readTaintWindow(reader, definition, inner)
  }
  const row = readTargets(reader, treesIn(fields, 'targetList'), inner)
  readGrouping(reader, fields, inner, row)
  readTail(reader, fields, inner, row)
  return row
}

function readGrouping(reader: TaintReader, fields: Tree, scope: Scope, row: TaintRow): void {
  for (const group of treesIn(fields, 'groupClause')) {
    conditionOrOutput(reader, group, scope, row)
    // Unlike ORDER BY, GROUP BY means a column of FROM before an output of the same name.
    const reference = asKind(group, 'ColumnRef')
    const names = reference === null ? [] : namesIn(reference, 'fields')
    const column = names.length === 1 && names[0] !== undefined ? lookUp(scope, names[0]) : null
    if (column?.isFound === true) checkInference(reader, column.taint)
  }
  for (const distinct of treesIn(fields, 'distinctClause')) {
    // Plain DISTINCT is a list with one empty item: it compares the whole row.
    if (Object.keys(distinct).length === 0) checkInference(reader, rowTaint(row))
    else conditionOrOutput(reader, distinct, scope, row)
  }
}

/** ORDER BY, LIMIT, FETCH. */
function readTail(reader: TaintReader, fields: Tree, scope: Scope, row: TaintRow): void {
  for (const sort of treesIn(fields, 'sortClause')) {
    const key = asKind(sort, 'SortBy')
    if (key !== null) conditionOrOutput(reader, key['node'], scope, row)
  }
  reader.condition(fields['limitCount'], scope)
  reader.condition(fields['limitOffset'], scope)
}

/** ORDER BY and GROUP BY may name an output column by name or place. */
function conditionOrOutput(reader: TaintReader, node: unknown, scope: Scope, row: TaintRow): void {
  const reference = asKind(node, 'ColumnRef')
  const names = reference === null ? [] : namesIn(reference, 'fields')
  const output = names.length === 1 ? row.columns.find(column => column.name === names[0]) : undefined
  if (output !== undefined) return checkInference(reader, output.taint)
  const constant = asKind(node, 'A_Const')
  const place = constant === null ? null : treeOf(constant, 'ival')
  if (place !== null) {
    const index = typeof place['ival'] === 'number' ? place['ival'] - 1 : -1
    return checkInference(reader, row.columns[index]?.taint ?? (row.isOpen ? rowTaint(row) : null))
  }
  reader.condition(node, scope)
}

function checkInference(reader: TaintReader, taint: MaybeTaint): void {
  reader.infer(taint, 'order, grouping or comparison by')
}

/** The output columns of a target list or of RETURNING; a star stands for all columns it means. */
export function readTargets(reader: TaintReader, targets: readonly Tree[], scope: Scope): TaintRow {
  const columns: TaintColumn[] = []
  let isOpen = false
  let rest: MaybeTaint = null
  const add = (row: TaintRow): void => {
    // After columns of unknown number, places mean nothing: what follows is told apart by the server's words only.
    if (isOpen) rest = join(rest, unproven(joinAll([...row.columns.map(column => column.taint), row.rest])))
    else columns.push(...row.columns)
    if (row.isOpen && !isOpen) {
      isOpen = true
      rest = unproven(row.rest)
    }
  }
  for (const wrapped of targets) {
    const target = asKind(wrapped, 'ResTarget')
    if (target === null) continue
    const star = starRow(reader, target['val'], scope)
    if (star !== null) {
      reader.touch(joinAll([...star.columns.map(column => column.taint), star.rest]))
      add(star)
      continue
    }
    const name = stringOf(target, 'name')
    const taint = reader.expression(target['val'], scope)
    // Computing tells by failing, and a function of sets by how many rows there are.
    if (taint?.kind === 'blank') reader.infer(taint, 'a value computed from')
    add({
      columns: [{ name: name === '' ? outputName(target['val']) : name, taint }],
      isOpen: false,
      rest: null,
    })
  }
  return { columns, isOpen, rest }
}

/** What `*`, `alias.*` or `(value).*` stands for; null when the target is none of them. */
function starRow(reader: TaintReader, node: unknown, scope: Scope): TaintRow | null {
  const reference = asKind(node, 'ColumnRef')
  if (reference !== null && treesIn(reference, 'fields').some(field => 'A_Star' in field)) {
    const alias = namesIn(reference, 'fields').at(-1)
    if (alias === undefined) return scope.star ?? openRow(joinAll(scope.items.map(item => rowTaint(item.row))))
    return itemNamed(scope, alias)?.row ?? openRow(joinAll(scope.items.map(item => item.unknownColumn)))
  }
  const value = asKind(node, 'A_Indirection')
  if (value === null || !treesIn(value, 'indirection').some(field => 'A_Star' in field)) return null
  const inner = asKind(value['arg'], 'ColumnRef')
  const names = inner === null ? [] : namesIn(inner, 'fields')
  const item =
    names.length === 1 && names[0] !== undefined && treesIn(value, 'indirection').length === 1 ? itemNamed(scope, names[0]) : null
  // A column of that name and a row type hides the alias: then its fields are unknown.
  const column = scope.items.some(one => one.row.columns.some(other => other.name === names[0]))
  if (item !== null && !column) return item.row
  return openRow(derived(taintOfFields(reader, value, scope)))
}

function openRow(taint: MaybeTaint): TaintRow {
  return { columns: [], isOpen: true, rest: taint }
}
