// An error as people read it: number, what, why, fix. Nothing of a cause is printed: it may quote what must not be seen.
import { SallyportError } from '../gateway/core/errors.ts'
import { visible } from '../gateway/core/visible-text.ts'
import type { Io } from './io.ts'

/** Prints the error and returns the exit status it means. */
export function printError(error: unknown, io: Io): number {
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'something inside failed', { cause: error })
  // Names of files, and what is wrong with them, may come from whoever made a recording.
  io.stderr(visible(`SALLYPORT-${known.id} ${known.message}\n`))
  if (known.why !== null) io.stderr(visible(`  why: ${known.why}\n`))
  if (known.fix !== null) io.stderr(visible(`  fix: ${known.fix}\n`))
  if (known.code === 'INTERNAL' && io.environment['SALLYPORT_DEBUG'] !== undefined && error instanceof Error)
    io.stderr(`${error.stack ?? error.message}\n`)
  return known.exitStatus
}
