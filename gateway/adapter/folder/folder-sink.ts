// Ships recordings into a folder (`file:///var/audit`): one sub-folder a run, complete or not there at all.
// While the run goes on, its lines are gathered beside it in `RUN.incomplete`.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, writeSync } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { SallyportError } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import type { Segment, Shipped, Sink } from '../../core/sink.ts'

const EVENTS = 'events.jsonl'

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
  const gathered = path.join(root, `${run}.incomplete`)
  return {
    name: url,
    ship: (dir, files, signal) => ship({ root, run, gathered }, dir, files, signal),
    shipSegment: segment => gather(gathered, segment),
  }
}

interface Place {
  readonly root: string
  readonly run: string
  readonly gathered: string
}

/** Writes lines where they belong, so that writing them again changes nothing. */
async function gather(gathered: string, { offset, bytes, checkpoint, keys }: Segment): Promise<void> {
  try {
    await mkdir(gathered, { recursive: true, mode: 0o700 })
    if (keys !== null) await putFile(path.join(gathered, 'keys.age'), keys)
    // Not made anew: what is not from the start follows what is there.
    const handle = await open(path.join(gathered, EVENTS), offset === 0 ? 'w' : 'r+', 0o600)
    try {
      if ((await handle.stat()).size < offset)
        throw new SallyportError('RECORDING_FAILED', `${gathered} lost lines that were written there`)
      failpoint('folder.mid-segment', () => writeSync(handle.fd, bytes, 0, bytes.length >> 1, offset))
      await handle.write(bytes, 0, bytes.length, offset)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    failpoint('folder.before-checkpoint')
    await putFile(path.join(gathered, 'checkpoint'), Buffer.from(checkpoint, 'utf8'))
  } catch (cause) {
    throw cause instanceof SallyportError ? cause : failed(gathered, cause)
  }
}

async function putFile(file: string, bytes: Buffer): Promise<void> {
  await writeFile(`${file}.tmp`, bytes, { mode: 0o600, flush: true })
  await rename(`${file}.tmp`, file)
}

async function ship({ root, run, gathered }: Place, dir: string, files: readonly string[], signal: AbortSignal): Promise<Shipped> {
  const target = path.join(root, run)
  const draft = path.join(root, `.${run}.${randomUUID()}`)
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 })
    for (const file of files) {
      // The log is there already when it was gathered: by far the largest file is then not copied at the end.
      if (file === EVENTS && (await takeGathered(gathered, dir, draft))) continue
      await copyFile(path.join(dir, file), path.join(draft, file), signal)
    }
    await syncFolder(draft)
    failpoint('folder.before-place')
    await putInPlace(draft, target, files)
    await syncFolder(root)
    await rm(gathered, { recursive: true, force: true })
    return { url: null, pageUrl: null }
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof SallyportError) throw cause
    throw failed(target, cause)
  } finally {
    // What failed is said already; where there is no folder there is no draft either.
    await rm(draft, { recursive: true, force: true }).catch(() => {})
  }
}

/** A second name for the gathered log, so that a failure later leaves it where it was. False when it is not the log, byte for byte. */
async function takeGathered(gathered: string, dir: string, draft: string): Promise<boolean> {
  const [log, copy] = [path.join(dir, EVENTS), path.join(gathered, EVENTS)]
  try {
    if ((await stat(copy)).size !== (await stat(log)).size) return false
    const [wanted, found] = await Promise.all([digestOf(log), digestOf(copy)])
    if (wanted !== found) return false
    await link(copy, path.join(draft, EVENTS))
    return true
  } catch {
    // Nothing was gathered, or the file system has no second names: it is copied then.
    return false
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

function failed(place: string, cause: unknown): SallyportError {
  const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'
  return new SallyportError('RECORDING_FAILED', `cannot ship the recording to ${place}`, { why, cause })
}
