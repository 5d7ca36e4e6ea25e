// A function of the catalog: its effects are those of its body where that is SQL; otherwise it is a call of code unseen.
import { createHash } from 'node:crypto'
import type { Catalog, CatalogFunction } from './catalog.ts'
import { isHarmlessNative } from './native-functions.ts'
import { effectOfSetting, splitSearchPath } from './settings.ts'
import type { SqlReader } from './sql-reader.ts'
import { parseBody, readExpression } from './stored-code.ts'
import { readLiteralChecks, readTypeChecks } from './types.ts'

export function readFunction(reader: SqlReader, one: CatalogFunction): void {
  for (const type of typesOf(one)) readLiteralChecks(reader, type)
  if (reader.mode === 'define') return
  // A planner runs what is not volatile when the arguments are constants, and nothing else.
  if (reader.mode === 'plan' && one.volatility === 'volatile') return
  const path = reader.context.searchPath
  const key = `${reader.mode} function ${one.oid} under ${path === null ? '?' : path.join()}`
  if (reader.seen.has(key)) return
  reader.seen.add(key)
  for (const type of typesOf(one)) readTypeChecks(reader, type)
  if (one.defaultExpressions !== null) readExpression(reader, one.defaultExpressions)
  if (isTrusted(one, reader.context.trustedFunctions)) return
  if (one.kind === 'a') readParts(reader, one)
  else if (one.native !== null) readNative(reader, one)
  else if (one.language === 'sql' && one.body !== null) readBody(reader, one, one.body)
  else runsUnreadable(reader, one, `is written in ${one.language}`)
}

/** What is given to it and what it gives back become values of these. */
function typesOf(one: CatalogFunction): readonly number[] {
  return [...one.argumentTypes, one.returnTypeOid, ...(one.resultTypes ?? [])]
}

/** Any definition calls the functions of event triggers. */
export function readEventTriggers(reader: SqlReader): void {
  for (const oid of reader.names?.catalog.eventTriggers ?? []) {
    const run = reader.names?.catalog.functions.get(oid)
    if (run !== undefined) readFunction(reader, run)
  }
}

/**
 * True when the policy vouches for the function: by its name, or by its name and a digest of what it is (`name@sha256:…`),
 * so that a function that was replaced is no longer trusted.
 */
export function isTrusted(one: CatalogFunction, trusted: ReadonlySet<string>): boolean {
  const name = `${one.schema}.${one.name}`.toLowerCase()
  return trusted.has(name) || (trusted.size > 0 && trusted.has(`${name}@${digestOfFunction(one)}`))
}

/** Everything that decides what a function does, as `sha256:hex`; not its owner, grants or comment. */
export function digestOfFunction(one: CatalogFunction): string {
  const facts = [
    one.schema,
    one.name,
    one.kind,
    one.language,
    one.volatility,
    String(one.isSecurityDefiner),
    String(one.isBound),
    one.argumentTypes.join(),
    String(one.hasVariadic),
    String(one.returnTypeOid),
    one.settings.join('\u0000'),
    one.defaultExpressions ?? '',
    one.native ?? '',
    one.body ?? '',
    ...(one.resultTypes ?? []).map(String),
  ]
  return `sha256:${createHash('sha256').update(JSON.stringify(facts)).digest('hex')}`
}

/**
 * Binds names of trusted functions to what they are now: `public.f` becomes `public.f@sha256:…`, once for each overload.
 * A name that no function has gives nothing; one that is bound already stays.
 */
export function bindTrust(names: Iterable<string>, catalog: Catalog): ReadonlySet<string> {
  const wanted = new Set([...names].map(name => name.toLowerCase()))
  const bound = new Set([...wanted].filter(name => name.includes('@')))
  for (const one of catalog.functions.values()) {
    const name = `${one.schema}.${one.name}`.toLowerCase()
    if (wanted.has(name)) bound.add(`${name}@${digestOfFunction(one)}`)
  }
  return bound
}

function readParts(reader: SqlReader, aggregate: CatalogFunction): void {
  for (const oid of aggregate.parts) {
    const part = reader.names?.catalog.functions.get(oid)
    // A part that is not listed is PostgreSQL's own.
    if (part !== undefined) reader.within('run', () => readFunction(reader, part))
  }
}

function readNative(reader: SqlReader, one: CatalogFunction): void {
  if (one.native !== null && !isHarmlessNative(one.native, one.name)) runsUnreadable(reader, one, `is written in ${one.language}`)
}

function readBody(reader: SqlReader, one: CatalogFunction, body: string): void {
  const settings = new Map(one.settings.map(setting => splitOnce(setting, '=')))
  const strange = [...settings.keys()].find(name => name !== 'search_path' && effectOfSetting(name) === 'admin')
  if (strange !== undefined) return runsUnreadable(reader, one, `sets ${strange}`)
  // It is read when it runs, under the session's rules for strings.
  if (!one.isBound && !reader.context.standardConformingStrings && body.includes('\\'))
    return runsUnreadable(reader, one, 'has a backslash in its body while standard_conforming_strings is not known to be on')
  const statements = parseBody(body, one.isBound)
  if (statements === null) return runsUnreadable(reader, one, 'has a body that cannot be read')
  const own = settings.get('search_path')
  const path = one.isBound
    ? (reader.names?.catalog.definitionPath ?? null)
    : own === undefined
      ? reader.context.searchPath
      : splitSearchPath(own)
  const inner = reader.inner(path, 'run')
  if (inner === null) return
  for (const statement of statements) inner.visit(statement.kind, statement.fields)
}

function runsUnreadable(reader: SqlReader, one: CatalogFunction, why: string): void {
  reader.reading.does('call')
  reader.reading.runsUnreadable(`the function ${one.schema}.${one.name} ${why}`)
}

function splitOnce(text: string, at: string): readonly [string, string] {
  const index = text.indexOf(at)
  return index < 0 ? [text.toLowerCase(), ''] : [text.slice(0, index).toLowerCase(), text.slice(index + 1)]
}
