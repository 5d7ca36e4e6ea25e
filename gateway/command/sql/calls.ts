// Functions, operators, casts and types of a statement: whatever could run code because its name is written.
// Every candidate counts: which overload PostgreSQL takes depends on types that are not worked out here.
import type { CatalogCast, CatalogFunction } from './catalog.ts'
import { effectsOfBuiltin, elementOfBuiltinType, isBuiltinOperator, oidOfBuiltinType } from './builtins.ts'
import { readFunction } from './functions.ts'
import { readSettingByFunction } from './session-settings.ts'
import { readSameTypes } from './polymorphic.ts'
import type { SqlReader } from './sql-reader.ts'
import { isSet, namesIn, stringOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'
import { readAllTypeChecks, readArrayLiteralChecks, readLiteralChecks, readTypeChecks } from './types.ts'

/** Types that take a whole row: record, any, anyelement, anynonarray, anycompatible, anycompatiblenonarray. */
const rowTypes: ReadonlySet<number> = new Set([2249, 2276, 2283, 2776, 5077, 5079])

/** A call as written: the function, and everything inside its parentheses. */
export function readCall(reader: SqlReader, call: Tree, as: 'call' | 'procedure'): void {
  const names = namesIn(call, 'funcname')
  const name = names.at(-1) ?? ''
  const schema = names.length > 1 ? (names.at(-2) ?? null) : null
  const args = treesIn(call, 'args')
  if (name === 'set_config' && reachesBuiltins(schema)) readSettingByFunction(reader, args)
  // An ordered-set aggregate takes what it is ordered by as arguments of its own.
  const ordered = isSet(call, 'agg_within_group') ? treesIn(call, 'agg_order').length : 0
  const given = { count: args.length + ordered, isVariadic: isSet(call, 'func_variadic') }
  readNamedFunction(reader, schema, name, as === 'procedure' ? null : given)
  if (reachesBuiltins(schema)) readSameTypes(reader, name, args)
  reader.walkFields('FuncCall', call, ['funcname'])
}

/** Functions that make a row of the type of their argument: checks of the domains in it run. */
const fillsRow = /^jsonb?_populate_record(set|_valid)?$/

interface Arguments {
  readonly count: number
  /** The last argument is an array that stands for many: `VARIADIC x`. */
  readonly isVariadic: boolean
}

function readNamedFunction(reader: SqlReader, schema: string | null, name: string, args: Arguments | null): void {
  const { reading, names } = reader
  const written = schema === null ? name : `${schema}.${name}`
  if (names === null && schema !== 'pg_catalog') {
    if (reader.mode === 'define') return
    reading.does('call')
    reading.doubts(`what ${written} means is not known without the catalog`)
    return
  }
  const candidates = (names?.functions(schema, name) ?? []).filter(one => args === null || takes(one, args))
  for (const candidate of candidates) readFunction(reader, candidate)
  // `f('x')` makes an f of x where f is a type and no function takes exactly that.
  if (args?.count === 1) readOwnTypes(reader, schema, name)
  if (name === 'set_config' && reachesBuiltins(schema)) return
  if (schema === 'information_schema' && name.startsWith('_pg_')) return
  if (!reachesBuiltins(schema)) {
    if (candidates.length === 0) readUnknownName(reader, written, args)
    return
  }
  if (fillsRow.test(name)) readAllTypeChecks(reader)
  const effects = name === 'ts_rewrite' && args?.count === 3 ? [] : effectsOfBuiltin(name)
  if (effects === null) {
    if (candidates.length === 0) readUnknownName(reader, written, args)
  } else {
    readBuiltinEffects(reader, name)
  }
}

/** What the grammar has a rule of its own for, from a version on: before, it is a call of whatever function has that name. */
const callsBefore: Readonly<Record<string, readonly [version: number, name: string]>> = {
  JsonObjectConstructor: [160_000, 'json_object'],
  JsonArrayConstructor: [160_000, 'json_array'],
  JsonArrayQueryConstructor: [160_000, 'json_array'],
  JsonObjectAgg: [160_000, 'json_objectagg'],
  JsonArrayAgg: [160_000, 'json_arrayagg'],
  JsonParseExpr: [170_000, 'json'],
  JsonScalarExpr: [170_000, 'json_scalar'],
  JsonSerializeExpr: [170_000, 'json_serialize'],
  JsonTable: [170_000, 'json_table'],
  MergeSupportFunc: [170_000, 'merge_action'],
  JSON_VALUE_OP: [170_000, 'json_value'],
  JSON_QUERY_OP: [170_000, 'json_query'],
  JSON_EXISTS_OP: [170_000, 'json_exists'],
}

/** On a server whose grammar does not know this kind of expression yet, it is a call by name. */
export function readAsCall(reader: SqlReader, kind: string, fields: Tree): void {
  const rule = callsBefore[kind === 'JsonFuncExpr' ? stringOf(fields, 'op') : kind]
  if (rule !== undefined && (reader.names?.catalog.serverVersion ?? 0) < rule[0]) readNamedFunction(reader, null, rule[1], null)
}

/** `f(x)` may also be `CAST(x AS f)` or the column f of x. */
function readUnknownName(reader: SqlReader, written: string, args: Arguments | null): void {
  if (reader.mode === 'define') return
  const name = written.slice(written.lastIndexOf('.') + 1)
  if (args?.count === 1 && !written.includes('.') && readTypeByName(reader, null, name)) return
  reader.reading.hasUnresolvedNames = true
  if (reader.context.isFresh === true) return
  reader.reading.does('call')
  reader.reading.doubts(`the function ${written} is not in the catalog`)
}

function readBuiltinEffects(reader: SqlReader, name: string): void {
  const effects = effectsOfBuiltin(name) ?? []
  // A planner runs what is not volatile, and some of those that run their arguments say that they are not.
  if (reader.mode !== 'run' && !(reader.mode === 'plan' && effects.includes('unknown'))) return
  for (const effect of effects) {
    if (effect === 'unknown') reader.reading.runsUnreadable(`${name} runs what its arguments say`)
    else reader.reading.does(effect)
  }
}

/** A name that follows a dot: where it is no column of the row, PostgreSQL calls the function of that name with the row. */
export function readFunctionName(reader: SqlReader, name: string): void {
  const { names } = reader
  // Without the catalog the statement is in doubt for its relation already.
  if (names === null) return
  for (const candidate of names.functions(null, name)) {
    if (!takes(candidate, { count: 1, isVariadic: false })) continue
    const type = candidate.argumentTypes[0] ?? 0
    const isRow = rowTypes.has(type) || (names.catalog.types.get(type)?.relationOid ?? 0) !== 0 || isDomain(reader, type)
    if (isRow) readFunction(reader, candidate)
  }
  if (name.startsWith('pg_restore_')) readBuiltinEffects(reader, name)
}

function isDomain(reader: SqlReader, type: number): boolean {
  return reader.names?.catalog.types.get(type)?.kind === 'd'
}

function takes(one: CatalogFunction, args: Arguments): boolean {
  const declared = one.argumentTypes.length
  if (args.count >= declared - one.defaults && args.count <= declared) return true
  return one.hasVariadic && !args.isVariadic && args.count >= declared - 1 - one.defaults
}

/** @param schema null for a bare name. */
export function readOperator(reader: SqlReader, schema: string | null, name: string): void {
  const { reading, names } = reader
  for (const candidate of names?.operators(schema, name) ?? []) {
    for (const type of [candidate.leftTypeOid, candidate.rightTypeOid]) readLiteralChecks(reader, type)
  }
  if (reader.mode === 'define') return
  if (names === null) {
    if (schema === 'pg_catalog' && isBuiltinOperator(name)) return
    reading.does('call')
    reading.doubts(`what the operator ${name} means is not known without the catalog`)
    return
  }
  const candidates = names.operators(schema, name)
  for (const candidate of candidates) {
    const run = names.catalog.functions.get(candidate.functionOid)
    // A planner asks an operator's function about its statistics, whatever its volatility.
    if (run !== undefined) reader.within('run', () => readFunction(reader, run))
  }
  if (candidates.length > 0 || (reachesBuiltins(schema) && isBuiltinOperator(name))) return
  reading.hasUnresolvedNames = true
  if (reader.context.isFresh !== true) reading.doubts(`the operator ${name} is not in the catalog`)
}

/** What CREATE TABLE takes for a type and no type is: an integer with a sequence. */
const serialTypes: ReadonlySet<string> = new Set(['smallserial', 'serial2', 'serial', 'serial4', 'bigserial', 'serial8'])

/** A type as written: a value becomes one of it, so casts to it and its checks run. */
export function readTypeName(reader: SqlReader, type: Tree): void {
  reader.walk(type['typmods'])
  const names = namesIn(type, 'names')
  const name = names.at(-1)
  if (name === undefined) return
  // Before 17 the grammar looked for `json` like for any name, and this one says pg_catalog for it.
  const isJson = name === 'json' && (reader.names?.catalog.serverVersion ?? 0) < 170_000
  const schema = names.length > 1 && !isJson ? (names.at(-2) ?? null) : null
  const isArray = treesIn(type, 'arrayBounds').length > 0
  for (const own of reader.names?.types(schema, name) ?? []) (isArray ? readArrayLiteralChecks : readLiteralChecks)(reader, own.oid)
  if (reader.mode === 'define') return
  if (isArray) readTypeByName(reader, schema, `_${name}`)
  if (!readTypeByName(reader, schema, name) && !(schema === null && serialTypes.has(name))) {
    reader.reading.hasUnresolvedNames = true
    if (reader.context.isFresh !== true) reader.reading.doubts(`the type ${name} is not in the catalog`)
  }
}

/** False when no type has this name. */
function readTypeByName(reader: SqlReader, schema: string | null, name: string): boolean {
  const { names, reading } = reader
  const builtin = reachesBuiltins(schema) ? oidOfBuiltinType(name) : null
  if (names === null) {
    if (schema !== 'pg_catalog') reading.doubts(`what the type ${name} means is not known without the catalog`)
    return builtin !== null || schema !== 'pg_catalog'
  }
  const isOwn = readOwnTypes(reader, schema, name)
  if (builtin !== null) readCastsTo(reader, builtin)
  return builtin !== null || isOwn
}

/** Checks of types that somebody made and that have this name, and casts to them; false when there are none. */
function readOwnTypes(reader: SqlReader, schema: string | null, name: string): boolean {
  const found = reader.mode === 'define' ? [] : (reader.names?.types(schema, name) ?? [])
  for (const type of found) {
    readTypeChecks(reader, type.oid)
    readCastsTo(reader, type.oid)
  }
  return found.length > 0
}

/** Casts that somebody made and that may run when a value becomes one of this type, or an element of it does. */
function readCastsTo(reader: SqlReader, type: number): void {
  const catalog = reader.names?.catalog
  if (catalog === undefined || catalog.casts.length === 0) return
  const targets = new Set<number>()
  collectTargets(reader, type, targets)
  for (const cast of catalog.casts) {
    if (targets.has(cast.targetTypeOid)) readCast(reader, cast)
  }
}

function collectTargets(reader: SqlReader, type: number, into: Set<number>): void {
  if (type === 0 || into.has(type) || into.size > 100) return
  into.add(type)
  const known = reader.names?.catalog.types.get(type)
  const element = known?.elementOid ?? elementOfBuiltinType(type)
  collectTargets(reader, element, into)
  if (known === undefined) return
  collectTargets(reader, known.baseTypeOid, into)
  for (const column of reader.names?.catalog.relations.get(known.relationOid)?.columns ?? []) collectTargets(reader, column.typeOid, into)
}

const JSON_OID = 114

/** Casts that PostgreSQL applies without being told to. What makes JSON of a value takes a cast to json, whatever its context. */
export function readImplicitCasts(reader: SqlReader, isWrite: boolean): void {
  for (const cast of reader.names?.catalog.casts ?? []) {
    const isTaken = cast.context === 'implicit' || (isWrite && cast.context === 'assignment') || cast.targetTypeOid === JSON_OID
    if (isTaken) readCast(reader, cast)
  }
}

/** Code behind operator classes: wherever values are sorted, compared, hashed or put into an index. */
export function readOrderingCode(reader: SqlReader): void {
  for (const oid of reader.names?.catalog.orderingFunctions ?? []) reader.visitFunction(oid)
}

function readCast(reader: SqlReader, cast: CatalogCast): void {
  const run = reader.names?.catalog.functions.get(cast.functionOid)
  if (run !== undefined) readFunction(reader, run)
}

function reachesBuiltins(schema: string | null): boolean {
  return schema === null || schema === 'pg_catalog'
}
