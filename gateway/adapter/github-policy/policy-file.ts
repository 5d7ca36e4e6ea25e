// Reads the policy through the API, from the default branch or a central place; never from a checkout or a pull request's head.
// A change can therefore not lift the policy that judges it.
import { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { SallyportError } from '../../core/errors.ts'
import { readEndpoint } from '../../core/http.ts'
import type { Secret } from '../../core/secret.ts'

const CANDIDATES = ['.github/sallyport.yml', 'sallyport.yml'] as const
const MAX_BYTES = 1024 * 1024
const REQUEST_MS = 10_000
const ATTEMPTS = 3

export interface PolicyFileRequest {
  /** Empty = default branch of `repository`; else `owner/repo:path@ref`. */
  readonly config: string
  /** `owner/repo` of the run. */
  readonly repository: string
  readonly token: Secret
  /** The launcher's environment: GITHUB_API_URL. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly fetch?: typeof globalThis.fetch
}

export interface PolicyFile {
  readonly text: string
  /** `acme/shop:.github/sallyport.yml@main`, for the recording and for messages. */
  readonly source: string
}

interface Place {
  readonly owner: string
  readonly repo: string
  readonly path: string
  /** null = the default branch. */
  readonly ref: string | null
}

/** @throws {SallyportError} UNREADABLE when there is none or GitHub cannot be asked; USAGE for a bad `config`. */
export async function readPolicyFile(request: PolicyFileRequest, signal: AbortSignal): Promise<PolicyFile> {
  const octokit = new Octokit({
    auth: request.token.reveal().toString('utf8'),
    baseUrl: baseUrlOf(request.environment['GITHUB_API_URL']),
    userAgent: 'sallyport',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    ...(request.fetch === undefined ? {} : { request: { fetch: request.fetch } }),
  })
  const places = placesOf(request)
  for (const place of places) {
    const text = await contentOf(octokit, place, signal)
    if (text !== null) return { text, source: nameOf(place) }
  }
  throw new SallyportError('UNREADABLE', `no policy file at ${places.map(nameOf).join(' or ')}`, {
    why: 'the policy is read from the default branch through the API, never from the checkout; a file that only a pull request adds does not count',
    fix: 'add .github/sallyport.yml to the default branch, or set config: owner/repo:path@ref; the job needs contents: read',
  })
}

function silent(): void {
  // What octokit would log goes nowhere.
}

function baseUrlOf(text: string | undefined): string {
  if (text === undefined || text === '') return 'https://api.github.com'
  if (readEndpoint(text) !== null) return text.replace(/\/+$/, '')
  throw new SallyportError('USAGE', 'GITHUB_API_URL is not an https address', {
    why: 'the GitHub token would travel in the clear; plain http is accepted on a loopback address only',
    fix: 'set GITHUB_API_URL to the https address of the API',
  })
}

function placesOf(request: PolicyFileRequest): readonly Place[] {
  if (request.config === '') {
    const [owner = '', repo = ''] = request.repository.split('/')
    return CANDIDATES.map(path => ({ owner, repo, path, ref: null }))
  }
  const [, owner, repo, path, ref] = /^([\w.-]+)\/([\w.-]+):([^@\s]+)@([^@\s]+)$/.exec(request.config) ?? []
  if (owner === undefined || repo === undefined || path === undefined || ref === undefined || path.split('/').includes('..')) {
    throw new SallyportError('USAGE', `config is not owner/repo:path@ref: ${request.config}`, {
      why: 'a central policy is named by its repository, its path and the ref it is read at',
      fix: 'write it like acme/policies:shop/sallyport.yml@main, or leave it out for the policy of this repository',
    })
  }
  return [{ owner, repo, path: path.replace(/^\/+/, ''), ref }]
}

function nameOf(place: Place): string {
  return `${place.owner}/${place.repo}:${place.path}@${place.ref ?? 'default branch'}`
}

/** The file's text; null when it is not there. */
async function contentOf(octokit: Octokit, place: Place, signal: AbortSignal): Promise<string | null> {
  const { owner, repo, path, ref } = place
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await octokit.request('GET /repos/{owner}/{repo}/contents/{path}', {
        owner,
        repo,
        path,
        ...(ref === null ? {} : { ref }),
        // Without it a file above 1 MB comes as an empty one.
        headers: { accept: 'application/vnd.github.raw+json' },
        request: { signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]) },
      })
      return textOf(response.data, place)
    } catch (error) {
      if (error instanceof SallyportError) throw error
      const status = error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : null
      if (status === 404) return null
      if ((status === null || status >= 500 || status === 429) && attempt < ATTEMPTS && !signal.aborted) continue
      throw new SallyportError('UNREADABLE', `the policy at ${nameOf(place)} cannot be read`, {
        why: status === null || status >= 500 ? 'GitHub cannot be reached' : `GitHub answered ${status}`,
        fix: 'give the job contents: read; a central policy in another repository needs a token that may read it',
        cause: error,
      })
    }
  }
}

/** As GitHub describes a file when it does not send it raw. */
const describedShape = z.object({ type: z.literal('file').optional(), encoding: z.literal('base64'), content: z.string() })

/** The raw file, as asked for; some servers send bytes of no known type, some the description whatever was asked. */
function plainOf(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (content instanceof ArrayBuffer) return Buffer.from(content).toString('utf8')
  const described = describedShape.safeParse(content)
  return described.success ? Buffer.from(described.data.content, 'base64').toString('utf8') : null
}

function textOf(answer: unknown, place: Place): string {
  const content = plainOf(answer)
  // GitHub describes a file above its limit with no content: that is no empty policy.
  if (content !== null && content !== '' && Buffer.byteLength(content) <= MAX_BYTES) return content
  throw new SallyportError('UNREADABLE', `${nameOf(place)} is not a file of at most 1 MiB`, {
    why: 'the path names a folder, a submodule, or a file that is too large',
    fix: 'name the policy file itself',
  })
}
