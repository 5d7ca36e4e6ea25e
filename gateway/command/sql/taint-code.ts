// Bodies of functions, read word by word: which masked relations their text can reach, whether it writes, whether it builds SQL at run time.
// Names count wherever they stand and whatever schema they might mean, so the answer errs on the careful side only.
import { scanSync } from 'libpg-query'
import type { Catalog, CatalogFunction } from './catalog.ts'
import { builtinConduct, peekRelations } from './taint-builtins.ts'
import { join } from './taint.ts'
import type { MaybeTaint } from './taint.ts'

/** What running a function may do with masked values. */
export interface CodeConduct {
  /** It may read masked columns. */
  readonly reads: MaybeTaint
  /** It may leave what it is given, or reads, where it can be read later. */
  readonly writes: boolean
  /** Why nothing can be said; null = it was read. */
  readonly opaque: string | null
}

export interface CodeNames {
  /** The taint of any relation of this name, in any schema. */
  relation(name: string): MaybeTaint
  isRelation(name: string): boolean
  functions(name: string): readonly CatalogFunction[]
  /** Functions behind operators of this name. */
  operators(name: string): readonly CatalogFunction[]
  conductOf(called: CatalogFunction): CodeConduct
}

export const harmless: CodeConduct = { reads: null, writes: false, opaque: null }

/** Statements that run text, or make objects that do. */
const OPAQUE_WORDS: ReadonlySet<string> = new Set(['execute', 'create', 'alter', 'copy', 'prepare', 'import', 'load', 'call', 'dblink'])
const WRITE_WORDS: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'truncate', 'notify', 'comment', 'security'])
/** Words before a parenthesis that are no calls: PL/pgSQL's own, and types with a length. */
const PLAIN_WORDS: ReadonlySet<string> = new Set(
  `elsif elseif if while return raise perform exit continue assert foreach slice loop exception get diagnostics notice info warning debug
   log strict constant using alias varchar char character numeric decimal dec bit timestamp timestamptz time timetz interval float varbit bpchar next query`.split(
    /\s+/,
  ),
)
/** After these, a name with a parenthesis is a relation or alias with its columns. */
const NAMING_WORDS: ReadonlySet<string> = new Set(['into', 'as', 'with', 'recursive', 'table', 'on', 'references', ','])
const MAX_BODY_CHARS = 262_144

/** Reads the text of a body written in SQL or PL/pgSQL. */
export function readCode(text: string, names: CodeNames): CodeConduct {
  if (text.length > MAX_BODY_CHARS) return opaque('is too long to read')
  let tokens: readonly { readonly text: string; readonly keywordKind: number; readonly tokenType: number }[]
  try {
    tokens = scanSync(text).tokens
  } catch {
    return opaque('has a body that cannot be read')
  }
  let reads: MaybeTaint = null
  let writes = false
  for (const [index, token] of tokens.entries()) {
    const word = wordOf(token.text)
    if (word === null) {
      for (const called of names.operators(token.text)) {
        const conduct = called.language === 'c' || called.language === 'internal' ? harmless : names.conductOf(called)
        if (conduct.opaque !== null) return conduct
        reads = join(reads, conduct.reads)
        writes ||= conduct.writes
      }
      continue
    }
    if (/^u&"/i.test(token.text)) return opaque('uses escaped names')
    if (OPAQUE_WORDS.has(word) && !token.text.startsWith('"')) return opaque(`uses ${word.toUpperCase()}`)
    if (word === 'do' && tokens[index + 1]?.text.startsWith('$') === true) return opaque('uses DO')
    if (peekRelations.has(word) || word === 'pg_toast') return opaque(`reads ${word}`)
    if (WRITE_WORDS.has(word)) writes = true
    reads = join(reads, names.relation(word))
    const isCall = tokens[index + 1]?.text === '('
    const called = names.functions(word)
    for (const one of called) {
      const conduct = names.conductOf(one)
      if (conduct.opaque !== null && isCall) return opaque(`calls ${one.schema}.${one.name}, which ${conduct.opaque}`)
      reads = join(reads, conduct.reads)
      writes ||= conduct.writes
    }
    if (!isCall || called.length > 0) continue
    const conduct = builtinConduct(word)
    if (conduct === 'effect') writes = true
    // Keywords (coalesce, exists, values ...) do nothing of their own.
    else if (conduct === null && token.keywordKind === 0 && !PLAIN_WORDS.has(word) && !isNaming(tokens[index - 1]?.text, word, names)) {
      return opaque(`calls ${word}, which is not known`)
    }
  }
  return { reads, writes, opaque: null }
}

function opaque(reason: string): CodeConduct {
  return { reads: null, writes: true, opaque: reason }
}

function isNaming(before: string | undefined, word: string, names: CodeNames): boolean {
  return NAMING_WORDS.has(before?.toLowerCase() ?? '') || (before === '.' && names.isRelation(word))
}

/** The name a token can be: folded to lower case unless quoted; null for operators, numbers, strings. */
function wordOf(token: string): string | null {
  if (token.startsWith('"')) return token.slice(1, -1).replaceAll('""', '"')
  if (/^u&"/i.test(token)) return token
  return /^[\p{L}_]/u.test(token) && !token.includes("'") ? token.toLowerCase() : null
}

/** Functions in C by the symbol's own file: extensions whose functions take values and give values. */
const PURE_LIBRARIES: ReadonlySet<string> = new Set(
  'citext pg_trgm pgcrypto uuid-ossp unaccent hstore ltree _int fuzzystrmatch cube earthdistance isn seg btree_gin btree_gist intagg dict_int vector'.split(
    ' ',
  ),
)

/** What a function of the database does, by language. `conductOf` must end recursion (a function that calls itself). */
export function readFunction(called: CatalogFunction, names: CodeNames, catalog: Catalog): CodeConduct {
  if (called.kind === 'a' || called.kind === 'w') return readParts(called, names, catalog)
  switch (called.language) {
    case 'sql':
    case 'plpgsql': {
      if (called.body === null) return opaque('has no body that can be read')
      const body = readCode(called.body, names)
      if (called.defaultExpressions === null || body.opaque !== null) return body
      const defaults = readCode(called.defaultExpressions, names)
      return { reads: join(body.reads, defaults.reads), writes: body.writes || defaults.writes, opaque: defaults.opaque }
    }
    case 'c': {
      const library = /(?:^|\/)([^/:]+?)(?:-\d[\d.]*)?(?:\.so)?:/.exec(called.native ?? '')?.[1]
      return called.volatility === 'immutable' || (library !== undefined && PURE_LIBRARIES.has(library))
        ? harmless
        : opaque('is written in C')
    }
    case 'internal': {
      const conduct = builtinConduct((called.native ?? '').replace(/^:/, ''))
      return conduct === 'pure' || conduct === 'count' ? harmless : opaque('is an internal function')
    }
    default:
      return opaque(`is written in ${called.language}`)
  }
}

function readParts(called: CatalogFunction, names: CodeNames, catalog: Catalog): CodeConduct {
  let conduct = harmless
  for (const oid of called.parts) {
    const part = catalog.functions.get(oid)
    // Not in the catalog: one of PostgreSQL's own.
    if (part === undefined) continue
    const one = part.language === 'c' || part.language === 'internal' ? harmless : names.conductOf(part)
    if (one.opaque !== null) return one
    conduct = { reads: join(conduct.reads, one.reads), writes: conduct.writes || one.writes, opaque: null }
  }
  return conduct
}
