// `isolation: user`, the launcher's side: starts the gateway as a user of its own, by way of root, and never as anything less.
import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import { cleanEnvironment, hardenedFlags, type GatewayStart } from './gateway-start.ts'
import { keeperScript } from './keeper-script.ts'

export interface IsolatedOptions {
  /** The gateway's program and what lies beside it: the whole folder is copied to a place that only root may write. */
  readonly script: string
  /** Node that will run it, and the digest (SHA-256, hex) the copy must have; null = any. */
  readonly node: string
  readonly nodeDigest: string | null
  /** User whose reach the gateway leaves; null = the launcher's own. */
  readonly jobUser: string | null
  /** After this time a forgotten sudo rule ends by itself. */
  readonly timeToLiveMs: number
}

export interface IsolatedStart {
  readonly start: GatewayStart
  /** Where client files must be written: the job's user writes, the user of `shell: sallyport {0}` may read. */
  readonly clientDir: string
  /** Holds the program `sallyport` for `shell: sallyport {0}`; for GITHUB_PATH. */
  readonly binDir: string
  /** What is left of the recording when the gateway dies. */
  readonly privateDir: string
}

/**
 * Prepares a start; nothing happens before `launchGateway` runs it.
 * @throws {SallyportError} ISOLATION_IMPOSSIBLE on platforms that cannot, for a job that is root, and where there is no sudo.
 */
export function isolatedStart(options: IsolatedOptions): IsolatedStart {
  const job = options.jobUser ?? userInfo().username
  refuseWhatCannotBe(job)
  const tag = randomBytes(4).toString('hex')
  const home = `/var/lib/sallyport-${tag}`
  const script = path.resolve(options.script)
  const keeper = [
    '/bin/sh',
    '-c',
    keeperScript,
    'sallyport-keeper',
    tag,
    options.node,
    path.dirname(script),
    path.basename(script),
    job,
    options.nodeDigest ?? '',
    hardenedFlags.join(' '),
    sudoTime(new Date(Date.now() + options.timeToLiveMs)),
  ]
  const [file = '', ...args] = process.getuid?.() === 0 ? keeper : ['sudo', '-n', '--', ...keeper]
  return {
    start: { file, args, environment: cleanEnvironment, waits: true },
    clientDir: path.join(home, 'client'),
    binDir: path.join(home, 'bin'),
    privateDir: path.join(home, 'private'),
  }
}

function refuseWhatCannotBe(job: string): void {
  if (process.platform !== 'linux') throw impossible(`it needs Linux, this is ${process.platform}`, 'use a Linux runner')
  if (job === 'root') {
    throw impossible(
      'the job itself runs as root, and nothing is out of the reach of root',
      'run the job as an ordinary user (in a container: `options: --user 1001`)',
    )
  }
  if (process.getuid?.() !== 0 && !hasSudo()) throw impossible('there is no sudo', 'use a runner whose user has passwordless sudo')
}

function impossible(what: string, fix: string): SallyportError {
  return new SallyportError('ISOLATION_IMPOSSIBLE', `isolation: user is not possible here: ${what}`, {
    why: '`user` promises that the job cannot reach the gateway; it is never silently less',
    fix: `${fix}, use \`gateway-url\`, or \`isolation: none\` (a guard rail only)`,
  })
}

/** Looked for where the keeper's environment looks, not where the job's PATH points. */
function hasSudo(): boolean {
  return (cleanEnvironment['PATH'] ?? '').split(':').some(folder => {
    try {
      accessSync(path.join(folder, 'sudo'), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** `20261122140900Z`, the form of sudo's NOTAFTER. */
function sudoTime(date: Date): string {
  return date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
}
