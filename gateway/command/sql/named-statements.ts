// Statements that make, use and forget names of this session: PREPARE and EXECUTE, cursors, DISCARD.
import { withParameters } from './bound-parameters.ts'
import type { SqlReader } from './sql-reader.ts'
import { isTree, stringOf, treesIn, unwrap } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

export function readPrepare(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  reading.does('session')
  const node = fields['query']
  if (!isTree(node) || unwrap(node) === null) return reading.doubts('a PREPARE without a statement')
  // What is given to EXECUTE becomes a value of these: their checks run then, and count already.
  reader.walk(fields['argtypes'])
  // It is analysed at once; nothing else runs until EXECUTE, where it is read under the names that hold then.
  reader.within('define', () => reader.walk(node))
  reading.names.push({ kind: 'prepare', name: stringOf(fields, 'name'), node })
}

export function readExecute(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  const name = stringOf(fields, 'name')
  reading.names.push({ kind: 'execute', name })
  // Arguments are computed even when the statement is only explained.
  reader.within(reader.mode === 'define' ? 'define' : 'run', () => reader.walk(fields['params']))
  const prepared = reader.context.prepared.get(name)
  if (prepared === undefined) {
    reading.does('call')
    reading.runsUnreadable(`the prepared statement ${name} was not seen`)
    return
  }
  const node = withParameters(prepared.node, treesIn(fields, 'params'))
  runAgain(reader, node, `the prepared statement ${name}`, reader.context.searchPath)
}

export function readDeclare(reader: SqlReader, fields: Tree): void {
  const node = fields['query']
  if (!isTree(node)) return reader.reading.doubts('a cursor without a query')
  reader.walk(node)
  reader.reading.names.push({ kind: 'declare-cursor', name: stringOf(fields, 'portalname'), node })
}

export function readFetch(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  const name = stringOf(fields, 'portalname')
  reading.does('read')
  reading.names.push({ kind: 'fetch', name })
  const cursor = reader.context.cursors.get(name)
  if (cursor === undefined) {
    reading.does('call')
    reading.runsUnreadable(`the cursor ${name} was not seen`)
    return
  }
  const { searchPath } = reader.context
  runAgain(reader, cursor.node, `the cursor ${name}`, isSamePath(cursor.searchPath ?? null, searchPath) ? searchPath : null)
}

export function readDeallocate(reader: SqlReader, fields: Tree): void {
  const name = stringOf(fields, 'name')
  reader.reading.does('session')
  reader.reading.names.push({ kind: 'deallocate', name: name === '' ? null : name })
}

export function readDiscard(reader: SqlReader, fields: Tree): void {
  const { reading } = reader
  const target = stringOf(fields, 'target')
  reading.does('session')
  reading.changesSession = true
  if (target === 'DISCARD_ALL') {
    reading.names.push({ kind: 'deallocate', name: null }, { kind: 'close-cursor', name: null })
    reading.pathAfter = null
  }
  if (target === 'DISCARD_ALL' || target === 'DISCARD_TEMP') reading.changesCatalog = true
}

/** Unknown paths are never the same. */
export function isSamePath(one: readonly string[] | null, other: readonly string[] | null): boolean {
  return one !== null && other !== null && one.length === other.length && one.every((schema, index) => schema === other[index])
}

/** @param path null = names may mean what they mean in any schema. */
function runAgain(reader: SqlReader, node: unknown, what: string, path: readonly string[] | null): void {
  const found = unwrap(node)
  if (found === null) return reader.reading.runsUnreadable(`${what} could not be read`)
  if (reader.mode === 'define') return
  const inner = reader.inner(path)
  inner?.visit(found.kind, found.fields)
}
