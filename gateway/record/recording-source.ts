// Where a recording is read from: a folder, a zip as downloaded, or a replay page. All of them offer the same files.
import { SallyportError } from '../core/errors.ts'

/** How much of a file is in memory at a time. */
export const CHUNK_BYTES = 1024 * 1024

export interface RecordingSource {
  readonly form: 'folder' | 'zip' | 'page'
  /** Names of the layout that are there. */
  readonly names: readonly string[]
  /** Names that lie beside them and are none of the recording. */
  readonly others: readonly string[]
  /** Bytes to be read for `name`, as far as known; for progress. */
  sizeOf(name: string): number
  /** The file's bytes; fails where the container is damaged. */
  read(name: string): AsyncIterable<Buffer>
  /** Where a page signs itself: whether it says it is signed, how, and over what; null elsewhere. */
  readonly page: { readonly isSigned: boolean; readonly note: string | null; readonly sha256: string } | null
  close(): Promise<void>
}

export function notARecording(file: string): SallyportError {
  return new SallyportError('UNREADABLE', `${file} is not a recording`, {
    why: 'it is neither a folder with events.jsonl, nor a zip of one, nor a replay page',
    fix: 'name the folder, the zip as downloaded, or replay.html',
  })
}

export function damaged(file: string, why: string): SallyportError {
  return new SallyportError('UNREADABLE', `cannot read ${file}`, { why, fix: 'download it again' })
}
