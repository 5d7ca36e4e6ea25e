// Where a recording is read from: a folder, a zip as downloaded, or a replay page. All of them offer the same files.
import { SallyportError } from '../core/errors.ts'

/** How much of a file is in memory at a time. */
export const CHUNK_BYTES = 1024 * 1024

/** Where a page signs itself: whether it says it is signed, how, and over what; null elsewhere. */
export interface PageSignature {
  readonly isSigned: boolean
  readonly note: string | null
  readonly sha256: string
  /** The page. */
  readonly text: () => string
}

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
  readonly page: PageSignature | null
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

/** The same source; what goes wrong while it is read is told in words: damaged, or not to be read on this machine. */
export function inWords(source: RecordingSource, file: string): RecordingSource {
  return {
    ...source,
    read: async function* (name) {
      try {
        yield* source.read(name)
      } catch (error) {
        if (error instanceof SallyportError) throw error
        if (!isSystemError(error)) throw damaged(file, `${name} is damaged`)
        throw new SallyportError('UNREADABLE', `cannot read ${name} of ${file}`, { why: error.code, cause: error })
      }
    },
  }
}

/** True when the system gave the bytes to nobody: that says nothing about them. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof SallyportError && isSystemError(error.cause)
}

function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}

/** A file of the recording that is read whole. @throws {SallyportError} UNREADABLE when it has more bytes. */
export async function readWhole(source: Pick<RecordingSource, 'read'>, name: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of source.read(name)) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new SallyportError('UNREADABLE', `${name} has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
