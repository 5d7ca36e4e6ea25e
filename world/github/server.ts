// GitHub on loopback: REST, GraphQL for edits, the artifact service and a page. It enforces who may do what, by token.
import { createHash, randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Artifacts } from './artifacts.ts'
import { githubDescription } from './description.ts'
import { commentsHtml, pageHeaders, pullPage } from './page.ts'
import { answerRest, type ApiAnswer } from './rest.ts'
import { idOfNode, iso, Shapes } from './shapes.ts'
import { World, type Faults, type Pull, type Token } from './state.ts'

const MAX_BODY_BYTES = 64 * 1024 * 1024

export interface GitHubOptions {
  /** Holds every answer against GitHub's description; what differs is in `drift`. */
  readonly checked?: boolean
}

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly login: string | null
  readonly status: number
}

export interface GitHub {
  /** Origin: GITHUB_API_URL, GITHUB_SERVER_URL of pages, and ACTIONS_RESULTS_URL with a slash behind it. */
  readonly url: string
  readonly world: World
  readonly faults: Faults
  readonly artifacts: Artifacts
  /** Differences from GitHub's description so far; `checked` only. */
  readonly drift: readonly string[]
  readonly requests: readonly SeenRequest[]
  /** Called before a request is answered; for what happens "in between". Replace it freely. */
  beforeAnswer: (method: string, path: string) => void | Promise<void>
  /** Address of the page of a pull request. */
  page(pull: Pull): string
  stop(): Promise<void>
}

export async function startGitHub(options: GitHubOptions = {}): Promise<GitHub> {
  const world = new World()
  const artifacts = new Artifacts()
  const requests: SeenRequest[] = []
  const drift: string[] = []
  const description = options.checked === true ? githubDescription() : null
  const pageSecret = randomBytes(16).toString('hex')
  let shapes: Shapes | null = null
  const server = http.createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      drift.push(`the stand-in failed: ${String(error)}`)
      response.destroy()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  shapes = new Shapes(url)

  const github: GitHub = {
    url,
    world,
    faults: world.faults,
    artifacts,
    drift,
    requests,
    beforeAnswer: () => undefined,
    page: pull => `${url}/${pull.repository.owner.login}/${pull.repository.name}/pull/${pull.number}`,
    stop: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return github

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const method = request.method ?? 'GET'
    const at = new URL(request.url ?? '/', url)
    const body = await read(request)
    await github.beforeAnswer(method, at.pathname)
    if (world.faults.outage === 'cut') {
      request.socket.destroy()
      return
    }
    if (world.faults.outage === 'unavailable') {
      response.writeHead(503, { 'content-type': 'application/json' }).end('{"message":"Service unavailable"}')
      return
    }
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const service = artifacts.answer(method, at, headers['authorization'] ?? '', headers, body)
    if (service !== null) {
      const isText = typeof service.body === 'string'
      response.writeHead(service.status, { ...(isText ? {} : { 'content-type': 'application/json' }), ...service.headers })
      response.end(isText ? service.body : JSON.stringify(service.body))
      return
    }
    if (page(method, at, body, response)) return
    api(method, at, headers, body, response)
  }

  function api(method: string, at: URL, headers: Readonly<Record<string, string>>, body: Buffer, response: http.ServerResponse): void {
    const bearer = /^(?:token|bearer) (.+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? null
    const token = bearer === null ? null : (world.tokens.get(bearer) ?? null)
    const send = (found: Omit<ApiAnswer, 'operation'>): void => {
      const text = typeof found.body === 'string' ? found.body : found.body === null ? '' : JSON.stringify(found.body)
      const etag = `W/"${createHash('sha256')
        .update(`${bearer ?? ''}\n${text}`)
        .digest('hex')}"`
      const isUnchanged = method === 'GET' && found.status === 200 && headers['if-none-match'] === etag
      requests.push({
        method,
        path: `${at.pathname}${at.search}`,
        login: token?.user.login ?? null,
        status: isUnchanged ? 304 : found.status,
      })
      // An unchanged answer is free.
      if (token !== null && !isUnchanged) token.remaining -= 1
      const common = {
        date: world.now().toUTCString(),
        ...rateHeaders(token, world),
        ...(method === 'GET' && found.status === 200 ? { etag } : {}),
        ...found.headers,
      }
      if (isUnchanged) response.writeHead(304, common).end()
      else response.writeHead(found.status, { 'content-type': 'application/json; charset=utf-8', ...common }).end(text)
    }
    if (bearer !== null && token === null) {
      send({ status: 401, body: { message: 'Bad credentials', documentation_url: 'https://docs.github.com/rest', status: '401' } })
      return
    }
    if (world.faults.secondaryLimits > 0) {
      world.faults.secondaryLimits -= 1
      const { retryAfter } = world.faults
      const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
      send({
        status: 403,
        body: { message, documentation_url: 'https://docs.github.com/rest' },
        headers: retryAfter === null ? {} : { 'retry-after': String(retryAfter) },
      })
      return
    }
    if (token !== null && token.remaining <= 0) {
      send({ status: 403, body: { message: 'API rate limit exceeded', documentation_url: 'https://docs.github.com/rest' } })
      return
    }
    if (method === 'POST' && at.pathname === '/graphql') {
      send(graphql(token, body))
      return
    }
    const parsed = body.length === 0 ? null : jsonOf(body)
    const found = answerRest(world, shapes ?? new Shapes(url), {
      method,
      path: at.pathname,
      query: at.searchParams,
      body: parsed,
      token,
      accept: headers['accept'] ?? '',
    })
    if (found !== null && typeof found.body !== 'string')
      drift.push(...(description?.faultsOf(found.operation, found.status, found.body) ?? []))
    send(found ?? { status: 404, body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' } })
  }

  /** The one query that is understood: the edits of a comment by its node id. */
  function graphql(token: Token | null, body: Buffer): Omit<ApiAnswer, 'operation'> {
    if (token === null || !world.faults.hasGraphql) return { status: 403, body: { message: 'Resource not accessible by integration' } }
    const { query, variables } = jsonOf(body) as { query?: string; variables?: { id?: string } }
    const id = idOfNode('IC', variables?.id ?? '')
    if (query?.includes('lastEditedAt') !== true || id === null)
      return { status: 200, body: { errors: [{ type: 'NOT_FOUND', message: 'Could not resolve to a node' }], data: { node: null } } }
    const comment = world.comment(id)
    if (comment === null) return { status: 200, body: { data: { node: null } } }
    const lastEditedAt = comment.lastEditedAt === null ? null : iso(comment.lastEditedAt)
    return {
      status: 200,
      body: { data: { node: { databaseId: comment.id, lastEditedAt, includesCreatedEdit: comment.lastEditedAt !== null } } },
    }
  }

  function page(method: string, at: URL, body: Buffer, response: http.ServerResponse): boolean {
    const [, name = '', number = '', part] = /^\/([\w.-]+\/[\w.-]+)\/pull\/(\d+)(\/comments)?$/.exec(at.pathname) ?? []
    const pull = world.repositories.get(name.toLowerCase())?.pulls.get(Number(number))
    if (pull === undefined) return false
    const nonce = randomBytes(16).toString('base64')
    if (method === 'GET') {
      response.writeHead(200, pageHeaders(nonce)).end(part === undefined ? pullPage(world, pull, nonce, pageSecret) : commentsHtml(pull))
      return true
    }
    const form = new URLSearchParams(body.toString('utf8'))
    const user = world.users.get(Number(form.get('user')))
    const text = (form.get('body') ?? '').replaceAll('\r\n', '\n')
    if (part === undefined || form.get('secret') !== pageSecret || user === undefined || user.type !== 'User' || text.trim() === '') {
      response.writeHead(400).end('not understood')
      return true
    }
    const token: Token = { text: '', user, kind: 'user', permissions: {}, remaining: 1 }
    if (world.canComment(pull, token)) world.addComment(pull, token, text)
    response.writeHead(303, { location: `/${name}/pull/${number}` }).end()
    return true
  }
}

function rateHeaders(token: Token | null, world: World): Readonly<Record<string, string>> {
  if (token === null) return {}
  const limit = token.kind === 'app' ? 1_000 : 5_000
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(Math.max(0, token.remaining)),
    'x-ratelimit-reset': String(Math.floor(world.now().getTime() / 1_000) + 3_600),
    'x-ratelimit-used': String(limit - token.remaining),
    'x-ratelimit-resource': 'core',
  }
}

async function read(request: http.IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request) {
    length += (part as Buffer).length
    if (length > MAX_BODY_BYTES) throw new Error('the body is too large')
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts)
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}
