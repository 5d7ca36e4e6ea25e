// The policy file a command reads when none is named: `.github/sallyport.yml`, then `sallyport.yml`.
import { existsSync, readFileSync } from 'node:fs'
import { SallyportError } from '../gateway/core/errors.ts'
import { fileTrouble } from '../gateway/core/file-trouble.ts'

const PLACES = ['.github/sallyport.yml', 'sallyport.yml']

/** @throws {SallyportError} USAGE when there is none, UNREADABLE when it cannot be read. */
export function findConfig(named: string | undefined): string {
  if (named !== undefined) return named
  const found = PLACES.find(place => existsSync(place))
  if (found !== undefined) return found
  throw new SallyportError('USAGE', 'there is no policy file', {
    why: `neither ${PLACES.join(' nor ')} exists here`,
    fix: 'name it with --config FILE',
  })
}

/** @throws {SallyportError} UNREADABLE */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SallyportError('UNREADABLE', `cannot read ${file}`, { why: fileTrouble(cause), fix: 'check the path', cause })
  }
}
