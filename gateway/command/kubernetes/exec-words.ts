// The words of an exec: what would run in the container, by the same reading as a line over SSH. The words themselves are certain, because
// no shell stands between; what a shell or an interpreter among them would do is not.
import { readArgv } from '../shell/shell-line.ts'

export interface ExecReading {
  /** Programs that would run, with their arguments; empty when none is known. */
  readonly argvs: readonly (readonly string[])[]
  /** Why it is not known what would run; null when it is. */
  readonly doubt: string | null
}

/** Control characters, bidirectional overrides, line separators that look like blanks, and what stands for bytes that are no UTF-8. */
const UNREADABLE =
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD\p{Cs}]/u

/** The code of the first character that people could not see, `U+202E`; null when there is none. */
export function unreadableIn(argv: readonly string[]): string | null {
  const found = UNREADABLE.exec(argv.join(' '))
  return found === null ? null : `U+${(found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

export function readExecWords(argv: readonly string[]): ExecReading {
  if (argv.length === 0) return { argvs: [], doubt: 'it names no program' }
  const { argvs, doubt, reads, writes } = readArgv(argv)
  const [file] = [...writes, ...reads]
  return { argvs, doubt: doubt ?? (file === undefined ? null : `it redirects to or from the file ${file}`) }
}
