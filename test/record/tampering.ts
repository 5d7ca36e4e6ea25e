// A recording of 64 KiB, held in memory, and every way to change it. A verifier that misses one is wrong.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { RecordingSource } from '../../gateway/record/recording-source.ts'
import { recordingFiles } from '../../gateway/record/layout.ts'
import { verifySource } from '../../gateway/record/verify-recording.ts'
import type { VerifyReport } from '../../gateway/record/verify-report.ts'
import fs from 'node:fs'
import { commandOf, logIn, tellStory, temporaryFolder } from './recordings.ts'

export type Files = Readonly<Record<string, Buffer>>

/** Of all files but the page, which says it all again. */
const BYTES = 64 * 1024
/** More than one more statement needs. */
const ROOM = 1024
const PAGE_SHARE = 16

/** A sealed recording of about 64 KiB in this folder: sessions, many statements, a terminal. @param word what the terminal says. */
export async function recordingOf64K(dir: string, word = 'hello'): Promise<{ files: Files; key: string }> {
  // So many statements, and then one that fills it up.
  let statements = 80
  let padding = 0
  for (;;) {
    const made = await seal(dir, statements, padding, word)
    const { 'replay.html': _, ...others } = made.files
    const left = BYTES - bytesOf(others)
    if (left < 0) throw new Error(`the recording has ${-left} bytes too many`)
    if (left < 64) return made
    if (padding === 0 && left > 2 * ROOM) statements += Math.max(1, Math.floor((left - 2 * ROOM) / 700))
    else padding += Math.max(1, left - (padding === 0 ? ROOM : 32))
  }
}

export interface SealedStage {
  /** A folder of the tests. */
  readonly dir: string
  readonly files: Files
  readonly key: string
  remove(): void
}

export async function sealedStage(): Promise<SealedStage> {
  const { dir, remove } = temporaryFolder()
  return { dir, ...(await recordingOf64K(path.join(dir, 'sealed'))), remove }
}

async function seal(dir: string, statements: number, padding: number, word: string): Promise<{ files: Files; key: string }> {
  fs.rmSync(dir, { recursive: true, force: true })
  const { log } = logIn(dir)
  tellStory(log, 's-1')
  tellStory(log, 's-2')
  for (let n = 1; n <= statements; n += 1) {
    const command = log.nextCommand()
    log.commit('s-3', commandOf(command, `SELECT name FROM customers WHERE id = ${n}`), 'written')
    log.append('s-3', { kind: 'result', command, tag: 'SELECT 1', rows: 1, durationMs: 1 })
  }
  if (padding > 0) log.commit('s-3', commandOf(log.nextCommand(), `SELECT '${'x'.repeat(padding)}'`), 'synced')
  const terminal = log.openTerminal('s-1', 1, { columns: 80, rows: 24 }, 'web')
  terminal.output(Buffer.from(`${word} from the terminal\r\n`))
  terminal.close()
  const { key } = await log.seal({ reason: 'finished' })
  return { files: filesOf(dir), key }
}

export function filesOf(dir: string): Files {
  return Object.fromEntries(recordingFiles(fs, dir).map(name => [name, readFileSync(path.join(dir, name))]))
}

export function bytesOf(files: Files): number {
  return Object.values(files).reduce((sum, { length }) => sum + length, 0)
}

export interface Flips {
  readonly flipped: number
  /** `name byte` of those that were not called tampered. */
  readonly missed: readonly string[]
}

/** Flips one bit of each byte in turn; with a share of n, of every n-th byte from `start`. */
export async function flipAll(
  files: Files,
  key: string,
  share = 1,
  start = 0,
  onFlip: (done: number) => void = () => undefined,
): Promise<Flips> {
  let flipped = 0
  let position = 0
  const missed: string[] = []
  for (const [name, bytes] of Object.entries(files)) {
    // The page is held by its digest alone: some of its bytes stand for all.
    const every = name === 'replay.html' ? PAGE_SHARE * share : share
    const changed = Buffer.from(bytes)
    for (let at = 0; at < bytes.length; at += 1, position += 1) {
      if (position % every !== start) continue
      changed[at]! ^= 1 << (at % 8)
      // Without the key and with it: neither may be fooled.
      const report = await verifyIn({ ...files, [name]: changed }, flipped % 2 === 0 ? key : undefined)
      changed[at] = bytes[at]!
      flipped += 1
      onFlip(flipped)
      if (report.verdict !== 'tampered') missed.push(`${name} byte ${at}`)
    }
  }
  return { flipped, missed }
}

export function verifyIn(files: Files, key?: string): Promise<VerifyReport> {
  return verifySource('changed', memory(files), key === undefined ? {} : { key })
}

/** A recording in memory, so that thousands of changes need no disk. */
export function memory(files: Files, others: readonly string[] = []): RecordingSource {
  return {
    form: 'folder',
    names: Object.keys(files),
    others,
    sizeOf: name => files[name]!.length,
    read: async function* (name) {
      yield await Promise.resolve(files[name]!)
    },
    page: null,
    close: () => Promise.resolve(),
  }
}
