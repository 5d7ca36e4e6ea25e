// A machine user like the one of GitHub's runners, made for a test and removed after it: sudo without a password, or without sudo.
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { turnAt } from '../../world/claim.ts'

export interface JobUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  remove(): void
}

/** Why tests with users cannot run here; false when they can. */
export const noUsersHere: string | false =
  process.getuid?.() !== 0
    ? 'making users needs root'
    : ['sudo', 'useradd', 'runuser', 'visudo'].every(name => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0)
      ? false
      : 'sudo and the tools for users are needed'

/** For tests that make users, or look at all there are: one at a time on a machine. Resolves with the end of the turn. */
export const turnAtUsers = (): Promise<() => void> => turnAt('users')

/** Makes a user; `sudo` = everything without a password, as GitHub's machines give it. */
export function makeJobUser(sudo: boolean): JobUser {
  const name = `job-${randomBytes(4).toString('hex')}`
  execFileSync('useradd', ['--create-home', '--user-group', name])
  const [, , uid = '', gid = '', , home = ''] = execFileSync('getent', ['passwd', name], { encoding: 'utf8' }).trim().split(':')
  const rule = `/etc/sudoers.d/${name}`
  if (sudo) {
    writeFileSync(rule, `${name} ALL=(ALL:ALL) NOPASSWD:ALL\n`)
    chmodSync(rule, 0o440)
  }
  return {
    name,
    uid: Number(uid),
    gid: Number(gid),
    home,
    remove: () => {
      rmSync(rule, { force: true })
      // What the user left running keeps the user; a killed process is there until its parent has taken note of it.
      spawnSync('sh', ['-c', 'for i in $(seq 600); do pkill -KILL -U "$0" || break; sleep 0.1; done', name])
      execFileSync('userdel', ['--remove', name], { stdio: 'ignore' })
    },
  }
}
