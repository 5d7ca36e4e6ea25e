// What can be seen to fail before a gateway is started, said in words that name the line to change. The gateway checks all of it again.
import { readFileSync } from 'node:fs'
import { failureOf } from '../gateway/control/gateway-error.ts'
import type { Environment } from './inputs.ts'

/**
 * Checks that this run can prove who it is.
 * @throws {SallyportError} FORK_REFUSED for a run of a fork's pull request; TOKEN_UNAVAILABLE when GitHub gave the job no OIDC token.
 */
export function checkPreconditions(environment: Environment): void {
  if (isOfFork(environment)) {
    throw failureOf('FORK_REFUSED', 'this run comes from a fork', {
      why: 'GitHub gives forks no id-token and a read-only GITHUB_TOKEN, and code of a fork must not reach a target',
      fix: 'run after the merge, or on `workflow_run` from the base repository without checking out code of the fork; there is no switch to override this',
    })
  }
  if (!environment['ACTIONS_ID_TOKEN_REQUEST_URL'] || !environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']) {
    throw failureOf('TOKEN_UNAVAILABLE', 'GitHub gave this job no OIDC token', {
      why: '`permissions:` lacks `id-token: write` (ACTIONS_ID_TOKEN_REQUEST_URL is not set); setting any permission sets all others to none',
      fix: 'add to the job: `permissions: { contents: read, id-token: write, pull-requests: write }`; in a reusable workflow add it to the caller too',
    })
  }
}

/** A pull request whose head lies in another repository, or in one that was deleted. An event that cannot be read is no pull request. */
function isOfFork(environment: Environment): boolean {
  const file = environment['GITHUB_EVENT_PATH']
  if (!file) return false
  let event: unknown
  try {
    event = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
  const pullRequest = memberOf(event, 'pull_request')
  if (!isObject(pullRequest)) return false
  const base = memberOf(memberOf(memberOf(pullRequest, 'base'), 'repo'), 'full_name')
  const head = memberOf(memberOf(pullRequest, 'head'), 'repo')
  return head === null || (isObject(head) && head.full_name !== base)
}

function isObject(value: unknown): value is { readonly full_name?: unknown } {
  return typeof value === 'object' && value !== null
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}
