// Ships recordings into a folder (`file:///var/audit`): one sub-folder a run, complete or not there at all.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { SallyportError } from '../../core/errors.ts'
import type { Shipped, Sink } from '../../core/sink.ts'

export interface FolderSinkOptions {
  /** `file:///absolute/folder`. */
  readonly url: string
  /** Id of the run: the name of its sub-folder. */
  readonly run: string
}

/** @throws {SallyportError} USAGE when the address is not a folder of this machine, or the run's id is not a plain name. */
export function openFolderSink({ url, run }: FolderSinkOptions): Sink {
  const root = folderOf(url)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(run))
    throw new SallyportError('USAGE', 'a run needs a plain name to be shipped to a folder')
  return { name: url, ship: (dir, files, signal) => ship(root, run, dir, files, signal) }
}

async function ship(root: string, run: string, dir: string, files: readonly string[], signal: AbortSignal): Promise<Shipped> {
  const target = path.join(root, run)
  const draft = path.join(root, `.${run}.${randomUUID()}`)
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 })
    for (const file of files) await copyFile(path.join(dir, file), path.join(draft, file), signal)
    await syncFolder(draft)
    await putInPlace(draft, target, files)
    await syncFolder(root)
    return { url: null, pageUrl: null }
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof SallyportError) throw cause
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'
    throw new SallyportError('RECORDING_FAILED', `cannot ship the recording to ${target}`, { why, cause })
  } finally {
    // What failed is said already; where there is no folder there is no draft either.
    await rm(draft, { recursive: true, force: true }).catch(() => {})
  }
}

/** A rename onto a folder that holds files fails: what was shipped before is never written over. */
async function putInPlace(draft: string, target: string, files: readonly string[]): Promise<void> {
  try {
    await rename(draft, target)
  } catch (error) {
    if (!(await isSame(draft, target, files))) throw error
  }
}

async function isSame(draft: string, target: string, files: readonly string[]): Promise<boolean> {
  try {
    const there = await readdir(target, { recursive: true, withFileTypes: true })
    if (there.filter(entry => entry.isFile()).length !== files.length) return false
    for (const file of files) if ((await digestOf(path.join(draft, file))) !== (await digestOf(path.join(target, file)))) return false
    return true
  } catch {
    return false
  }
}

/** Copies, syncs, and reads back what arrived. */
async function copyFile(from: string, to: string, signal: AbortSignal): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true, mode: 0o700 })
  const digest = createHash('sha256')
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      digest.update(chunk)
      done(null, chunk)
    },
  })
  await pipeline(createReadStream(from), watch, createWriteStream(to, { flags: 'wx', mode: 0o600, flush: true }), { signal })
  if ((await digestOf(to)) !== digest.digest('hex')) throw new SallyportError('RECORDING_FAILED', `the copy ${to} is not what was written`)
}

async function digestOf(file: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(file), digest)
  return digest.digest('hex')
}

async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function folderOf(url: string): string {
  try {
    const folder = fileURLToPath(url)
    if (path.isAbsolute(folder)) return folder
  } catch {
    // Said below.
  }
  throw new SallyportError('USAGE', `${url} is not a folder of this machine`, { fix: 'file:///absolute/folder' })
}
