// A thread that reads texts too long for the main one: bytes and context in, statements out. Nothing else of the gateway runs here.
import { parentPort } from 'node:worker_threads'
import type { Catalog } from './catalog.ts'
import { loadSqlParser, readSql } from './read-sql.ts'
import { TreeShortener } from './short-tree.ts'
import type { NameChange, SqlContext, SqlStatement } from './sql-statement.ts'

/** One text to read. `catalog` is left out when it is the one that came last. */
export interface ReadingOrder {
  readonly text: Uint8Array
  readonly context: Omit<SqlContext, 'catalog'>
  readonly hasCatalog: boolean
  readonly catalog?: Catalog
}

export type ReadingAnswer = { readonly statements: readonly SqlStatement[] } | { readonly failure: string }

let catalog: Catalog | null = null
const parser = loadSqlParser()

parentPort?.on('message', (order: ReadingOrder) => {
  parser.then(
    () => tell(answerTo(order)),
    (error: unknown) => tell({ failure: wordsOf(error) }),
  )
})

function tell(answer: ReadingAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(answer)
}

function answerTo({ text, context, hasCatalog, catalog: newer }: ReadingOrder): ReadingAnswer {
  if (newer !== undefined) catalog = newer
  try {
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
    const statements = readSql(bytes, { ...context, catalog: hasCatalog ? catalog : null })
    const shortener = new TreeShortener()
    return { statements: statements.map(statement => shortened(statement, shortener)) }
  } catch (error) {
    return { failure: wordsOf(error) }
  }
}

function shortened(statement: SqlStatement, shortener: TreeShortener): SqlStatement {
  return {
    ...statement,
    node: shortener.shorten(statement.node),
    names: statement.names.map((change): NameChange =>
      'statement' in change ? { ...change, statement: shortened(change.statement, shortener) } : change,
    ),
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'the reader failed'
}
