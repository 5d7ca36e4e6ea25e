// Writes the client files as the job's user: only that user may read them. The gateway itself never writes where the job can.
import { chownSync, closeSync, constants, fchmodSync, fchownSync, mkdirSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import type { ClientFile } from './protocol.ts'

/** Who may read the files, where that is not this process's own user (`exec --user`, launched by root). */
export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * Writes each file below `clientDir`. A file that exists, or a link in its place, is an error: nothing is followed.
 * @throws {SallyportError} UNREADABLE when one cannot be written; PROTOCOL_VIOLATION for a path that leaves `clientDir`.
 */
export function writeClientFiles(clientDir: string, files: readonly ClientFile[], owner: FileOwner | null, mode = 0o600): void {
  for (const { path: name, text, isPrivate } of files) {
    const file = path.join(clientDir, name)
    if (path.isAbsolute(name) || path.relative(clientDir, file).startsWith('..')) {
      throw new SallyportError('PROTOCOL_VIOLATION', 'the gateway named a client file outside its folder')
    }
    try {
      makeFolders(clientDir, path.dirname(path.relative(clientDir, file)), owner)
      const handle = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
      try {
        fchmodSync(handle, isPrivate === true ? 0o600 : mode)
        writeSync(handle, text)
        if (owner !== null) fchownSync(handle, owner.uid, owner.gid)
      } finally {
        closeSync(handle)
      }
    } catch (cause) {
      throw new SallyportError('UNREADABLE', `the client file ${name} cannot be written`, { cause })
    }
  }
}

function makeFolders(clientDir: string, below: string, owner: FileOwner | null): void {
  if (below === '.') return
  const made = mkdirSync(path.join(clientDir, below), { recursive: true, mode: 0o700 })
  if (made === undefined || owner === null) return
  for (let folder = path.join(clientDir, below); folder.length >= made.length; folder = path.dirname(folder)) {
    chownSync(folder, owner.uid, owner.gid)
  }
}
