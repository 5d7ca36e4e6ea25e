// Why a file could not be opened, in words for whoever named it.

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'its links lead in a circle',
}

/** From an error of the system; its code where it is a rare one. */
export function fileTrouble(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'for an unknown reason'
  return words[code] ?? code
}
