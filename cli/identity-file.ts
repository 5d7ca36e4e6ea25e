// `--identity FILE`: an auditor's key, as `age-keygen` wrote it.
import { readFileSync, statSync } from 'node:fs'
import { SallyportError } from '../gateway/core/errors.ts'
import { fileTrouble } from '../gateway/core/file-trouble.ts'
import { readIdentities } from '../gateway/record/age/age-keys.ts'
import type { AgeIdentity } from '../gateway/record/age/age-keys.ts'

const MAX_FILE_BYTES = 64 * 1024

/** @throws {SallyportError} UNREADABLE; never with a part of the file. */
export function readIdentityFile(file: string): readonly AgeIdentity[] {
  let text = ''
  try {
    if (statSync(file).size <= MAX_FILE_BYTES) text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SallyportError('UNREADABLE', `cannot read the identity ${file}`, { why: fileTrouble(cause), fix: 'check the path', cause })
  }
  return readIdentities(text, file)
}
