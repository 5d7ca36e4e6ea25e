// The end of a recording: the digests of its files, and the statement that names them.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { recordingFiles, STATEMENT_FILE } from './layout.ts'
import { replaceFile, syncFolder } from './log-file.ts'
import type { Disk } from './log-file.ts'
import type { NoteSigner } from './signed-note.ts'
import { sealStatement } from './statement.ts'
import type { RecordingPredicate } from './statement.ts'
import { failpoint } from '../core/failpoint.ts'

export interface SealedFile {
  readonly name: string
  readonly sha256: string
}

/**
 * Digests every file of the folder, signs the statement about them, and syncs it all.
 * @param known digests of files that were followed as they were written.
 */
export async function sealFiles(
  disk: Disk,
  dir: string,
  predicate: RecordingPredicate,
  signer: NoteSigner,
  known: ReadonlyMap<string, string>,
): Promise<readonly SealedFile[]> {
  failpoint('seal.before-digests')
  const names = recordingFiles(disk, dir)
  const files: SealedFile[] = []
  for (const name of names) files.push({ name, sha256: known.get(name) ?? (await digestOf(path.join(dir, name))) })
  const subject = files.map(({ name, sha256 }) => ({ name, digest: { sha256 } }))
  failpoint('seal.before-statement')
  replaceFile(disk, path.join(dir, STATEMENT_FILE), sealStatement(subject, predicate, signer), true)
  syncFolder(disk, dir)
  failpoint('seal.done')
  return [...files, { name: STATEMENT_FILE, sha256: await digestOf(path.join(dir, STATEMENT_FILE)) }]
}

/** SHA-256 of a file, hex. */
async function digestOf(file: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(file), digest)
  return digest.digest('hex')
}
