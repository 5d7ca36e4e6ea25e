// Checks of GitHub: the run is no fork's (E02), has a pull request (E12), and the token may read and comment there (E11).
import { readFileSync } from 'node:fs'
import type { Finding } from './finding.ts'

const WITHIN_MS = 5_000

type Environment = Readonly<Record<string, string>>

export async function checkGithub(environment: Environment): Promise<readonly Finding[]> {
  if ((environment['GITHUB_REPOSITORY'] ?? '') === '') return []
  const event = readEvent(environment)
  const number = event?.pull_request?.number ?? null
  const pull: Finding =
    number === null
      ? {
          id: 'E12',
          what: 'pull request',
          state: 'unknown',
          words: 'this event names none; flagged commands need the input pull-request',
          fix: null,
        }
      : { id: 'E12', what: 'pull request', state: 'fine', words: `#${number}`, fix: null }
  return [fork(event), pull, ...(number === null ? [] : [await comments(environment, number)])]
}

function fork(event: EventFile | null): Finding {
  const head = event?.pull_request?.head?.repo?.id
  const base = event?.pull_request?.base?.repo?.id
  const isFork = head !== base
  return isFork
    ? {
        id: 'E02',
        what: 'fork',
        state: 'bad',
        words: 'this run comes from a fork',
        fix: 'run after merge; there is no switch to override this',
      }
    : { id: 'E02', what: 'fork', state: 'fine', words: 'this run comes from the repository itself', fix: null }
}

async function comments(environment: Environment, number: number): Promise<Finding> {
  const what = 'comments'
  const token = environment['GITHUB_TOKEN'] ?? ''
  const fix = 'permissions: { pull-requests: write }'
  if (token === '') return { id: 'E11', what, state: 'bad', words: 'there is no GITHUB_TOKEN', fix }
  const api = environment['GITHUB_API_URL'] ?? 'https://api.github.com'
  try {
    const answer = await fetch(`${api}/repos/${environment['GITHUB_REPOSITORY'] ?? ''}/issues/${number}/comments?per_page=1`, {
      headers: { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json' },
      redirect: 'error',
      signal: AbortSignal.timeout(WITHIN_MS),
    })
    if (!answer.ok) return { id: 'E11', what, state: 'bad', words: `GitHub answers ${answer.status} to reading the pull request`, fix }
    return {
      id: 'E11',
      what,
      state: 'fine',
      words: 'the pull request can be read; whether it may be commented on shows with the first request',
      fix: null,
    }
  } catch {
    return { id: 'E11', what, state: 'bad', words: 'GitHub cannot be reached', fix: 'check GITHUB_API_URL and the proxy' }
  }
}

interface Side {
  readonly repo?: { readonly id?: number } | null
}
interface EventFile {
  readonly pull_request?: { readonly number?: number; readonly head?: Side; readonly base?: Side }
}

function readEvent(environment: Environment): EventFile | null {
  try {
    const event: unknown = JSON.parse(readFileSync(environment['GITHUB_EVENT_PATH'] ?? '', 'utf8'))
    return typeof event === 'object' ? event : null
  } catch {
    return null
  }
}
