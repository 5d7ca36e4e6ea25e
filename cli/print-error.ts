// An error as people read it: number, what, why, fix. Nothing of a cause is printed: it may quote what must not be seen.
import { SallyportError } from '../gateway/core/errors.ts'
import type { Io } from './io.ts'

/** Prints the error and returns the exit status it means. */
export function printError(error: unknown, io: Io): number {
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'something inside failed', { cause: error })
  io.stderr(`SALLYPORT-${known.id} ${known.message}\n`)
  if (known.why !== null) io.stderr(`  why: ${known.why}\n`)
  if (known.fix !== null) io.stderr(`  fix: ${known.fix}\n`)
  if (known.code === 'INTERNAL' && io.environment['SALLYPORT_DEBUG'] !== undefined && error instanceof Error)
    io.stderr(`${error.stack ?? error.message}\n`)
  return known.exitStatus
}
