// After the gateway died: makes a recording whole lines again. Adds nothing and signs nothing: the key died too.
import { open, readdir, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import { EVENTS_FILE, isLeftover, SESSIONS_FOLDER, STATEMENT_FILE } from './layout.ts'

const NEWLINE = 10
const STEP_BYTES = 64 * 1024

export interface Recovery {
  /** True when the run had been sealed: then nothing was touched. */
  readonly isSealed: boolean
  /** Bytes of a last line that was never finished, and that are cut off now. No command of such a line was forwarded. */
  readonly tornBytes: number
  /** Bytes of whole lines. */
  readonly bytes: number
}

/**
 * Cuts a torn last line off, and removes what only the running log needs. The recording stays INCOMPLETE, as it is.
 * @throws {SallyportError} UNREADABLE when there is no log, or it cannot be mended.
 */
export async function recoverRunLog(dir: string): Promise<Recovery> {
  try {
    const names = await readdir(dir)
    const isSealed = names.includes(STATEMENT_FILE)
    const log = await open(path.join(dir, EVENTS_FILE), isSealed ? 'r' : 'r+')
    try {
      const { size } = await log.stat()
      if (isSealed) return { isSealed, tornBytes: 0, bytes: size }
      const bytes = await endOfLastLine(log, size)
      if (bytes < size) {
        await log.truncate(bytes)
        await log.datasync()
      }
      if (names.includes(SESSIONS_FOLDER)) await mendTerminals(path.join(dir, SESSIONS_FOLDER))
      for (const name of names) if (isLeftover(name)) await rm(path.join(dir, name))
      return { isSealed, tornBytes: size - bytes, bytes }
    } finally {
      await log.close()
    }
  } catch (cause) {
    throw new SallyportError('UNREADABLE', `cannot recover the recording in ${dir}`, { cause })
  }
}

/** Sealed ones stay as they are, each with its tail: age knows where their last whole chunk ends. */
async function mendTerminals(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.endsWith('.cast')) continue
    const cast = await open(path.join(dir, name), 'r+')
    try {
      const { size } = await cast.stat()
      const bytes = await endOfLastLine(cast, size)
      if (bytes < size) await cast.truncate(bytes)
    } finally {
      await cast.close()
    }
  }
}

async function endOfLastLine(log: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(STEP_BYTES)
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - STEP_BYTES)
    const { bytesRead } = await log.read(block, 0, end - start, start)
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (newline >= 0) return start + newline + 1
    end = start
  }
  return 0
}
