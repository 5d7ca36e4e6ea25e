// `file:///path[#field]`: a regular file that others can neither change nor, where it matters, read.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { CredentialRef } from '../../core/connection.ts'
import type { CredentialSource } from '../../core/credential.ts'
import { checkParams, credentialUnavailable, MAX_CREDENTIAL_BYTES, readPlainCredential } from '../../core/plain-credential.ts'

export interface FileSettings {
  /**
   * Refuse a file that every user may read. Set it when the gateway has a user of its own: otherwise the job could read
   * the credential past the gateway.
   */
  readonly refuseReadableByAll: boolean
}

const WRITABLE_BY_OTHERS = 0o022
const READABLE_BY_ALL = 0o004

/** Opened first and examined through the handle, so that what was examined is what is read. */
export function createFileSource(settings: FileSettings): CredentialSource {
  return {
    scheme: 'file',
    acquire: async (ref, _context, signal) => {
      checkParams(ref, [])
      if (!ref.path.startsWith('/') || ref.path.includes('\0')) throw credentialUnavailable(ref, 'the path is not absolute')
      // Without waiting: opening a pipe would block until somebody writes to it.
      const file = await open(ref.path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
        throw credentialUnavailable(ref, `the file cannot be opened${codeOf(cause)}`, cause)
      })
      try {
        await examine(file, ref, settings)
        signal.throwIfAborted()
        return readPlainCredential(await readBounded(file), ref)
      } finally {
        await file.close()
      }
    },
    close: async () => [],
  }
}

async function examine(file: FileHandle, ref: CredentialRef, settings: FileSettings): Promise<void> {
  const found = await file.stat()
  if (!found.isFile()) throw credentialUnavailable(ref, 'it is not a regular file')
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) throw credentialUnavailable(ref, 'others may write the file; chmod 600 it')
  if (settings.refuseReadableByAll && (found.mode & READABLE_BY_ALL) !== 0) {
    throw credentialUnavailable(ref, 'every user may read the file, the job too; chmod 600 it')
  }
}

/** At most one byte more than allowed; the caller refuses that. A file that grows meanwhile gains nothing. */
async function readBounded(file: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(MAX_CREDENTIAL_BYTES + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return Buffer.from(bytes.subarray(0, length))
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? ` (${cause.code})` : ''
}
