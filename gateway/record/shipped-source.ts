// Reads a recording as a bucket holds it, copied into a folder: pieces of the log under `events/`, other files under `files/DIGEST/`.
// The names say what is where; whether it is right, verifying says.
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, EVENTS_FILE, isRecordingFile } from './layout.ts'
import { CHUNK_BYTES, damaged } from './recording-source.ts'
import type { RecordingSource } from './recording-source.ts'

interface Piece {
  readonly from: number
  readonly to: number
  readonly file: string
}

/** True when the folder looks like a copy of what a sink put into a bucket. */
export function isShipped(dir: string): boolean {
  return existsSync(path.join(dir, 'events')) && !existsSync(path.join(dir, EVENTS_FILE))
}

/** @throws {SallyportError} UNREADABLE when two files claim the same lines or the same name, or lines between two pieces are missing. */
export function openShipped(dir: string): RecordingSource {
  const entries = readdirSync(path.join(dir, 'events'), { withFileTypes: true })
  // A link or a pipe is no piece, wherever it leads.
  const all = entries.filter(entry => entry.isFile()).map(({ name }) => name)
  const pieces = inOrder(dir, all, 'jsonl')
  const files = new Map<string, () => AsyncIterable<Buffer>>()
  const sizes = new Map<string, number>()
  const add = (name: string, paths: readonly string[]): void => {
    if (files.has(name)) throw damaged(dir, `it holds ${name} twice`)
    files.set(name, () => readAll(paths))
    sizes.set(
      name,
      paths.reduce((sum, file) => sum + statSync(file).size, 0),
    )
  }
  add(
    EVENTS_FILE,
    pieces.map(({ file }) => file),
  )
  for (const [name, file] of shippedFiles(dir)) add(name, [file])
  if (!files.has(CHECKPOINT_FILE)) addNotes(inOrder(dir, all, 'checkpoint'), add)
  return {
    form: 'folder',
    names: [...files.keys()].toSorted(),
    others: entries.filter(entry => !entry.isFile()).map(({ name }) => `events/${name}`),
    sizeOf: name => sizes.get(name) ?? 0,
    read: name => {
      const read = files.get(name)
      if (read === undefined) throw damaged(dir, `it does not hold ${name}`)
      return read()
    },
    page: null,
    close: () => Promise.resolve(),
  }
}

/** Of a run whose gateway died: the notes that went with the pieces are its checkpoints. */
function addNotes(notes: readonly Piece[], add: (name: string, paths: readonly string[]) => void): void {
  const newest = notes.at(-1)
  if (newest === undefined) return
  add(CHECKPOINT_FILE, [newest.file])
  if (notes.length > 1)
    add(
      CHECKPOINTS_FILE,
      notes.slice(0, -1).map(({ file }) => file),
    )
}

function inOrder(dir: string, names: readonly string[], ending: string): readonly Piece[] {
  const pieces = names.flatMap(name => {
    const [, from, to, , end] = /^(\d{12})-(\d{12})\.([0-9a-f]{64})\.(\w+)$/.exec(name) ?? []
    return end === ending ? [{ from: Number(from), to: Number(to), file: path.join(dir, 'events', name) }] : []
  })
  pieces.sort((a, b) => a.from - b.from)
  let next = 1
  for (const { from, to } of pieces) {
    if (from < next) throw damaged(dir, `two pieces claim line ${String(from)}`)
    if (from > next) throw damaged(dir, `lines ${String(next)} to ${String(from - 1)} are missing`)
    next = to + 1
  }
  return pieces
}

function* shippedFiles(dir: string): Generator<readonly [string, string]> {
  const folder = path.join(dir, 'files')
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    const [digest = '', ...name] = path.relative(folder, file).split(path.sep)
    if (/^[0-9a-f]{64}$/.test(digest) && isRecordingFile(name.join('/'))) yield [name.join('/'), file]
  }
}

async function* readAll(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const file of paths) {
    if (statSync(file).size <= CHUNK_BYTES) yield readFileSync(file)
    else for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) yield chunk
  }
}
