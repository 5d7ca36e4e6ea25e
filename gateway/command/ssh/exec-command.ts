// A command line that a client wants to run, as commands: the programs in it, and the files that it reads and writes by its own words.
import type { SshCommand } from '../../core/command.ts'
import { opensPager } from '../shell/telling-programs.ts'
import { readShellLine } from '../shell/shell-line.ts'
import type { ShellLine } from '../shell/shell-line.ts'
import { readFileServer } from './file-server.ts'
import type { FileServer } from './file-server.ts'

export type ExecReading =
  | {
      readonly kind: 'commands'
      readonly commands: readonly SshCommand[]
      /** The line starts the other side of scp, rsync or git: its output is the content of files. */
      readonly isCopy: boolean
    }
  /** The file server as a program: its operations are judged one by one, as those of the subsystem are. */
  | { readonly kind: 'sftp' }
  /** Nothing may judge a text that people cannot read as it is. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Control characters, bidirectional overrides, line separators that look like blanks, and what stands for bytes that are no UTF-8. */
// oxlint-disable-next-line no-control-regex -- control characters are what is refused
const UNREADABLE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD\p{Cs}]/u

/**
 * Reads one exec request. One command for the line itself, and one for each file that a redirection reads or writes:
 * the strictest decision holds for all of them.
 * @param hasTerminal a program may then ask its user what to run, as pagers do.
 */
export function readExec(line: string, hasTerminal = false): ExecReading {
  const found = UNREADABLE.exec(line)
  if (found !== null) {
    const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    return { kind: 'refused', reason: `the command holds a character that cannot be shown (U+${code})` }
  }
  const read = readShellLine(line)
  const server = serverOf(read)
  if (server?.kind === 'sftp') return { kind: 'sftp' }
  if (server?.kind === 'files') {
    return {
      kind: 'commands',
      isCopy: true,
      commands: server.operations.map(({ operation, paths }) => ({ ...lineCommand(line, read), resources: paths, operation, paths })),
    }
  }
  const pager = hasTerminal ? (read.argvs.find(opensPager)?.[0] ?? null) : null
  // Within a line its paths are out of sight: what stands before it may change what they mean, or feed it.
  const hidden = server === null && read.argvs.some(argv => readFileServer(argv) !== null) ? 'a file server within a line' : null
  const doubt =
    server?.kind === 'doubt' ? server.reason : (read.doubt ?? hidden ?? (pager === null ? null : `${pager} on a terminal can run others`))
  return {
    kind: 'commands',
    isCopy: false,
    commands: [
      lineCommand(line, { ...read, doubt }),
      ...read.reads.map(path => fileCommand(line, 'read', path)),
      ...read.writes.map(path => fileCommand(line, 'write', path)),
    ],
  }
}

/** Programs under which another means the same paths. */
const SAME_PATHS = new Set(['sudo', 'nice', 'ionice'])

/** The other side of a copy, where it is all that the line runs. */
function serverOf({ argvs, doubt, isOne }: ShellLine): FileServer | null {
  const last = argvs.at(-1)
  if (!isOne || doubt !== null || last === undefined) return null
  const isPlain = argvs.slice(0, -1).every(([program = '']) => SAME_PATHS.has(program.slice(program.lastIndexOf('/') + 1)))
  const server = isPlain ? readFileServer(last) : null
  // As another user it would not be the file server that the gateway speaks with.
  return server?.kind === 'sftp' && argvs.length > 1 ? { kind: 'doubt', reason: 'a file server of another user' } : server
}

function lineCommand(line: string, { programs, argvs, doubt }: Omit<ShellLine, 'isOne'>): SshCommand {
  return {
    protocol: 'ssh',
    request: 'exec',
    verb: 'exec',
    resources: [],
    text: line,
    certainty: doubt === null ? 'parsed' : 'opaque',
    doubt,
    programs,
    argvs,
    operation: null,
    paths: [],
  }
}

/** A redirection: the shell itself opens the file, whatever program stands before it. */
function fileCommand(line: string, operation: 'read' | 'write', path: string): SshCommand {
  return {
    ...lineCommand(line, { programs: [], argvs: [], reads: [], writes: [], doubt: null }),
    resources: [path],
    operation,
    paths: [path],
  }
}
