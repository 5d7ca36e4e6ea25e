// What one SFTP request wants: an operation on paths, to be judged; or something on a handle or a name that was judged, or tells nothing.
import type { SshCommand } from '../../core/command.ts'
import { openFlag, SftpFields, sftpType } from '../../wire/ssh/sftp.ts'

/** `follow`: the operation acts on what the path leads to, not on a link at its end. */
export interface FilePath {
  readonly path: string
  readonly follows: boolean
}

export type FileWish =
  /** Judged by its operations, each on all paths. */
  | { readonly kind: 'judged'; readonly operations: readonly string[]; readonly paths: readonly FilePath[] }
  /** On a handle whose opening was judged, or a look at names and attributes. */
  | { readonly kind: 'passed' }
  /** Not UTF-8, or a request that is not known. */
  | { readonly kind: 'refused'; readonly reason: string }

const passed: FileWish = { kind: 'passed' }

/** OpenSSH's extensions on handles, names and attributes. */
const PASSED_EXTENSIONS = new Set([
  'fsync@openssh.com',
  'fstatvfs@openssh.com',
  'statvfs@openssh.com',
  'limits@openssh.com',
  'expand-path@openssh.com',
  'home-directory',
  'users-groups-by-id@openssh.com',
  // Between two handles, each opened by its own judgement.
  'copy-data',
])

/** @throws {SallyportError} PROTOCOL_VIOLATION for a packet that is too short. */
export function readFileWish(packet: Buffer): FileWish {
  const fields = new SftpFields(packet)
  if (fields.type === sftpType.init) return passed
  fields.uint32()
  const on = (operation: string, follows: boolean): FileWish => judged([operation], [[fields.text(), follows]])
  switch (fields.type) {
    case sftpType.open: {
      const path = fields.text()
      const flags = fields.uint32()
      const changes = (flags & ~openFlag.read) !== 0
      const operations = [...((flags & openFlag.read) !== 0 || !changes ? ['read'] : []), ...(changes ? ['write'] : [])]
      return judged(operations, [[path, true]])
    }
    case sftpType.opendir:
      return on('list', true)
    case sftpType.remove:
      return on('remove', false)
    case sftpType.mkdir:
      return on('mkdir', false)
    case sftpType.rmdir:
      return on('rmdir', false)
    case sftpType.setstat:
      return on('setstat', true)
    case sftpType.rename:
      return judged(
        ['rename'],
        [
          [fields.text(), false],
          [fields.text(), false],
        ],
      )
    case sftpType.symlink:
      return readSymlink(fields)
    case sftpType.extended:
      return readExtension(fields)
    case sftpType.close:
    case sftpType.read:
    case sftpType.write:
    case sftpType.fstat:
    case sftpType.fsetstat:
    case sftpType.readdir:
    case sftpType.lstat:
    case sftpType.stat:
    case sftpType.realpath:
    case sftpType.readlink:
      return passed
    default:
      return { kind: 'refused', reason: `sftp request ${fields.type} is not known` }
  }
}

/** OpenSSH sends what the link says first, and its own place second (its PROTOCOL, 4.1). Both places are judged. */
function readSymlink(fields: SftpFields): FileWish {
  const says = fields.text()
  const place = fields.text()
  if (says === null || place === null) return judged(['symlink'], [[null, false]])
  const folder = place.slice(0, place.lastIndexOf('/') + 1)
  return judged(
    ['symlink'],
    [
      [place, false],
      [says.startsWith('/') ? says : folder + says, true],
    ],
  )
}

function readExtension(fields: SftpFields): FileWish {
  const name = fields.text() ?? ''
  switch (name) {
    case 'posix-rename@openssh.com':
      return judged(
        ['rename'],
        [
          [fields.text(), false],
          [fields.text(), false],
        ],
      )
    case 'hardlink@openssh.com':
      return judged(
        ['link'],
        [
          [fields.text(), false],
          [fields.text(), false],
        ],
      )
    case 'lsetstat@openssh.com':
      return judged(['setstat'], [[fields.text(), false]])
    default:
      return PASSED_EXTENSIONS.has(name) ? passed : { kind: 'refused', reason: 'an sftp extension that is not known' }
  }
}

function judged(operations: readonly string[], paths: readonly (readonly [string | null, boolean])[]): FileWish {
  const known: FilePath[] = []
  for (const [path, follows] of paths) {
    if (path === null) return { kind: 'refused', reason: 'a path that is not UTF-8' }
    known.push({ path, follows })
  }
  return { kind: 'judged', operations, paths: known }
}

/** One operation on paths as the target resolved them. */
export function fileCommand(operation: string, paths: readonly string[]): SshCommand {
  return {
    protocol: 'ssh',
    request: 'sftp',
    verb: operation,
    resources: paths,
    text: `${operation} ${paths.join(' ')}`,
    certainty: 'parsed',
    doubt: null,
    programs: [],
    argvs: [],
    operation,
    paths,
  }
}
