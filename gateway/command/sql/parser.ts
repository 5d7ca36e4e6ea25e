// PostgreSQL's own parser (version 18, WebAssembly). Bytes in, syntax trees out; knows nothing of what they mean.
// Whatever it cannot take is a `ParseFailure`, never an exception: the caller makes an opaque command of it.
import { loadModule, parseSync } from 'libpg-query'
import { isTree, numberOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

/** Longer texts are not read (and so are opaque); the engine refuses messages above its own limit first. */
const MAX_SQL_BYTES = 16 * 1024 * 1024

/** A statement of a message: its node and its slice of the text. */
export interface RawStatement {
  readonly kind: string
  readonly fields: Tree
  /** The statement's own text, without the semicolon. */
  readonly text: string
}

export type Parsed =
  | { readonly ok: true; readonly text: string; readonly statements: readonly RawStatement[] }
  | { readonly ok: false; readonly text: string; readonly reason: string }

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

let isLoaded = false

/** Loads the parser, once; every reading needs it. Takes about 50 ms. */
export async function loadSqlParser(): Promise<void> {
  await loadModule()
  isLoaded = true
}

/**
 * Reads one text as the server would, without its trailing zero.
 * A byte 0 inside is a failure: the parser would stop there, the server would not accept the message.
 * @throws {Error} only when `loadSqlParser` was not awaited: a mistake of ours, not of a client.
 */
export function parseSql(bytes: Buffer): Parsed {
  if (!isLoaded) throw new Error('loadSqlParser has not finished')
  if (bytes.length > MAX_SQL_BYTES) {
    return failure(`${lenient.decode(bytes.subarray(0, 1024))}…`, `text of ${bytes.length} bytes is longer than ${MAX_SQL_BYTES}`)
  }
  if (bytes.includes(0)) return failure(lenient.decode(bytes), 'text holds a zero byte')
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return failure(lenient.decode(bytes), 'text is not valid UTF-8')
  }
  return parseText(text, bytes)
}

function parseText(text: string, bytes: Buffer): Parsed {
  // The parser refuses an empty text where the server answers EmptyQueryResponse.
  if (/^[ \t\n\r\f\v;]*$/.test(text)) return { ok: true, text, statements: [] }
  let result: unknown
  try {
    result = parseSync(text)
  } catch (cause) {
    // A syntax error, exhausted memory, a stack overflow in deeply nested text: all the same, it is not understood.
    return failure(text, `not readable: ${cause instanceof Error ? cause.message.slice(0, 200) : 'the parser failed'}`)
  }
  if (!isTree(result)) return failure(text, 'not readable: the parser answered nothing')
  const statements: RawStatement[] = []
  for (const raw of treesIn(result, 'stmts')) {
    const wrapped = Object.entries(isTree(raw['stmt']) ? raw['stmt'] : {})
    const [kind, fields] = wrapped[0] ?? []
    if (kind === undefined || !isTree(fields)) return failure(text, 'not readable: a statement without a node')
    const from = numberOf(raw, 'stmt_location')
    const length = numberOf(raw, 'stmt_len')
    const slice = bytes.subarray(from, length === 0 ? bytes.length : from + length)
    statements.push({ kind, fields, text: utf8.decode(slice).trim() })
  }
  return { ok: true, text, statements }
}

function failure(text: string, reason: string): Parsed {
  return { ok: false, text, reason }
}
