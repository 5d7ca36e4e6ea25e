// Opens a recording in whichever form it comes.
import fs, { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import { fileTrouble } from '../core/file-trouble.ts'
import { EVENTS_FILE, recordingFiles } from './layout.ts'
import { openPage } from './page-source.ts'
import { CHUNK_BYTES, inWords, notARecording } from './recording-source.ts'
import type { RecordingSource } from './recording-source.ts'
import { isShipped, openShipped } from './shipped-source.ts'
import { straysIn } from './strays.ts'
import { openZip } from './zip-source.ts'

/** @throws {SallyportError} UNREADABLE when there is no recording at this path. */
export async function openRecording(file: string): Promise<RecordingSource> {
  return inWords(await openAny(file), file)
}

async function openAny(file: string): Promise<RecordingSource> {
  try {
    const { isFolder, head } = await lookAt(file)
    if (isFolder) return isShipped(file) ? openShipped(file) : openFolder(file)
    if (path.basename(file) === EVENTS_FILE) return openFolder(path.dirname(file))
    if (head.subarray(0, 2).toString('latin1') === 'PK') return await openZip(file)
    if (/^<!doctype html>/i.test(head.toString('latin1'))) return await openPage(file)
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause
    const why = cause instanceof Error && 'code' in cause ? fileTrouble(cause) : 'it is damaged'
    throw new SallyportError('UNREADABLE', `cannot read ${file}`, {
      why,
      fix: 'name the folder, the zip as downloaded, or replay.html',
      cause,
    })
  }
  throw notARecording(file)
}

async function lookAt(file: string): Promise<{ isFolder: boolean; head: Buffer }> {
  if ((await stat(file)).isDirectory()) return { isFolder: true, head: Buffer.alloc(0) }
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(32), 0, 32, 0)
    return { isFolder: false, head: buffer.subarray(0, bytesRead) }
  } finally {
    await handle.close()
  }
}

function openFolder(dir: string): RecordingSource {
  const names = recordingFiles(fs, dir)
  if (names.length === 0) throw notARecording(dir)
  const others = straysIn(dir, names)
  return {
    form: 'folder',
    names,
    others,
    sizeOf: name => fs.statSync(path.join(dir, name)).size,
    read: name => createReadStream(path.join(dir, name), { highWaterMark: CHUNK_BYTES }),
    page: null,
    close: () => Promise.resolve(),
  }
}
