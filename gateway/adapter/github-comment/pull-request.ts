// Which pull request a run belongs to, and whether it comes from a fork. The event says it; where it does not, the commit does.
import { z } from 'zod'
import { GitHubRefusal, type GitHubApi } from './github-api.ts'

const repositoryShape = z.object({ id: z.number().optional(), full_name: z.string().optional(), fork: z.boolean().optional() })
const sideShape = z.object({ repo: repositoryShape.nullish() })
const numberedShape = z.object({ number: z.number().int().positive() })

/** The parts of GitHub's event payloads that matter here; all optional, because every event has others. */
const payloadShape = z.object({
  pull_request: numberedShape.extend({ head: sideShape.optional(), base: sideShape.optional() }).optional(),
  issue: numberedShape.extend({ pull_request: z.unknown().optional() }).optional(),
  merge_group: z.object({ head_ref: z.string() }).optional(),
  workflow_run: z
    .object({
      pull_requests: z.array(numberedShape).optional(),
      head_sha: z.string().optional(),
      head_repository: repositoryShape.nullish(),
    })
    .optional(),
  check_run: z.object({ pull_requests: z.array(numberedShape).optional(), head_sha: z.string().optional() }).optional(),
  check_suite: z.object({ pull_requests: z.array(numberedShape).optional(), head_sha: z.string().optional() }).optional(),
  after: z.string().optional(),
  repository: repositoryShape.optional(),
})

const pullsOfCommit = z.array(z.object({ number: z.number(), state: z.string(), merge_commit_sha: z.string().nullish() }))

export interface PullRequestQuestion {
  /** `owner/repo`. */
  readonly repository: string
  /** GITHUB_SHA. */
  readonly sha: string | null
  /** The input `pull-request`; null = from the event. */
  readonly input: number | null
  /** The parsed file of GITHUB_EVENT_PATH; anything else is read as an empty event. */
  readonly payload: unknown
}

/**
 * The number of the pull request of this run, or null when it has none.
 * @throws {ChannelTrouble} when GitHub cannot be asked about the commit.
 */
export async function findPullRequest(question: PullRequestQuestion, api: GitHubApi, signal: AbortSignal): Promise<number | null> {
  if (question.input !== null) return question.input
  const { data: payload } = payloadShape.safeParse(question.payload)
  if (payload?.pull_request !== undefined) return payload.pull_request.number
  if (payload?.issue !== undefined) return payload.issue.pull_request === undefined ? null : payload.issue.number
  if (payload?.merge_group !== undefined) return queuedNumber(payload.merge_group.head_ref)
  const about = payload?.workflow_run ?? payload?.check_run ?? payload?.check_suite
  const [named] = about?.pull_requests ?? []
  if (named !== undefined) return named.number
  const sha = about?.head_sha ?? payload?.after ?? question.sha
  return sha === null || !/^[0-9a-f]{40,64}$/.test(sha) || /^0+$/.test(sha) ? null : ofCommit(question.repository, sha, api, signal)
}

/** True when the code of the run comes from another repository than the one it runs in, or nobody can tell any more. */
export function isForkRun(payload: unknown): boolean {
  const { data } = payloadShape.safeParse(payload)
  if (data?.pull_request !== undefined) {
    const { head, base } = data.pull_request
    const home = base?.repo ?? data.repository
    // A deleted fork leaves null.
    if (head?.repo === null) return true
    if (head?.repo !== undefined && home !== undefined && home !== null) return !isSame(head.repo, home)
    return false
  }
  const from = data?.workflow_run?.head_repository
  if (from === null) return true
  return from !== undefined && data?.repository !== undefined && !isSame(from, data.repository)
}

function isSame(one: z.infer<typeof repositoryShape>, other: z.infer<typeof repositoryShape>): boolean {
  if (one.id !== undefined && other.id !== undefined) return one.id === other.id
  return one.full_name !== undefined && one.full_name.toLowerCase() === other.full_name?.toLowerCase()
}

/** `gh-readonly-queue/<base>/pr-<n>-<sha>`, with or without `refs/heads/`. */
function queuedNumber(ref: string): number | null {
  const [, number] = /(?:^|\/)gh-readonly-queue\/.+\/pr-(\d+)-[0-9a-f]{40,64}$/.exec(ref) ?? []
  return number === undefined ? null : Number(number)
}

async function ofCommit(repository: string, sha: string, api: GitHubApi, signal: AbortSignal): Promise<number | null> {
  const [owner = '', repo = ''] = repository.split('/')
  try {
    const data = await api.read('GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls', { owner, repo, commit_sha: sha }, signal)
    const pulls = pullsOfCommit.parse(data)
    const pull = pulls.find(({ state }) => state === 'open') ?? pulls.find(({ merge_commit_sha: merged }) => merged === sha)
    return pull?.number ?? null
  } catch (error) {
    if (error instanceof GitHubRefusal) return null
    throw error
  }
}
