// The kubectl of several versions, as far as this machine has them: the one in PATH, its siblings (kubectl.1.27), and those that set-up keeps
// in the cache folder. Old ones speak SPDY/3.1 only, new ones WebSocket.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export interface Kubectl {
  readonly path: string
  /** `1.27`. */
  readonly version: string
}

/** The oldest (not below `1.minor`) and the newest that are here; at least one, else it throws. */
export function kubectls(minor = 0): readonly Kubectl[] {
  const inPath = (process.env['PATH'] ?? '').split(':').map(folder => path.join(folder, 'kubectl'))
  const first = inPath.find(file => existsSync(file))
  const siblings =
    first === undefined ? [] : filesOf(path.dirname(realpathSync(first))).filter(file => /^kubectl\.1\.\d+$/.test(path.basename(file)))
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'sallyport', 'kubernetes')
  const cached = filesOf(cache).flatMap(folder =>
    filesOf(path.join(folder, 'bin')).filter(file => path.basename(file).startsWith('kubectl')),
  )
  const found = [...(first === undefined ? [] : [first]), ...siblings, ...cached]
    .map(file => ({ path: file, version: versionOf(file) }))
    .filter((one): one is Kubectl => one.version !== null && Number(one.version.split('.')[1]) >= minor)
    .toSorted((one, other) => Number(one.version.split('.')[1]) - Number(other.version.split('.')[1]))
  const [oldest] = found
  const newest = found.at(-1)
  if (oldest === undefined || newest === undefined) throw new Error('there is no kubectl here: npm test installs one')
  return oldest.version === newest.version ? [newest] : [oldest, newest]
}

function filesOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).map(name => path.join(folder, name)) : []
}

function versionOf(file: string): string | null {
  try {
    const text = execFileSync(file, ['version', '--client'], {
      encoding: 'utf8',
      env: { HOME: os.tmpdir() },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const found = /GitVersion:"v(1\.\d+)|Client Version: v(1\.\d+)/.exec(text)
    return found?.[1] ?? found?.[2] ?? null
  } catch {
    return null
  }
}
