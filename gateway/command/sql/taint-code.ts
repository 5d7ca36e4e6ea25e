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
  /** What it does may fail, or speak, with masked values that it never names: only its words are to be withheld. */
  readonly loud: MaybeTaint
  /** It may leave what it is given, or reads, where it can be read later. */
  readonly writes: boolean
  /** Why nothing can be said; null = it was read. */
  readonly opaque: string | null
}

export interface CodeNames {
  /** The taint of any relation of this name, in any schema. */
  relation(name: string): MaybeTaint
  /** What reading or writing any relation of this name may say by itself: views that compute, triggers, cascades. */
  loudness(name: string): MaybeTaint
  isRelation(name: string): boolean
  functions(name: string): readonly CatalogFunction[]
  /** Functions behind operators of this name. */
  operators(name: string): readonly CatalogFunction[]
  conductOf(called: CatalogFunction): CodeConduct
  /** Before PostgreSQL 16 a bound cursor has the name of its variable, and so may be one of the session's. */
  readonly hasNamedCursors: boolean
}

export const harmless: CodeConduct = { reads: null, loud: null, writes: false, opaque: null }

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
/** They give a handler the words of an error. */
const CATCHING_WORDS: ReadonlySet<string> = new Set(['sqlerrm', 'diagnostics'])
const MAX_BODY_CHARS = 262_144
const MAX_NAME_BYTES = 63

/** Reads the text of a body written in SQL or PL/pgSQL. */
export function readCode(text: string, names: CodeNames): CodeConduct {
  const words = wordsOf(text)
  if (typeof words === 'string') return opaque(words)
  let reads: MaybeTaint = null
  let loud: MaybeTaint = null
  let writes = false
  for (const [index, { text: token, word, isKeyword }] of words.entries()) {
    if (word === null) {
      for (const called of names.operators(token)) {
        const conduct = called.language === 'c' || called.language === 'internal' ? harmless : names.conductOf(called)
        if (conduct.opaque !== null) return conduct
        reads = join(reads, conduct.reads)
        loud = join(loud, conduct.loud)
        writes ||= conduct.writes
      }
      continue
    }
    if (/^u&"/i.test(token)) return opaque('uses escaped names')
    if (OPAQUE_WORDS.has(word) && !token.startsWith('"')) return opaque(`uses ${word.toUpperCase()}`)
    if (word === 'do' && words[index + 1]?.text.startsWith('$') === true) return opaque('uses DO')
    if (peekRelations.has(word) || word === 'pg_toast') return opaque(`reads ${word}`)
    if (WRITE_WORDS.has(word)) writes = true
    reads = join(reads, names.relation(word))
    loud = join(loud, names.loudness(word))
    const isCall = words[index + 1]?.text === '('
    const called = names.functions(word)
    for (const one of called) {
      const conduct = names.conductOf(one)
      if (conduct.opaque !== null && isCall) return opaque(`calls ${one.schema}.${one.name}, which ${conduct.opaque}`)
      reads = join(reads, conduct.reads)
      loud = join(loud, conduct.loud)
      writes ||= conduct.writes
    }
    if (!isCall || called.length > 0) continue
    const conduct = builtinConduct(word)
    if (conduct === 'effect') writes = true
    // Keywords (coalesce, exists, values ...) do nothing of their own.
    else if (conduct === null && !isKeyword && !PLAIN_WORDS.has(word) && !isNaming(words[index - 1]?.text, word, names)) {
      return opaque(`calls ${word}, which is not known`)
    }
  }
  const strange = strangeCursor(words, names.hasNamedCursors)
  if (strange !== null) return opaque(strange)
  if (!words.some(({ word }) => word !== null && CATCHING_WORDS.has(word))) return { reads, loud, writes, opaque: null }
  // A handler that gets the words of errors gets what they quote; and deferred constraints speak of any row of the transaction.
  if (words.some(({ word }) => word === 'constraints')) return opaque('catches what SET CONSTRAINTS says')
  return { reads: join(reads, loud), loud, writes, opaque: null }
}

/** A word of a body as the server takes it. */
export interface CodeWord {
  readonly text: string
  /** The name it can be; null for operators, numbers, strings. */
  readonly word: string | null
  readonly isKeyword: boolean
}

/** Bodies are read again with every catalog, and rarely change. */
const knownWords = new Map<string, readonly CodeWord[]>()
const MAX_KNOWN_CHARS = 4 * 1024 * 1024
let knownChars = 0

/** The words of a body, or why they cannot be read. */
export function wordsOf(text: string): readonly CodeWord[] | string {
  if (text.length > MAX_BODY_CHARS) return 'is too long to read'
  const known = knownWords.get(text)
  if (known !== undefined) return known
  let words: readonly CodeWord[]
  try {
    words = scanSync(text).tokens.map(token => ({ text: token.text, word: wordOf(token.text), isKeyword: token.keywordKind !== 0 }))
  } catch {
    return 'has a body that cannot be read'
  }
  if (knownChars + text.length > MAX_KNOWN_CHARS) {
    knownWords.clear()
    knownChars = 0
  }
  knownWords.set(text, words)
  knownChars += text.length
  return words
}

/** A cursor of the session, opened over masked columns, can be fetched from by anybody who knows its name. */
function strangeCursor(words: readonly CodeWord[], hasNamedCursors: boolean): string | null {
  for (const [index, { word }] of words.entries()) {
    if (word !== 'fetch' && word !== 'move') continue
    const rest = words.slice(index + 1, index + 9).map(one => one.word ?? one.text)
    // FETCH FIRST 5 ROWS ONLY is a part of SELECT.
    if (rest.some((one, at) => (one === 'row' || one === 'rows') && (rest[at + 1] === 'only' || rest[at + 1] === 'with'))) continue
    const end = rest.findIndex(one => one === 'into' || one === ';')
    const cursor = end < 1 ? undefined : rest[end - 1]
    if (cursor === undefined || !isOwnCursor(words, cursor, hasNamedCursors)) return 'fetches from a cursor that may not be its own'
  }
  return null
}

/** Declared in the body, and never given a name: the server makes one up that nobody else has. */
function isOwnCursor(words: readonly CodeWord[], cursor: string, hasNamedCursors: boolean): boolean {
  let isDeclared = false
  for (const [index, { word }] of words.entries()) {
    if (word !== cursor) continue
    const next = words[index + 1]
    const before = words[index - 1]?.word ?? words[index - 1]?.text
    if (next?.word === 'refcursor') {
      if (words[index + 2]?.text !== ';') return false
      isDeclared = true
    } else if (next?.word === 'cursor' || ((next?.word === 'scroll' || next?.word === 'no') && before !== 'open')) {
      if (hasNamedCursors) return false
      isDeclared = true
    } else if (next?.text === ':=' || next?.text === '=' || before === 'into' || before === ',') return false
  }
  return isDeclared
}

function opaque(reason: string): CodeConduct {
  return { reads: null, loud: null, writes: true, opaque: reason }
}

function isNaming(before: string | undefined, word: string, names: CodeNames): boolean {
  return NAMING_WORDS.has(before?.toLowerCase() ?? '') || (before === '.' && names.isRelation(word))
}

/** The name a token can be, as the server folds and cuts it: ASCII to lower case unless quoted. */
function wordOf(token: string): string | null {
  if (token.startsWith('"')) return cut(token.slice(1, -1).replaceAll('""', '"'))
  if (/^u&"/i.test(token)) return token
  if (!/^[\p{L}_]/u.test(token) || token.includes("'")) return null
  return cut(token.replaceAll(/[A-Z]+/g, letters => letters.toLowerCase()))
}

function cut(name: string): string {
  if (name.length <= MAX_NAME_BYTES / 3) return name
  const bytes = Buffer.from(name)
  // A letter that is cut in two is left out.
  return bytes.length <= MAX_NAME_BYTES
    ? name
    : bytes
        .subarray(0, MAX_NAME_BYTES)
        .toString('utf8')
        .replace(/\uFFFD$/, '')
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
      return {
        reads: join(body.reads, defaults.reads),
        loud: join(body.loud, defaults.loud),
        writes: body.writes || defaults.writes,
        opaque: defaults.opaque,
      }
    }
    case 'c': {
      const library = /(?:^|\/)([^/:]+?)(?:-\d[\d.]*)?(?:\.so)?:/.exec(called.native ?? '')?.[1]
      return called.volatility === 'immutable' || (library !== undefined && PURE_LIBRARIES.has(library))
        ? harmless
        : opaque('is written in C')
    }
    case 'internal': {
      const symbol = (called.native ?? '').replace(/^:/, '')
      const conduct = builtinConduct(symbol)
      // What CREATE TYPE … AS RANGE makes.
      const isConstructor = /^(?:multi)?range_constructor[0-3]$/.test(symbol)
      return conduct === 'pure' || conduct === 'count' || isConstructor ? harmless : opaque('is an internal function')
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
    conduct = {
      reads: join(conduct.reads, one.reads),
      loud: join(conduct.loud, one.loud),
      writes: conduct.writes || one.writes,
      opaque: null,
    }
  }
  return conduct
}
