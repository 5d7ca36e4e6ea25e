// The variables that GitHub's runner gives to every step, and those that depend on the kind of step.
import { randomUUID } from 'node:crypto'
import type { TokenGrant } from '../issuer/issuer.ts'

/** What a job runs for. Everything has a default of the world's repository `acme/shop`. */
export interface JobFacts {
  readonly repository: string
  readonly repositoryId: string
  readonly actor: string
  readonly eventName: string
  readonly sha: string
  readonly ref: string
  readonly headRef: string
  readonly baseRef: string
  readonly runId: string
  readonly attempt: string
  readonly workflow: string
  readonly environment: 'github-hosted' | 'self-hosted'
}

/** Where GitHub's services are for this job. */
export interface Services {
  readonly apiUrl: string
  readonly serverUrl: string
  /** `github.token`. */
  readonly token: string
  /** null = the job lacks `id-token: write`. On GitHub its token is the runtime token; the world's issuer gives its own. */
  readonly idToken: TokenGrant | null
  readonly resultsUrl: string
  readonly runtimeToken: string
}

export interface Folders {
  readonly workspace: string
  readonly temp: string
  readonly tools: string
  readonly event: string
  readonly action: string
}

export const factsOfTheWorld: JobFacts = {
  repository: 'acme/shop',
  repositoryId: '123',
  actor: 'alice',
  eventName: 'pull_request',
  sha: 'b'.repeat(40),
  ref: 'refs/pull/42/merge',
  headRef: 'clean-up',
  baseRef: 'main',
  runId: '100',
  attempt: '1',
  workflow: 'deploy',
  environment: 'github-hosted',
}

/** For every step. */
export function jobEnvironment(job: string, facts: JobFacts, services: Services, folders: Folders): Record<string, string> {
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTOR: facts.actor,
    GITHUB_TRIGGERING_ACTOR: facts.actor,
    GITHUB_API_URL: services.apiUrl,
    GITHUB_GRAPHQL_URL: `${services.apiUrl}/graphql`,
    GITHUB_SERVER_URL: services.serverUrl,
    GITHUB_BASE_REF: facts.baseRef,
    GITHUB_HEAD_REF: facts.headRef,
    GITHUB_EVENT_NAME: facts.eventName,
    GITHUB_EVENT_PATH: folders.event,
    GITHUB_JOB: job,
    GITHUB_REF: facts.ref,
    GITHUB_REF_NAME: facts.ref.replace(/^refs\/(heads|tags|pull)\//, ''),
    GITHUB_REF_TYPE: facts.ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    GITHUB_REPOSITORY: facts.repository,
    GITHUB_REPOSITORY_ID: facts.repositoryId,
    GITHUB_REPOSITORY_OWNER: facts.repository.split('/')[0] ?? '',
    GITHUB_RETENTION_DAYS: '90',
    GITHUB_RUN_ATTEMPT: facts.attempt,
    GITHUB_RUN_ID: facts.runId,
    GITHUB_RUN_NUMBER: '5',
    GITHUB_SHA: facts.sha,
    GITHUB_WORKFLOW: facts.workflow,
    GITHUB_WORKFLOW_REF: `${facts.repository}/.github/workflows/${facts.workflow}.yml@${facts.ref}`,
    GITHUB_WORKSPACE: folders.workspace,
    RUNNER_ARCH: process.arch === 'arm64' ? 'ARM64' : 'X64',
    RUNNER_ENVIRONMENT: facts.environment,
    RUNNER_NAME: 'world',
    RUNNER_OS: 'Linux',
    RUNNER_TEMP: folders.temp,
    RUNNER_TOOL_CACHE: folders.tools,
    RUNNER_TRACKING_ID: `github_${randomUUID()}`,
  }
}

/** Every kind of step can ask for tokens; only `uses:` steps get the rest of the runner's access (ScriptHandler and NodeScriptActionHandler of actions/runner). */
export function accessOf(kind: 'run' | 'uses', services: Services): Record<string, string> {
  const identity: Record<string, string> = { ...services.idToken }
  if (kind === 'run') return identity
  return {
    ...identity,
    ACTIONS_RUNTIME_URL: services.resultsUrl,
    ACTIONS_RUNTIME_TOKEN: services.runtimeToken,
    ACTIONS_RESULTS_URL: services.resultsUrl,
    ACTIONS_CACHE_URL: services.resultsUrl,
    ACTIONS_CACHE_SERVICE_V2: 'True',
  }
}
