// Where a run asks people: the pull request of its event, with the token it was given. Part of the composition root.
import { openGitHubChannel } from './adapter/github-comment/channel.ts'
import { GitHubApi } from './adapter/github-comment/github-api.ts'
import { findPullRequest } from './adapter/github-comment/pull-request.ts'
import type { LaunchRequest } from './control/protocol.ts'
import type { Clock } from './core/clock.ts'
import type { Identity, Run } from './core/identity.ts'
import { Secret } from './core/secret.ts'
import { openApprovalDesk, type OpenApprovalDesk } from './session/approval-desk.ts'

export interface ApprovalParts {
  readonly launch: LaunchRequest
  readonly identity: Identity
  readonly event: unknown
  readonly clock: Clock
}

export interface RunApprovals {
  readonly pullRequest: number | null
  readonly warnings: readonly string[]
  /** @param key verifier key of the recording, stated in the first request. */
  readonly open: (run: Run, key: string) => OpenApprovalDesk
}

/** Finds the pull request. Without one, or without a token, a flagged command is refused and says why (E12). */
export async function openRunApprovals({ launch, identity, event, clock }: ApprovalParts, signal: AbortSignal): Promise<RunApprovals> {
  const { environment, githubToken } = launch
  const repository = textOf(identity.claims['repository']) ?? textOf(environment['GITHUB_REPOSITORY'])
  if (repository === null || githubToken === '') {
    return { pullRequest: null, warnings: missingFor(launch, repository), open: run => openApprovalDesk({ channel: null, run, clock }) }
  }
  const settings = { environment, token: new Secret(githubToken) }
  const sha = textOf(environment['GITHUB_SHA'])
  const warnings: string[] = []
  const pullRequest = await findPullRequest(
    { repository, sha, input: launch.pullRequest, payload: event },
    new GitHubApi(settings),
    signal,
  ).catch((error: unknown) => {
    signal.throwIfAborted()
    warnings.push(
      `the pull request of this run could not be found (${error instanceof Error ? error.message : 'no reason given'}); flagged commands cannot be approved`,
    )
    return null
  })
  return {
    pullRequest,
    warnings,
    open: (run, key) => {
      const channel =
        pullRequest === null
          ? null
          : openGitHubChannel({ ...settings, repository, pullRequest, run, key, requesters: requestersOf(launch, identity) })
      return openApprovalDesk({ channel, run, clock })
    },
  }
}

/** Somebody named a pull request: without these it cannot be asked in, and the refusal of a command alone would point elsewhere. */
function missingFor({ pullRequest, githubToken }: LaunchRequest, repository: string | null): readonly string[] {
  if (pullRequest === null) return []
  const missing = [repository === null ? 'GITHUB_REPOSITORY' : null, githubToken === '' ? 'the GitHub token' : null]
  const words = missing.filter(name => name !== null).join(' and ')
  return [`nobody can be asked in pull request ${pullRequest}: ${words} is not set; flagged commands cannot be approved`]
}

/** Whoever caused the run must not approve it: by id where the token says one, by login as well. */
function requestersOf(
  { environment }: LaunchRequest,
  { claims }: Identity,
): { readonly ids: readonly number[]; readonly logins: readonly string[] } {
  const ids = [claims['actor_id'], environment['GITHUB_ACTOR_ID'], environment['GITHUB_TRIGGERING_ACTOR_ID']]
    .map(Number)
    .filter(id => Number.isSafeInteger(id) && id > 0)
  const logins = [claims['actor'], environment['GITHUB_ACTOR'], environment['GITHUB_TRIGGERING_ACTOR']].flatMap(
    login => textOf(login) ?? [],
  )
  return { ids: [...new Set(ids)], logins: [...new Set(logins)] }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
