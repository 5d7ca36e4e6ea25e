// FROM: which rows a query reads, under which names, and in which order `*` shows them.
import type { CatalogRelation } from './catalog.ts'
import { taintOfFields } from './taint-expression.ts'
import { peekRelations } from './taint-builtins.ts'
import type { TaintReader } from './taint-reader.ts'
import { cteNamed } from './taint-scope.ts'
import type { Scope, ScopeItem } from './taint-scope.ts'
import { derived, emptyRow, join, joinAll, renamed, unproven } from './taint.ts'
import type { MaybeTaint, TaintColumn, TaintRow } from './taint.ts'
import { asKind, isSet, namesIn, stringOf, treeOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** One item of FROM: what names see, and what a star shows. */
interface Source {
  readonly items: readonly ScopeItem[]
  readonly row: TaintRow
}

/** The scope of a query with these FROM items; LATERAL items see those before them. */
export function readTaintFrom(reader: TaintReader, nodes: readonly Tree[], scope: Scope): Scope {
  let items: readonly ScopeItem[] = []
  let star: TaintRow = emptyRow
  for (const node of nodes) {
    const source = readSource(reader, node, { ...scope, items })
    items = [...items, ...source.items]
    star = appended(star, source.row)
  }
  return { items, outer: scope.outer, ctes: scope.ctes, star }
}

function readSource(reader: TaintReader, node: unknown, scope: Scope): Source {
  const wrapped = unwrap(node)
  if (wrapped === null) return { items: [], row: emptyRow }
  const { kind, fields } = wrapped
  switch (kind) {
    case 'RangeVar':
      return named(readRelation(reader, fields, scope), aliasOf(fields) ?? stringOf(fields, 'relname'), fields)
    case 'RangeSubselect':
      return named(plain(reader.query(fields['subquery'], lateralScope(fields, scope))), aliasOf(fields), fields)
    case 'JoinExpr':
      return readJoin(reader, fields, scope)
    case 'RangeFunction':
      return readRangeFunction(reader, fields, scope)
    case 'RangeTableSample':
      reader.expression(fields['args'], scope)
      reader.expression(fields['repeatable'], scope)
      return readSource(reader, fields['relation'], scope)
    default: {
      // XMLTABLE, JSON_TABLE: columns made of their argument.
      const taint = derived(taintOfFields(reader, fields, lateral(scope)))
      reader.touch(taint)
      return named(plain({ columns: [], isOpen: true, rest: taint }), aliasOf(fields), fields)
    }
  }
}

interface Relation {
  readonly row: TaintRow
  readonly unknownColumn: MaybeTaint
}

function plain(row: TaintRow): Relation {
  return { row, unknownColumn: null }
}

function named(relation: Relation, alias: string | null, fields: Tree): Source {
  const tree = treeOf(fields, 'alias')
  const row = renamed(relation.row, tree === null ? [] : namesIn(tree, 'colnames'))
  return { items: [{ alias, row, unknownColumn: relation.unknownColumn }], row }
}

function aliasOf(fields: Tree): string | null {
  const alias = treeOf(fields, 'alias')
  return alias === null ? null : stringOf(alias, 'aliasname')
}

function lateralScope(fields: Tree, scope: Scope): Scope {
  return isSet(fields, 'lateral') ? lateral(scope) : { items: [], outer: scope.outer, ctes: scope.ctes }
}

/** A scope inside, from which the items so far are seen. */
function lateral(scope: Scope): Scope {
  return { items: [], outer: { items: scope.items, outer: scope.outer, ctes: scope.ctes }, ctes: scope.ctes }
}

function readRelation(reader: TaintReader, fields: Tree, scope: Scope): Relation {
  const schema = stringOf(fields, 'schemaname')
  const name = stringOf(fields, 'relname')
  const cte = schema === '' ? cteNamed(scope, name) : null
  return cte === null ? readTaintRelation(reader, fields) : plain(cte)
}

/** The columns of the relation a name means, or may mean. */
export function readTaintRelation(reader: TaintReader, fields: Tree): Relation {
  const schema = stringOf(fields, 'schemaname')
  const name = stringOf(fields, 'relname')
  const match = reader.names.relation(schema === '' ? null : schema, name)
  if (match.system !== null) refusePeek(reader, match.system)
  if (match.system === 'pg_catalog.pg_stat_activity') return activity(reader)
  if (match.isUnresolved) {
    // It is newer than the catalog, or does not exist: its columns count as masked, its error is cleaned.
    const taint: MaybeTaint = { kind: 'unproven', rule: 0, isMixed: true }
    reader.touch(taint)
    return { row: { columns: [], isOpen: true, rest: taint }, unknownColumn: taint }
  }
  const rows = match.relations.map(relation => rowOf(reader, relation))
  const [first] = rows
  if (first !== undefined && rows.length === 1 && match.system === null) return first
  // One of several: names mean any of their columns, places nothing.
  const columns: TaintColumn[] = rows.flatMap(row => row.row.columns).map(column => ({ ...column, name: column.name }))
  const rest = unproven(joinAll(columns.map(column => column.taint)))
  return { row: { columns: [], isOpen: true, rest }, unknownColumn: rest }
}

function refusePeek(reader: TaintReader, system: string): void {
  const [schema, name] = system.split('.')
  if (schema === 'pg_toast' || (schema === 'pg_catalog' && name !== undefined && peekRelations.has(name))) {
    reader.refuse(null, `${system} shows stored values of all columns`, 'read it on a connection without masks')
  }
}

const activityColumns = `datid datname pid leader_pid usesysid usename application_name client_addr client_hostname client_port
  backend_start xact_start query_start state_change wait_event_type wait_event state backend_xid backend_xmin query_id query
  backend_type`.split(/\s+/)

/** pg_stat_activity shows what other sessions sent, with the values they wrote into masked columns. */
function activity(reader: TaintReader): Relation {
  const text: MaybeTaint = { kind: 'blank', rule: 0, isMixed: true }
  reader.touch(text)
  // PostgreSQL 13 has neither query_id nor pg_stat_wal.
  const has14 = reader.source.catalog.systemRelations.has('pg_catalog.pg_stat_wal')
  const columns = activityColumns
    .filter(name => has14 || name !== 'query_id')
    .map(name => ({ name, taint: name === 'query' ? text : null }))
  return plain({ columns, isOpen: false, rest: null })
}

function rowOf(reader: TaintReader, relation: CatalogRelation): Relation {
  const refusal = reader.source.refusalOf(relation.oid)
  if (refusal !== null) reader.refuse(null, `${relation.schema}.${relation.name} ${refusal}`, 'read it on a connection without masks')
  const tainted = reader.source.relationTaint(relation.oid)
  // What a view or row security computes may fail on any row and say so with its values.
  if (relation.kind === 'v' || relation.hasRowSecurity) {
    reader.touch(join(tainted, reader.source.readingOf(relation.oid)))
    reader.callsReadingCode ||= reader.source.runsReadingCode(relation.oid)
  }
  const columns = relation.columns.map(column => ({ name: column.name, taint: reader.source.columnTaint(relation.oid, column.number) }))
  const isListed = columns.length > 0 || relation.kind === 'r' || relation.kind === 'p'
  return { row: { columns, isOpen: !isListed, rest: null }, unknownColumn: unproven(tainted) }
}

function readJoin(reader: TaintReader, fields: Tree, scope: Scope): Source {
  const left = readSource(reader, fields['larg'], scope)
  const right = readSource(reader, fields['rarg'], { ...scope, items: [...scope.items, ...left.items] })
  const items = [...left.items, ...right.items]
  reader.condition(fields['quals'], { ...scope, items: [...scope.items, ...items] })
  const using = isSet(fields, 'isNatural') ? commonNames(left.row, right.row) : namesIn(fields, 'usingClause')
  const row = joinedRow(reader, left.row, right.row, using)
  const alias = aliasOf(fields)
  if (alias !== null) return named(plain(row), alias, fields)
  const usingAlias = treeOf(fields, 'join_using_alias')
  if (usingAlias === null) return { items, row }
  const shared: TaintRow = { columns: row.columns.slice(0, using.length), isOpen: row.isOpen, rest: row.rest }
  return { items: [...items, { alias: stringOf(usingAlias, 'aliasname'), row: shared, unknownColumn: null }], row }
}

function commonNames(left: TaintRow, right: TaintRow): readonly string[] {
  return left.columns
    .map(column => column.name)
    .filter((name): name is string => name !== null && right.columns.some(other => other.name === name))
}

/** USING: the shared columns first, then the others of the left, then those of the right. */
function joinedRow(reader: TaintReader, left: TaintRow, right: TaintRow, using: readonly string[]): TaintRow {
  const shared = using.map(name => {
    const taints = [...left.columns, ...right.columns].filter(column => column.name === name).map(column => column.taint)
    const taint = joinAll([...taints, left.rest, right.rest])
    reader.infer(taint, 'a join on')
    return { name, taint }
  })
  const others = (row: TaintRow): TaintRow => ({
    ...row,
    columns: row.columns.filter(column => column.name === null || !using.includes(column.name)),
  })
  const isNaturalGuess = using.length > 0 && (left.isOpen || right.isOpen)
  const row = appended(appended({ columns: shared, isOpen: isNaturalGuess, rest: null }, others(left)), others(right))
  return row
}

/** Columns of one after those of the other; behind an unknown number of columns, places mean nothing. */
function appended(one: TaintRow, other: TaintRow): TaintRow {
  if (!one.isOpen) return { columns: [...one.columns, ...other.columns], isOpen: other.isOpen, rest: other.rest }
  const columns = other.columns.map(column => column.taint)
  return { columns: one.columns, isOpen: true, rest: unproven(join(one.rest, joinAll([...columns, other.rest]))) }
}

/** Functions of PostgreSQL in FROM that give one column. */
const scalarSets: ReadonlySet<string> = new Set([
  'generate_series',
  'generate_subscripts',
  'unnest',
  'string_to_table',
  'regexp_split_to_table',
  'regexp_matches',
  'json_array_elements',
  'json_array_elements_text',
  'jsonb_array_elements',
  'jsonb_array_elements_text',
  'json_object_keys',
  'jsonb_object_keys',
  'jsonb_path_query',
  'now',
  'current_database',
  'version',
])

function readRangeFunction(reader: TaintReader, fields: Tree, scope: Scope): Source {
  const alias = aliasOf(fields)
  let row: TaintRow = emptyRow
  let firstName: string | null = null
  for (const wrapped of treesIn(fields, 'functions')) {
    const list = asKind(wrapped, 'List')
    const [call, definitions] = list === null ? [] : treesIn(list, 'items')
    const taint = derived(reader.expression(call, lateral(scope)))
    reader.infer(taint, 'rows made of')
    const fields = asKind(call, 'FuncCall')
    const names = fields === null ? [] : namesIn(fields, 'funcname')
    firstName ??= names.at(-1) ?? null
    const isScalar = names.length > 0 && scalarSets.has(names.at(-1) ?? '') && reader.names.functions(null, names.at(-1) ?? '').length === 0
    const isSingle = isScalar && (names.at(-1) !== 'unnest' || treesIn(fields ?? {}, 'args').length === 1)
    const defined = definitions === undefined ? [] : definedNames(treesIn(asKind(definitions, 'List') ?? {}, 'items'))
    // An array of rows gives as many columns as they have.
    row = appended(row, functionRow(defined, isSingle && taint === null ? (alias ?? names.at(-1) ?? null) : null, taint))
  }
  const defined = definedNames(treesIn(fields, 'coldeflist'))
  if (defined.length > 0) row = functionRow(defined, null, row.rest ?? joinAll(row.columns.map(column => column.taint)))
  if (isSet(fields, 'ordinality')) row = appended(row, { columns: [{ name: 'ordinality', taint: null }], isOpen: false, rest: null })
  return named(plain(row), alias ?? firstName, fields)
}

function functionRow(defined: readonly string[], single: string | null, taint: MaybeTaint): TaintRow {
  if (defined.length > 0) return { columns: defined.map(name => ({ name, taint })), isOpen: false, rest: null }
  if (single !== null) return { columns: [{ name: single, taint }], isOpen: false, rest: null }
  return { columns: [], isOpen: true, rest: taint }
}

function definedNames(definitions: readonly Tree[]): readonly string[] {
  return definitions.map(definition => stringOf(asKind(definition, 'ColumnDef') ?? {}, 'colname')).filter(name => name !== '')
}
