// What one SFTP request wants: an operation on paths, to be judged; or something on a handle or a name that was judged, or tells nothing.
import type { SshCommand } from '../../core/command.ts'
import { ATTRIBUTE_SIZE, openFlag, SftpFields, sftpType } from '../../wire/ssh/sftp.ts'

/** `follow`: the operation acts on what the path leads to, not on a link at its end. */
export interface FilePath {
  readonly path: string
  readonly follows: boolean
}

export type FileWish =
  /** Judged by its operations, each on all paths. */
  | {
      readonly kind: 'judged'
      readonly operations: readonly string[]
      readonly paths: readonly FilePath[]
      /** Where the first `count` of the paths stand in the packet: after so many other texts. null = they do not stand in it. */
      readonly sent: { readonly after: number; readonly count: number } | null
    }
  /** On the file that the handle was opened for, where there is one: attributes are judged as `setstat`, its content was judged as `write`. */
  | {
      readonly kind: 'handle'
      readonly handle: Buffer
      readonly setsAttributes: boolean
      /** Bytes that the file has afterwards; `unknown` where they are not in the request. */
      readonly size: bigint | 'unknown' | 'same'
    }
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
      // What is not opened for writing can be read, whatever else is said: CREAT alone is O_RDONLY | O_CREAT.
      const reads = (flags & openFlag.read) !== 0 || (flags & openFlag.write) === 0
      const operations = [...(reads ? ['read'] : []), ...(changes ? ['write'] : [])]
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
      return judged(['rename'], bothPaths(fields))
    // Mode, owner and times can be changed by a handle that was opened for reading.
    case sftpType.fsetstat: {
      const handle = fields.bytes()
      const flags = fields.uint32()
      const size = (flags & ATTRIBUTE_SIZE) === 0 ? 'same' : fields.uint64()
      return { kind: 'handle', handle, setsAttributes: (flags & ~ATTRIBUTE_SIZE) !== 0, size }
    }
    case sftpType.symlink:
      return readSymlink(fields)
    case sftpType.extended:
      return readExtension(fields)
    case sftpType.close:
    case sftpType.read:
    case sftpType.write:
    case sftpType.fstat:
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
    { after: 1, count: 1 },
  )
}

function readExtension(fields: SftpFields): FileWish {
  const name = fields.text() ?? ''
  switch (name) {
    case 'posix-rename@openssh.com':
      return judged(['rename'], bothPaths(fields), { after: 1, count: 2 })
    case 'hardlink@openssh.com':
      return judged(['link'], bothPaths(fields), { after: 1, count: 2 })
    case 'lsetstat@openssh.com':
      return judged(['setstat'], [[fields.text(), false]], { after: 1, count: 1 })
    // Between two handles, each opened by its own judgement; the second takes bytes that do not pass here.
    case 'copy-data':
      fields.bytes()
      fields.uint64()
      fields.uint64()
      return { kind: 'handle', handle: fields.bytes(), setsAttributes: false, size: 'unknown' }
    default:
      return PASSED_EXTENSIONS.has(name) ? passed : { kind: 'refused', reason: 'an sftp extension that is not known' }
  }
}

function bothPaths(fields: SftpFields): readonly (readonly [string | null, boolean])[] {
  return [
    [fields.text(), false],
    [fields.text(), false],
  ]
}

function judged(
  operations: readonly string[],
  paths: readonly (readonly [string | null, boolean])[],
  sent: { readonly after: number; readonly count: number } = { after: 0, count: paths.length },
): FileWish {
  const known: FilePath[] = []
  for (const [path, follows] of paths) {
    if (path === null) return { kind: 'refused', reason: 'a path that is not UTF-8' }
    known.push({ path, follows })
  }
  return { kind: 'judged', operations, paths: known, sent }
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
