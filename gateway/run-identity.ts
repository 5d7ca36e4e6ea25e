// Who this run is: a token for the policy's audience, verified, its claims in groups. Part of the composition root.
import { randomUUID } from 'node:crypto'
import { isForkRun } from './adapter/github-comment/pull-request.ts'
import { fetchGithubToken } from './adapter/oidc/github-token.ts'
import { createReplayMemory } from './adapter/oidc/replay-memory.ts'
import { createTokenVerifier } from './adapter/oidc/verify-token.ts'
import type { LaunchRequest } from './control/protocol.ts'
import type { Clock } from './core/clock.ts'
import { SallyportError } from './core/errors.ts'
import type { Http } from './core/http.ts'
import type { Identity, Run } from './core/identity.ts'
import { Secret } from './core/secret.ts'
import type { TrustedIssuer } from './core/token.ts'
import { explainGroups, groupsOf } from './policy/groups.ts'
import type { PolicyFile } from './policy/policy-file.ts'

const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com'

export interface IdentityParts {
  readonly file: PolicyFile
  readonly launch: LaunchRequest
  /** The event of the run, parsed; null outside GitHub. */
  readonly event: unknown
  readonly http: Http
  readonly clock: Clock
}

/** @throws {SallyportError} FORK_REFUSED, TOKEN_UNAVAILABLE, TOKEN_REFUSED and its kin, NOT_AUTHORISED. */
export async function identify(parts: IdentityParts, signal: AbortSignal): Promise<Identity> {
  const { file, launch, http, clock } = parts
  if (isForkRun(parts.event)) {
    throw new SallyportError('FORK_REFUSED', 'this run comes from a fork', {
      why: 'code of a fork is written by somebody this repository does not know',
      fix: 'run after merge; there is no switch to override this',
    })
  }
  const token = launch.token === null ? await fetchToken(parts, signal) : new Secret(launch.token)
  const issuers = [...file.issuers.values()].map(issuer => withAudience(issuer, file, launch))
  const verifier = createTokenVerifier({ issuers, http, clock, replay: createReplayMemory(clock) })
  const verified = await verifier.verify(token, signal)
  const groups = groupsOf(file, verified.issuer, verified.claims)
  if (groups.size === 0) throw noGroup(file, verified.issuer, verified.claims)
  return { ...verified, groups }
}

async function fetchToken({ file, launch, event, http }: IdentityParts, signal: AbortSignal): Promise<Secret> {
  const audience = launch.audience === '' ? githubIssuer(file).audience : launch.audience
  return fetchGithubToken({ audience, environment: launch.environment, isFork: isForkRun(event), http }, signal)
}

/** An `audience` input overrides that of GitHub's entry, so that a secret audience need not stand in the file. */
function withAudience(issuer: TrustedIssuer, file: PolicyFile, launch: LaunchRequest): TrustedIssuer {
  return launch.audience !== '' && issuer.name === githubIssuer(file).name ? { ...issuer, audience: launch.audience } : issuer
}

/** The entry whose tokens GitHub mints: by its URL, by the name `github`, or the only one. */
function githubIssuer(file: PolicyFile): TrustedIssuer {
  const all = [...file.issuers.values()]
  const found =
    all.find(({ url }) => url === GITHUB_ISSUER || url.startsWith(`${GITHUB_ISSUER}/`)) ??
    file.issuers.get('github') ??
    (all.length === 1 ? all[0] : undefined)
  if (found !== undefined) return found
  throw new SallyportError('POLICY_INVALID', 'no entry of issuers: is GitHub’s', {
    why: 'without its audience no token can be asked for',
    fix: `add issuers: { github: { url: ${GITHUB_ISSUER}, audience: … } }`,
  })
}

function noGroup(file: PolicyFile, issuer: string, claims: Readonly<Record<string, unknown>>): SallyportError {
  const tried = explainGroups(file, issuer, claims).map(({ group, reasons }) => `${group.name}: ${reasons.join(', ')}`)
  return new SallyportError('NOT_AUTHORISED', 'this identity is in no group of the policy, so it opens nothing', {
    why: tried.length === 0 ? `no group is for issuer ${issuer}` : tried.slice(0, 5).join('; '),
    fix: 'add what is missing to the job, or change groups: in the policy; sallyport policy explain shows more',
  })
}

/** The run as GitHub's variables and the token tell it. */
export function describeRun(launch: LaunchRequest, identity: Identity, pullRequest: number | null): Run {
  const claim = (name: string): string | null => {
    const value = identity.claims[name]
    return typeof value === 'string' && value !== '' ? value : null
  }
  const variable = (name: string): string | null => {
    const value = launch.environment[name]
    return value === undefined || value === '' ? null : value
  }
  return {
    id: randomUUID(),
    repository: claim('repository') ?? variable('GITHUB_REPOSITORY'),
    workflowRunId: claim('run_id') ?? variable('GITHUB_RUN_ID'),
    attempt: claim('run_attempt') ?? variable('GITHUB_RUN_ATTEMPT'),
    job: variable('GITHUB_JOB'),
    actor: claim('actor') ?? variable('GITHUB_ACTOR'),
    event: claim('event_name') ?? variable('GITHUB_EVENT_NAME'),
    sha: claim('sha') ?? variable('GITHUB_SHA'),
    pullRequest,
  }
}

/** Fresh tokens of this workflow for other audiences (Vault, STS); outside GitHub the one token there is. */
export function idTokens(
  launch: Pick<LaunchRequest, 'environment' | 'token'>,
  http: Http,
): (audience: string, signal: AbortSignal) => Promise<Secret> {
  const { environment, token } = launch
  const canFetch = environment['ACTIONS_ID_TOKEN_REQUEST_URL'] !== undefined
  if (token !== null && !canFetch) return () => Promise.resolve(new Secret(token))
  return (audience, signal) => fetchGithubToken({ audience, environment, isFork: false, http }, signal)
}
