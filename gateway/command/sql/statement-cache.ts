// Texts already read are looked up. The key holds everything the reading depended on; a text that differs from a known one
// only in integer literals is the same command with another text, unless a literal decided something.
import type { Catalog } from './catalog.ts'
import { readSql } from './read-sql.ts'
import { RecentShapes } from './recent-shapes.ts'
import { RecentTexts } from './recent-texts.ts'
import type { SqlContext, SqlStatement } from './sql-statement.ts'
import { TextShape } from './text-shape.ts'

/** Longer texts are read each time: they rarely come again, and looking at them costs. */
const MAX_TEXT_BYTES = 32 * 1024
/** A syntax tree takes many times its text. */
const BYTES_PER_CHARACTER = 48
const BYTES_PER_ENTRY = 2048

interface Entry {
  /** The text that was read; equal for texts of an exact entry. */
  readonly text: string
  readonly statements: readonly SqlStatement[]
  /** False = a literal decided something: only the very text will do, which has an entry of its own. */
  readonly isShape: boolean
  readonly bytes: number
}

interface Found {
  readonly statements: readonly SqlStatement[]
  /** They stand for every text of the same shape. */
  readonly isShape: boolean
}

export interface CacheCounts {
  readonly hits: number
  readonly misses: number
  readonly entries: number
  readonly bytes: number
}

/** Reads like `readSql`, and remembers. One for all sessions of a gateway; bounded, the least recently used go first. */
export class StatementCache {
  readonly #recent = new RecentTexts()
  readonly #recentShapes = new RecentShapes()
  readonly #entries = new Map<string, Entry>()
  readonly #maxBytes: number
  readonly #shape = new TextShape(MAX_TEXT_BYTES)
  readonly #contexts = new WeakMap<SqlContext, string>()
  readonly #numbers = new WeakMap<object, number>()
  #lastNumber = 0
  #bytes = 0
  #hits = 0
  #misses = 0

  constructor(maxBytes = 32 * 1024 * 1024) {
    this.#maxBytes = maxBytes
  }

  /** Promises of `readSql`. Statements of a text seen before are the same objects, so that what was judged of them can be kept. */
  read(text: Buffer, context: SqlContext): readonly SqlStatement[] {
    // A fresh catalog makes unknown names harmless, for this once.
    if (text.length > MAX_TEXT_BYTES || context.isFresh === true || context.drift !== undefined) return readSql(text, context)
    const prefix = this.#prefixOf(context)
    const same = this.#recent.find(text, text.length, prefix)
    if (same !== null) return this.#hit(same)
    const length = this.#shape.measure(text)
    const alike = length < 0 ? null : this.#recentShapes.find(this.#shape, length, prefix)
    if (alike !== null) return this.#hit(alike, text.toString('latin1'))
    const { statements, isShape } = this.#look(text, context, prefix, length)
    if (isShape) this.#recentShapes.keep(this.#shape, length, prefix, statements)
    if (statements.every(isLasting)) this.#recent.keep(text, text.length, prefix, statements)
    return statements
  }

  #hit(known: readonly SqlStatement[], text: string | null = null): readonly SqlStatement[] {
    this.#hits += 1
    const [only] = known
    if (text === null || only === undefined) return known
    return [withText(only, text)]
  }

  /** The large table, and what is in neither is read. @param length of the shape; below zero = the text has none. */
  #look(text: Buffer, context: SqlContext, prefix: string, length: number): Found {
    const exact = text.toString('latin1')
    const shapeKey = length < 0 ? null : `${prefix}#${this.#shape.bytes.toString('latin1', 0, length)}`
    const known = shapeKey === null ? undefined : this.#touch(shapeKey)
    if (known?.isShape === true)
      return { statements: known.text === exact ? this.#hit(known.statements) : this.#hit(known.statements, exact), isShape: true }
    const exactKey = `${prefix}=${exact}`
    const same = this.#touch(exactKey)
    if (same !== undefined) return { statements: this.#hit(same.statements), isShape: false }
    this.#misses += 1
    const statements = readSql(text, context)
    if (!statements.every(isLasting)) return { statements, isShape: false }
    const isShape = shapeKey !== null && statements.length === 1 && statements.every(isFreeOfLiterals)
    if (shapeKey !== null)
      this.#keep(shapeKey, { text: exact, statements: isShape ? statements : [], isShape, bytes: sizeOf(exact, isShape) })
    if (!isShape) this.#keep(exactKey, { text: exact, statements, isShape, bytes: sizeOf(exact, true) })
    return { statements, isShape }
  }

  get counts(): CacheCounts {
    return { hits: this.#hits, misses: this.#misses, entries: this.#entries.size, bytes: this.#bytes }
  }

  /** Everything of the context but the names of the session: a text that uses those is not kept. */
  #prefixOf(context: SqlContext): string {
    const known = this.#contexts.get(context)
    if (known !== undefined) return known
    const { catalog, searchPath, trustedFunctions, standardConformingStrings, isUtf8 } = context
    const prefix = [
      catalog === null ? '-' : this.#numberOf(catalog),
      catalog === null ? '' : catalog.epoch,
      trustedFunctions.size === 0 ? '' : this.#numberOf(trustedFunctions),
      `${standardConformingStrings ? 's' : ''}${isUtf8 ? 'u' : ''}`,
      JSON.stringify(searchPath),
    ].join()
    this.#contexts.set(context, prefix)
    return prefix
  }

  /** Catalogs of different targets may have the same epoch: the object itself counts. */
  #numberOf(one: Catalog | ReadonlySet<string>): number {
    const known = this.#numbers.get(one)
    if (known !== undefined) return known
    this.#lastNumber += 1
    this.#numbers.set(one, this.#lastNumber)
    return this.#lastNumber
  }

  #touch(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  #keep(key: string, entry: Entry): void {
    this.#bytes += entry.bytes - (this.#entries.get(key)?.bytes ?? 0)
    this.#entries.set(key, entry)
    for (const [oldest, { bytes }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return
      this.#entries.delete(oldest)
      this.#bytes -= bytes
    }
  }
}

/** It will mean the same next time: it uses no name of the session, and every name was found. */
function isLasting(statement: SqlStatement): boolean {
  return statement.names.length === 0 && !statement.hasUnresolvedNames
}

function isFreeOfLiterals(statement: SqlStatement): boolean {
  return !statement.isLiteralSensitive && statement.node !== null
}

/** The command with the text that was sent; `shape` stays the same object, so that judgements can be kept by it. */
function withText(statement: SqlStatement, text: string): SqlStatement {
  const { command } = statement
  return { ...statement, command: { ...command, text, shape: command.shape ?? command } }
}

function sizeOf(text: string, hasTree: boolean): number {
  return BYTES_PER_ENTRY + text.length * (hasTree ? BYTES_PER_CHARACTER : 2)
}
