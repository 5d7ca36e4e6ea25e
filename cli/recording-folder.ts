// The folder of a new recording. A recording is never written over.
import { lstatSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { SallyportError } from '../gateway/core/errors.ts'

const DEFAULT = 'sallyport-recording'
const MAX_NUMBER = 1_000

/**
 * The folder that was named, or `sallyport-recording`, then `sallyport-recording-2` and so on: the first that holds none.
 * What lies above it is made.
 * @throws {SallyportError} RECORDING_FAILED when the named one holds a recording, is no folder, or cannot be made.
 */
export function recordingFolder(named: string | undefined): string {
  if (named === undefined) return freeDefault()
  const folder = path.resolve(named)
  if (holdsRecording(folder)) {
    throw new SallyportError('RECORDING_FAILED', `${folder} already holds a recording`, {
      why: 'a recording is never written over',
      fix: 'name another folder with --out, or move that one away',
    })
  }
  makeAbove(folder)
  return folder
}

function freeDefault(): string {
  for (let number = 1; number <= MAX_NUMBER; number += 1) {
    const folder = path.resolve(number === 1 ? DEFAULT : `${DEFAULT}-${number}`)
    if (!holdsRecording(folder)) return folder
  }
  throw new SallyportError('RECORDING_FAILED', `there are ${MAX_NUMBER} recordings here`, { fix: 'name a folder with --out' })
}

function holdsRecording(folder: string): boolean {
  try {
    return readdirSync(folder).includes('events.jsonl')
  } catch (cause) {
    const isFree = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT' && !isLink(folder)
    if (isFree) return false
    throw new SallyportError('RECORDING_FAILED', `${folder} is not a folder that can be read`, {
      fix: 'name another one with --out',
      cause,
    })
  }
}

/** A link that leads nowhere: what stands at its end would be made by whoever placed it. */
function isLink(folder: string): boolean {
  return lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

function makeAbove(folder: string): void {
  try {
    mkdirSync(path.dirname(folder), { recursive: true })
  } catch (cause) {
    throw new SallyportError('RECORDING_FAILED', `${path.dirname(folder)} cannot be made`, { fix: 'name another folder with --out', cause })
  }
}
