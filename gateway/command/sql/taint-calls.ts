// Calls: functions, operators, casts and functional notation. Known functions of PostgreSQL by list, those of the database by their code.
import type { CatalogFunction } from './catalog.ts'
import { effectsOfBuiltin } from './builtins.ts'
import { builtinConduct } from './taint-builtins.ts'
import type { TaintReader } from './taint-reader.ts'
import { itemNamed, lookUpIn } from './taint-scope.ts'
import type { Scope } from './taint-scope.ts'
import { derived, join } from './taint.ts'
import type { MaybeTaint } from './taint.ts'
import { asKind, isSet, namesIn, treeOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** Names of PostgreSQL's everyday types, as the parser writes them, and their OIDs. */
const plainTypes: ReadonlyMap<string, number> = new Map([
  ['bool', 16],
  ['bytea', 17],
  ['int8', 20],
  ['int2', 21],
  ['int4', 23],
  ['regclass', 2205],
  ['text', 25],
  ['oid', 26],
  ['json', 114],
  ['xml', 142],
  ['float4', 700],
  ['float8', 701],
  ['inet', 869],
  ['bpchar', 1042],
  ['varchar', 1043],
  ['date', 1082],
  ['time', 1083],
  ['timestamp', 1114],
  ['timestamptz', 1184],
  ['interval', 1186],
  ['numeric', 1700],
  ['uuid', 2950],
  ['jsonb', 3802],
])

/** Functions of information_schema that its views, and drivers, call: they compute from their arguments and names of the catalog. */
const computingHelpers: ReadonlySet<string> = new Set([
  '_pg_char_max_length',
  '_pg_char_octet_length',
  '_pg_datetime_precision',
  '_pg_expandarray',
  '_pg_index_position',
  '_pg_interval_type',
  '_pg_numeric_precision',
  '_pg_numeric_precision_radix',
  '_pg_numeric_scale',
  '_pg_truetypid',
  '_pg_truetypmod',
])

export function readTaintCall(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  const names = namesIn(fields, 'funcname')
  const name = names.at(-1) ?? ''
  const schema = names.at(-2) ?? null
  let values = derived(reader.expression(fields['args'], scope))
  const order = treesIn(fields, 'agg_order')
  if (isSet(fields, 'agg_within_group')) values = join(values, derived(reader.expression(order, scope)))
  else reader.condition(order, scope)
  reader.condition(fields['agg_filter'], scope)
  const window = treeOf(fields, 'over')
  if (window !== null) readTaintWindow(reader, window, scope)
  const column = schema === null ? columnNotation(fields, name, scope) : null
  const result = taintOfFunction(reader, schema, name, values, column !== null)
  return column === null ? result : join(column.taint, result)
}

/** PARTITION BY and ORDER BY of a window say who comes next, not what; its bounds say how many. */
export function readTaintWindow(reader: TaintReader, window: Tree, scope: Scope): void {
  reader.condition(window['partitionClause'], scope)
  reader.condition(window['orderClause'], scope)
  reader.condition(window['startOffset'], scope)
  reader.condition(window['endOffset'], scope)
}

/** `email(c)` is the column email of the row c. */
function columnNotation(fields: Tree, name: string, scope: Scope): { readonly taint: MaybeTaint } | null {
  const [argument, ...more] = treesIn(fields, 'args')
  const reference = more.length > 0 ? null : asKind(argument, 'ColumnRef')
  const names = reference === null ? [] : namesIn(reference, 'fields')
  const alias = names.at(-1)
  if (alias === undefined || itemNamed(scope, alias) === null) return null
  const found = lookUpIn(scope, alias, name)
  return found.isFound ? found : null
}

/** `(row).name` or `alias.name` where no such column is known. */
export function readTaintNotation(reader: TaintReader, name: string, values: MaybeTaint): MaybeTaint {
  let taint: MaybeTaint = null
  for (const called of reader.names.functions(null, name)) taint = join(taint, taintOfCode(reader, called, values))
  return join(taint, derived(values))
}

function taintOfFunction(reader: TaintReader, schema: string | null, name: string, values: MaybeTaint, mayBeColumn: boolean): MaybeTaint {
  let taint: MaybeTaint = null
  const called = reader.names.functions(schema, name)
  for (const candidate of called) taint = join(taint, taintOfCode(reader, candidate, values))
  if (schema === 'information_schema' && computingHelpers.has(name)) return join(taint, derived(values))
  if (schema !== null && schema !== 'pg_catalog') {
    return called.length === 0 ? taintOfUnknown(reader, name, values) : taint
  }
  switch (builtinConduct(name)) {
    case 'pure':
      return join(taint, derived(values))
    case 'count':
      reader.infer(values, 'a count of')
      return taint
    case 'effect':
      reader.callsWritingCode = true
      if (values !== null) {
        reader.refuse(
          values,
          `${name} would leave a masked value where it can be read later`,
          'do not pass masked columns to functions with effects',
        )
      }
      return taint
    case null:
      if (called.length === 0 && !mayBeColumn) return taintOfUnknown(reader, name, values)
      return join(taint, derived(values))
  }
}

/** The newest server whose own functions are known by name. */
const KNOWN_VERSION = 190_000

/**
 * A name that neither the server nor the catalog has: most likely there is no such function, and the server says so. If somebody makes
 * it at this moment it may read anything, so what it gives counts as masked; and no masked value is given to it.
 */
function taintOfUnknown(reader: TaintReader, name: string, values: MaybeTaint): MaybeTaint {
  if (values !== null || effectsOfBuiltin(name) !== null || reader.source.catalog.serverVersion >= KNOWN_VERSION) {
    return reader.refuse(
      null,
      `function ${name} is not known to keep masked columns hidden`,
      'trust it in the policy, or call it on a connection without masks',
    )
  }
  const taint: MaybeTaint = { kind: 'blank', rule: 0, isMixed: true }
  reader.touch(taint)
  return taint
}

/** A function of the database: by its code. */
function taintOfCode(reader: TaintReader, called: CatalogFunction, values: MaybeTaint): MaybeTaint {
  if (reader.source.isTrusted(called)) return derived(values)
  const conduct = reader.source.conductOf(called)
  const label = `${called.schema}.${called.name}`
  if (conduct.opaque !== null) {
    reader.refuse(values, `function ${label} ${conduct.opaque}`, 'trust it in the policy, or call it on a connection without masks')
  }
  reader.touch(conduct.loud)
  reader.callsWritingCode ||= conduct.writes
  if (conduct.reads !== null) {
    reader.touch(conduct.reads)
    reader.callsReadingCode = true
    if (conduct.writes)
      reader.refuse(conduct.reads, `function ${label} reads masked columns and writes`, 'run it on a connection without masks')
  }
  if (conduct.writes && values !== null) {
    reader.refuse(
      values,
      `function ${label} writes and would be given a masked value`,
      'do not pass masked columns to functions with effects',
    )
  }
  return derived(join(values, conduct.reads))
}

/** Operators of PostgreSQL are pure; one of the database may be meant whenever its name is. */
export function readTaintOperator(reader: TaintReader, names: readonly string[], operands: MaybeTaint): MaybeTaint {
  const name = names.at(-1)
  if (name === undefined) return null
  let taint: MaybeTaint = null
  for (const operator of reader.names.operators(names.at(-2) ?? null, name)) {
    taint = join(taint, taintOfSupport(reader, operator.functionOid, operands))
  }
  return taint
}

export function readTaintCast(reader: TaintReader, fields: Tree, scope: Scope): MaybeTaint {
  const values = derived(reader.expression(fields['arg'], scope))
  const type = treeOf(fields, 'typeName')
  if (type === null) return values
  const names = namesIn(type, 'names')
  return join(values, castCode(reader, names.at(-2) ?? null, names.at(-1) ?? '', values))
}

/** Casts that functions of the database do: to a type of the database, or to one of PostgreSQL's by a cast that was added. */
function castCode(reader: TaintReader, schema: string | null, name: string, values: MaybeTaint): MaybeTaint {
  const targets = new Set(reader.names.types(schema, name).map(type => type.oid))
  let taint: MaybeTaint = null
  for (const cast of reader.source.catalog.casts) {
    if (cast.functionOid === 0) continue
    // Types of PostgreSQL itself are not in the catalog: where the name is not a common one, any of them may be meant.
    const isMeant = targets.size > 0 ? targets.has(cast.targetTypeOid) : (plainTypes.get(name) ?? cast.targetTypeOid) === cast.targetTypeOid
    if (isMeant) taint = join(taint, taintOfSupport(reader, cast.functionOid, values))
  }
  return taint
}

/** Functions behind operators and casts; those in C take values and give values, they do not run SQL. */
function taintOfSupport(reader: TaintReader, functionOid: number, values: MaybeTaint): MaybeTaint {
  const called = reader.source.catalog.functions.get(functionOid)
  if (called === undefined || called.language === 'c' || called.language === 'internal') return derived(values)
  return taintOfCode(reader, called, values)
}
