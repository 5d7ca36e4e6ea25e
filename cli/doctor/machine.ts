// Checks of this machine: whether a gateway of its own user is possible (E18), and whether the clock may be trusted is told by issuers.
import { spawnSync } from 'node:child_process'
import type { Finding } from './finding.ts'

/** @param environment the cli's own variables. */
export function checkMachine(environment: Readonly<Record<string, string>>): readonly Finding[] {
  return [isolation(environment), token(environment)]
}

function isolation(environment: Readonly<Record<string, string>>): Finding {
  const what = 'isolation: user'
  const fix = 'use a Linux runner whose user has passwordless sudo, or isolation: none (a guard rail only)'
  if (environment['GITHUB_ACTIONS'] !== 'true')
    return {
      id: 'E18',
      what,
      state: 'unknown',
      words: 'this is no GitHub job; exec runs the gateway as your own user, COMMAND as --user',
      fix: null,
    }
  if (process.platform !== 'linux') return { id: 'E18', what, state: 'bad', words: `not possible on ${process.platform}`, fix }
  if (process.getuid?.() === 0)
    return {
      id: 'E18',
      what,
      state: 'bad',
      words: 'this user is root, and nothing is out of the reach of root',
      fix: 'run the job as an ordinary user',
    }
  const { status } = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' })
  return status === 0
    ? { id: 'E18', what, state: 'fine', words: 'sudo is there to set it up', fix: null }
    : { id: 'E18', what, state: 'bad', words: 'there is no passwordless sudo', fix }
}

function token(environment: Readonly<Record<string, string>>): Finding {
  const what = 'OIDC token'
  if (environment['GITHUB_ACTIONS'] !== 'true')
    return { id: 'E01', what, state: 'unknown', words: 'this is no GitHub job; exec takes --token-file', fix: null }
  const isThere = (environment['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '') !== ''
  if (isThere) return { id: 'E01', what, state: 'fine', words: 'this job may have one', fix: null }
  return {
    id: 'E01',
    what,
    state: 'bad',
    words: 'GitHub gives this job none',
    fix: 'permissions: { contents: read, id-token: write, pull-requests: write }; in a reusable workflow in the caller too; a fork gets none (E02)',
  }
}
