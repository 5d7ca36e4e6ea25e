// INSERT, UPDATE, DELETE, MERGE: a masked value may only go where the same rule masks it again; anywhere else it would be laundered.
import { readTaintFrom, readTaintRelation } from './taint-from.ts'
import type { CatalogRelation } from './catalog.ts'
import type { TaintReader } from './taint-reader.ts'
import { columnIn } from './taint-scope.ts'
import type { Scope, ScopeItem } from './taint-scope.ts'
import { derived, emptyRow, isMixed, join, joinAll, rowTaint } from './taint.ts'
import type { MaybeTaint, TaintRow } from './taint.ts'
import { asKind, stringOf, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

type WriteKind = 'insert' | 'update' | 'delete'

/** The row of RETURNING, empty without one; null when the kind is no write. The scope has the statement's WITH names. */
export function readTaintWrite(reader: TaintReader, kind: string, fields: Tree, scope: Scope): TaintRow | null {
  switch (kind) {
    case 'InsertStmt':
      return readInsert(reader, fields, scope)
    case 'UpdateStmt':
      return readUpdate(reader, fields, scope)
    case 'DeleteStmt':
      return readDelete(reader, fields, scope)
    case 'MergeStmt':
      return readMerge(reader, fields, scope)
    default:
      return null
  }
}

interface Target {
  readonly item: ScopeItem
  /** Known columns in order; open when the relation is not known. */
  readonly row: TaintRow
  readonly label: string
}

function readTarget(reader: TaintReader, fields: Tree, kinds: readonly WriteKind[]): Target {
  const relation = treeOf(fields, 'relation') ?? {}
  const schema = stringOf(relation, 'schemaname')
  const name = stringOf(relation, 'relname')
  const known = readTaintRelation(reader, relation)
  for (const written of reader.names.relation(schema === '' ? null : schema, name).relations) noteCode(reader, written, kinds)
  const alias = treeOf(relation, 'alias')
  const item = { alias: alias === null ? name : stringOf(alias, 'aliasname'), row: known.row, unknownColumn: known.unknownColumn }
  return { item, row: known.row, label: name }
}

/** Triggers and rules are the database's own: they may fail with values of masked columns, and then say so. */
function noteCode(reader: TaintReader, relation: CatalogRelation, kinds: readonly WriteKind[]): void {
  reader.touchRelation(relation)
  reader.touch(reader.source.writingOf(relation.oid))
  reader.callsReadingCode ||= reader.source.runsReadingCode(relation.oid)
  const isOf = (on: ReadonlySet<string>): boolean => kinds.some(kind => on.has(kind))
  for (const trigger of relation.triggers) {
    const called = isOf(trigger.on) ? reader.source.catalog.functions.get(trigger.functionOid) : undefined
    if (called === undefined || reader.source.isTrusted(called)) continue
    const conduct = reader.source.conductOf(called)
    reader.touch(conduct.opaque === null ? join(conduct.reads, conduct.loud) : { kind: 'blank', rule: 0, isMixed: true })
  }
  if (relation.rules.some(rule => kinds.some(kind => rule.on === kind))) reader.touch({ kind: 'blank', rule: 0, isMixed: true })
}

function readInsert(reader: TaintReader, fields: Tree, scope: Scope): TaintRow {
  const target = readTarget(reader, fields, ['insert', 'update'])
  const named = treesIn(fields, 'cols').map(column => stringOf(asKind(column, 'ResTarget') ?? {}, 'name'))
  const query = fields['selectStmt']
  if (query !== undefined) {
    const row = reader.query(query, { items: [], outer: scope.outer, ctes: scope.ctes })
    row.columns.forEach((column, index) => checkFlow(reader, placeOf(target, named, index), column.taint, target.label))
    if (row.rest !== null) refuseFlow(reader, row.rest, target.label)
  }
  const excluded: ScopeItem = { alias: 'excluded', row: target.row, unknownColumn: target.item.unknownColumn }
  const conflict = treeOf(fields, 'onConflictClause')
  if (conflict !== null) {
    const inner: Scope = { ...scope, items: [target.item, excluded] }
    readAssignments(reader, treesIn(conflict, 'targetList'), target, inner)
    reader.condition(conflict['whereClause'], inner)
    const infer = treeOf(conflict, 'infer')
    if (infer !== null) {
      for (const element of treesIn(infer, 'indexElems'))
        reader.condition(asKind(element, 'IndexElem')?.['expr'], { ...scope, items: [target.item] })
      reader.condition(infer['whereClause'], { ...scope, items: [target.item] })
    }
  }
  return readReturning(reader, fields, target, { ...scope, items: [target.item] })
}

/** The column of the target at a place of the row that goes in; null = no masked one. */
function placeOf(target: Target, named: readonly string[], index: number): MaybeTaint {
  const name = named[index]
  if (name !== undefined) return columnIn(target.row, name).taint
  return named.length > 0 ? null : (target.row.columns[index]?.taint ?? null)
}

function readUpdate(reader: TaintReader, fields: Tree, scope: Scope): TaintRow {
  const target = readTarget(reader, fields, ['update', 'insert', 'delete'])
  const inner = withFrom(reader, target, treesIn(fields, 'fromClause'), scope)
  readAssignments(reader, treesIn(fields, 'targetList'), target, inner)
  reader.condition(fields['whereClause'], inner)
  return readReturning(reader, fields, target, inner)
}

function readDelete(reader: TaintReader, fields: Tree, scope: Scope): TaintRow {
  const target = readTarget(reader, fields, ['delete'])
  const inner = withFrom(reader, target, treesIn(fields, 'usingClause'), scope)
  reader.condition(fields['whereClause'], inner)
  return readReturning(reader, fields, target, inner)
}

function readMerge(reader: TaintReader, fields: Tree, scope: Scope): TaintRow {
  const target = readTarget(reader, fields, ['insert', 'update', 'delete'])
  const source = treeOf(fields, 'sourceRelation')
  const inner = withFrom(reader, target, source === null ? [] : [source], scope)
  reader.condition(fields['joinCondition'], inner)
  for (const wrapped of treesIn(fields, 'mergeWhenClauses')) {
    const when = asKind(wrapped, 'MergeWhenClause')
    if (when === null) continue
    reader.condition(when['condition'], inner)
    const values = treesIn(when, 'values')
    const targets = treesIn(when, 'targetList')
    if (values.length === 0) readAssignments(reader, targets, target, inner)
    const named = targets.map(column => stringOf(asKind(column, 'ResTarget') ?? {}, 'name'))
    values.forEach((value, index) => checkFlow(reader, placeOf(target, named, index), reader.expression(value, inner), target.label))
  }
  return readReturning(reader, fields, target, inner)
}

/** The target first, then the other sources: the order in which RETURNING * shows them. */
function withFrom(reader: TaintReader, target: Target, nodes: readonly Tree[], scope: Scope): Scope {
  const from = readTaintFrom(reader, nodes, { items: [], outer: scope.outer, ctes: scope.ctes })
  return { items: [target.item, ...from.items], outer: scope.outer, ctes: scope.ctes }
}

function readAssignments(reader: TaintReader, targets: readonly Tree[], target: Target, scope: Scope): void {
  for (const wrapped of targets) {
    const assignment = asKind(wrapped, 'ResTarget')
    if (assignment === null) continue
    for (const subscript of treesIn(assignment, 'indirection')) reader.expression(subscript, scope)
    const several = asKind(assignment['val'], 'MultiAssignRef')
    const taint = several === null ? reader.expression(assignment['val'], scope) : partOf(reader, several, scope)
    checkFlow(reader, columnIn(target.row, stringOf(assignment, 'name')).taint, taint, target.label)
  }
}

/** `(a, b) = (SELECT x, y …)`: the value at its place. */
function partOf(reader: TaintReader, reference: Tree, scope: Scope): MaybeTaint {
  const place = typeof reference['colno'] === 'number' ? reference['colno'] - 1 : -1
  const subquery = asKind(reference['source'], 'SubLink')
  if (subquery !== null) {
    const row = reader.query(subquery['subselect'], { items: [], outer: scope, ctes: scope.ctes })
    return row.isOpen ? rowTaint(row) : (row.columns[place]?.taint ?? rowTaint(row))
  }
  const parts = treesIn(asKind(reference['source'], 'RowExpr') ?? {}, 'args')
  return parts[place] === undefined ? derived(reader.expression(reference['source'], scope)) : reader.expression(parts[place], scope)
}

function checkFlow(reader: TaintReader, target: MaybeTaint, value: MaybeTaint, label: string): void {
  if (value === null) return
  if (target !== null && target.rule === value.rule && !isMixed(value) && !isMixed(target)) {
    // A mask that keeps a part of what it covers must not be given a part of the value: the last four letters of the first eight.
    if (reader.source.isConstant(value.rule) || isSameValue(target, value)) return
    reader.refuse(
      value,
      `a value made of a masked column would be written to ${label}, whose mask shows a part of it`,
      'write the column as it is, or a value of your own',
    )
  }
  refuseFlow(reader, value, label)
}

function isSameValue(target: MaybeTaint, value: MaybeTaint): boolean {
  return target?.kind === 'mask' && value?.kind === 'mask' && target.typeOid === value.typeOid
}

function refuseFlow(reader: TaintReader, value: MaybeTaint, label: string): never {
  return reader.refuse(
    value,
    `a masked value would be written to ${label}, where nothing masks it`,
    'write other columns, or run it on a connection without masks',
  )
}

function readReturning(reader: TaintReader, fields: Tree, target: Target, scope: Scope): TaintRow {
  const clause = treeOf(fields, 'returningClause')
  const targets = clause === null ? treesIn(fields, 'returningList') : treesIn(clause, 'exprs')
  if (targets.length === 0) return emptyRow
  const versions = ['old', 'new']
  for (const wrapped of clause === null ? [] : treesIn(clause, 'options')) {
    const option = asKind(wrapped, 'ReturningOption')
    if (option !== null) versions.push(stringOf(option, 'value'))
  }
  const others = versions.map(alias => ({ alias, row: target.row, unknownColumn: target.item.unknownColumn }))
  const star = starOf(fields, scope)
  const inner: Scope = { ...scope, outer: { items: others, outer: scope.outer, ctes: scope.ctes }, ...(star === null ? {} : { star }) }
  return reader.targets(targets, inner)
}

/** RETURNING * shows target then sources; MERGE shows the sources first. Several sources: places are not relied on. */
function starOf(fields: Tree, scope: Scope): TaintRow | null {
  const [first, ...others] = scope.items
  if (first === undefined) return null
  if (others.length === 0) return first.row
  const all = 'sourceRelation' in fields ? [...others, first] : [first, ...others]
  return { columns: [], isOpen: true, rest: unprovenAll(all) }
}

function unprovenAll(items: readonly ScopeItem[]): MaybeTaint {
  const taint = joinAll(items.map(item => rowTaint(item.row)))
  return taint === null ? null : { kind: 'unproven', rule: taint.rule, isMixed: isMixed(taint) }
}
