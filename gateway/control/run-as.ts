// `exec --user NAME`: the command runs as another user, without what it takes to mint a token of its own.
import { spawnSync } from 'node:child_process'
import { SallyportError } from '../core/errors.ts'
import { cleanEnvironment } from './gateway-start.ts'

export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** What to spawn; `owner` is empty where sudo changes the user. */
export interface RunAs {
  readonly file: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly owner: { readonly uid?: number; readonly gid?: number }
}

/**
 * A user the command may run as.
 * @throws {SallyportError} USAGE for one that does not exist; ISOLATION_IMPOSSIBLE for root, for this process's own user and for one with sudo.
 */
export function findUser(name: string): SystemUser {
  const entry = /^[A-Za-z_][\w.-]*\$?$/.test(name) ? outputOf('getent', ['passwd', name]) : null
  const [, , uid, gid, , home] = (entry ?? '').trim().split(':')
  if (uid === undefined || gid === undefined) {
    throw new SallyportError('USAGE', `there is no user ${JSON.stringify(name)} on this machine`, {
      fix: `make one: useradd --create-home NAME`,
    })
  }
  const user = { name, uid: Number(uid), gid: Number(gid), home: home ?? '/' }
  const own = process.getuid?.()
  if (user.uid === 0 || user.gid === 0) throw impossible(`${name} is root, or in its group: root reads every process`)
  if (user.uid === own) throw impossible(`${name} is the user of the gateway: a process of the same user can read its memory`)
  if (own !== 0 && outputOf('sudo', ['-n', 'true']) === null) throw impossible('changing the user needs root or passwordless sudo')
  if (mayBecomeRoot(name, own === 0)) throw impossible(`${name} has sudo, and root reads every process`)
  return user
}

/** How to start `command` as `user`, with the environment it may see. Supplementary groups (docker) are left behind by root's way. */
export function runAs(user: SystemUser, command: readonly string[], environment: Readonly<Record<string, string>>): RunAs {
  const visible = { ...withoutTokenVariables(environment), HOME: user.home, USER: user.name, LOGNAME: user.name }
  const [file = '', ...args] = command
  if (process.getuid?.() === 0) return { file, args, environment: visible, owner: { uid: user.uid, gid: user.gid } }
  // sudo sets PATH and HOME itself, so these two go by `env`.
  const kept = Object.keys(visible).filter(name => /^[A-Za-z_]\w*$/.test(name) && !['PATH', 'HOME', 'USER', 'LOGNAME'].includes(name))
  const path = `PATH=${environment['PATH'] ?? cleanEnvironment['PATH'] ?? ''}`
  return {
    file: 'sudo',
    args: ['-n', '-u', user.name, `--preserve-env=${kept.join(',')}`, '--', 'env', path, `HOME=${user.home}`, ...command],
    environment: visible,
    owner: {},
  }
}

/** The environment without GitHub's request token, which is the runner's own access token, and without what it opens. */
export function withoutTokenVariables(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(ACTIONS_|INPUT_|STATE_)/.test(name)))
}

/** Asks sudo itself. A user without a rule makes `sudo -l` fail or say so. */
function mayBecomeRoot(name: string, isRoot: boolean): boolean {
  const list = isRoot ? outputOf('sudo', ['-n', '-l', '-U', name]) : outputOf('sudo', ['-n', 'sudo', '-n', '-l', '-U', name])
  return list !== null && list.includes('may run the following commands')
}

/** Standard output of a program that ended well, else null. Found where only root may write, not where the job's PATH points. */
function outputOf(program: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', env: cleanEnvironment, stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? stdout : null
}

function impossible(message: string): SallyportError {
  return new SallyportError('ISOLATION_IMPOSSIBLE', `the command cannot be kept from the gateway: ${message}`, {
    fix: 'name an ordinary user without sudo, made for this: useradd --system --create-home NAME',
  })
}
