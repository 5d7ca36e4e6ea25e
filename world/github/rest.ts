// The REST operations of the stand-in: each finds what is named, checks who asks, and answers as GitHub does.
import { atLeast, type Pull, type Repository, type Token, type World } from './state.ts'
import { fullName, type Shapes } from './shapes.ts'

export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: unknown
  readonly token: Token | null
  readonly accept: string
}

export interface ApiAnswer {
  readonly status: number
  /** The description's name of what was asked, e.g. `GET /users/{username}`. */
  readonly operation: string
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

interface Call extends ApiRequest {
  readonly world: World
  readonly shapes: Shapes
  readonly params: readonly string[]
}

type Outcome = Omit<ApiAnswer, 'operation'>

const operations: readonly (readonly [string, (call: Call) => Outcome])[] = [
  ['GET /user', ({ token, shapes }) => (token === null ? unauthorised() : ok(shapes.profile(token.user)))],
  ['GET /users/{username}', readUser],
  ['GET /repos/{owner}/{repo}', call => withRepository(call, repository => ok(call.shapes.repository(repository)))],
  ['GET /repos/{owner}/{repo}/pulls/{pull_number}', call => withPull(call, pull => ok(call.shapes.pull(pull, true)))],
  ['GET /repos/{owner}/{repo}/issues/{issue_number}/comments', listComments],
  ['POST /repos/{owner}/{repo}/issues/{issue_number}/comments', createComment],
  ['GET /repos/{owner}/{repo}/issues/comments/{comment_id}', call => withComment(call, comment => ok(call.shapes.comment(comment)))],
  ['PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', editComment],
  ['DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}', deleteComment],
  [
    'GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions',
    call => withComment(call, comment => ok(comment.reactions.map(each => call.shapes.reaction(each)))),
  ],
  ['POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions', react],
  ['GET /repos/{owner}/{repo}/collaborators/{username}/permission', readPermission],
  ['GET /repos/{owner}/{repo}/contents/{path}', readContents],
  ['GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls', pullsOfCommit],
  ['POST /repos/{owner}/{repo}/attestations', createAttestation],
  ['GET /orgs/{org}/teams/{team_slug}', readTeam],
  ['GET /orgs/{org}/teams/{team_slug}/memberships/{username}', readMembership],
]

const routes = operations.map(([operation, answer]) => {
  const [method = '', route = ''] = operation.split(' ')
  const pattern = route.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'path' ? '(.+)' : '([^/]+)'))
  return { operation, method, pattern: new RegExp(`^${pattern}$`), answer }
})

/** The answer of the API, or null when the path is none of its. */
export function answerRest(world: World, shapes: Shapes, request: ApiRequest): ApiAnswer | null {
  for (const { operation, method, pattern, answer } of routes) {
    const found = method === request.method ? pattern.exec(request.path) : null
    if (found === null) continue
    const params = found.slice(1).map(decodeURIComponent)
    return { ...answer({ ...request, world, shapes, params }), operation }
  }
  return null
}

function readUser({ world, shapes, params }: Call): Outcome {
  const user = world.user(params[0] ?? '')
  return user === null ? missing() : ok(shapes.profile(user))
}

function listComments(call: Call): Outcome {
  return withPull(call, pull => {
    const { query, shapes } = call
    const since = query.get('since')
    const after = since === null ? 0 : Date.parse(since)
    if (Number.isNaN(after)) return unprocessable('since')
    const all = pull.comments.filter(comment => !comment.isDeleted && comment.updatedAt.getTime() >= after)
    const perPage = Math.min(Math.max(Number(query.get('per_page') ?? 30) || 30, 1), 100)
    const page = Math.max(Number(query.get('page') ?? 1) || 1, 1)
    const last = Math.max(1, Math.ceil(all.length / perPage))
    const link = (to: number, rel: string): string => {
      const next = new URLSearchParams(query)
      next.set('page', String(to))
      return `<${shapes.repository(pull.repository)['url'] as string}/issues/${pull.number}/comments?${next.toString()}>; rel="${rel}"`
    }
    const links = [
      ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
      ...(page > 1 ? [link(page - 1, 'prev'), link(1, 'first')] : []),
    ]
    const body = all.slice((page - 1) * perPage, page * perPage).map(comment => shapes.comment(comment))
    return { status: 200, body, ...(links.length === 0 ? {} : { headers: { link: links.join(', ') } }) }
  })
}

function createComment(call: Call): Outcome {
  return withPull(call, pull => {
    const { token, world, shapes } = call
    if (token === null) return unauthorised()
    if (!world.canComment(pull, token)) return forbidden(token)
    const body = bodyOf(call)
    if (body === null) return unprocessable('body')
    return { status: 201, body: shapes.comment(world.addComment(pull, token, body)) }
  })
}

function editComment(call: Call): Outcome {
  return withComment(call, comment => {
    const { token, world, shapes } = call
    if (token === null) return unauthorised()
    if (!world.canEdit(comment, token)) return forbidden(token)
    const body = bodyOf(call)
    if (body === null) return unprocessable('body')
    world.editComment(comment, token.user, body)
    return ok(shapes.comment(comment))
  })
}

function deleteComment(call: Call): Outcome {
  return withComment(call, comment => {
    const { token, world } = call
    if (token === null) return unauthorised()
    if (!world.canEdit(comment, token)) return forbidden(token)
    comment.isDeleted = true
    return { status: 204, body: null }
  })
}

function react(call: Call): Outcome {
  return withComment(call, comment => {
    const { token, world, shapes, body } = call
    if (token === null) return unauthorised()
    if (!world.canComment(comment.pull, token)) return forbidden(token)
    const content = typeof body === 'object' && body !== null && 'content' in body ? String(body.content) : ''
    if (!['+1', '-1', 'laugh', 'confused', 'heart', 'hooray', 'rocket', 'eyes'].includes(content)) return unprocessable('content')
    const known = comment.reactions.find(each => each.user.id === token.user.id && each.content === content)
    if (known !== undefined) return ok(shapes.reaction(known))
    const reaction = { id: world.nextId(), user: token.user, content, at: world.now() }
    comment.reactions.push(reaction)
    return { status: 201, body: shapes.reaction(reaction) }
  })
}

function readPermission(call: Call): Outcome {
  return withRepository(call, repository => {
    const { token, world, shapes, params } = call
    if (token === null) return unauthorised()
    if (token.kind === 'user' && !atLeast(world.role(repository, token.user), 'write')) return forbidden(token)
    const user = world.user(params[2] ?? '')
    return user === null ? missing() : ok(shapes.permission(user, world.role(repository, user)))
  })
}

function readContents(call: Call): Outcome {
  return withRepository(call, repository => {
    const { token, query, params, accept } = call
    if (token?.kind === 'app' && token.permissions.contents === undefined) return forbidden(token)
    const ref = query.get('ref') ?? repository.defaultBranch
    const path = params[2] ?? ''
    const text = repository.trees.get(ref)?.get(path)
    if (text === undefined) return missing()
    if (accept.includes('.raw'))
      return { status: 200, body: text, headers: { 'content-type': 'application/vnd.github.raw+json; charset=utf-8' } }
    const url = `${call.shapes.repository(repository)['url'] as string}/contents/${path}?ref=${ref}`
    const name = path.split('/').at(-1) ?? path
    return ok({
      type: 'file',
      encoding: 'base64',
      size: Buffer.byteLength(text),
      name,
      path,
      content: Buffer.from(text).toString('base64'),
      sha: '0'.repeat(40),
      url,
      git_url: null,
      html_url: null,
      download_url: null,
      _links: { self: url, git: null, html: null },
    })
  })
}

function pullsOfCommit(call: Call): Outcome {
  return withRepository(call, repository => {
    const sha = call.params[2] ?? ''
    const pulls = [...repository.pulls.values()].filter(pull => pull.headSha === sha || pull.mergeSha === sha)
    return ok(pulls.map(pull => call.shapes.pull(pull, false)))
  })
}

function createAttestation(call: Call): Outcome {
  return withRepository(call, repository => {
    const { token, world, body } = call
    if (token === null) return unauthorised()
    if (token.permissions.attestations !== 'write') return forbidden(token)
    const bundle = typeof body === 'object' && body !== null && 'bundle' in body ? body.bundle : null
    if (typeof bundle !== 'object' || bundle === null || !('dsseEnvelope' in bundle)) return unprocessable('bundle')
    const id = world.nextId()
    world.attestations.push({ id, repository: fullName(repository), bundle })
    return { status: 201, body: { id } }
  })
}

function readTeam({ world, shapes, token, params }: Call): Outcome {
  const team = world.teams.get(params.slice(0, 2).join('/').toLowerCase())
  if (token?.kind === 'app' && token.permissions.members === undefined) return forbidden(token)
  return team === undefined || !world.canSeeTeam(team, token) ? missing() : ok(shapes.team(team))
}

function readMembership({ world, shapes, token, params }: Call): Outcome {
  const team = world.teams.get(params.slice(0, 2).join('/').toLowerCase())
  if (token?.kind === 'app' && token.permissions.members === undefined) return forbidden(token)
  const user = world.user(params[2] ?? '')
  if (team === undefined || user === null || !world.canSeeTeam(team, token)) return missing()
  const state = team.members.get(user.id)
  return state === undefined ? missing() : ok(shapes.membership(team, user, state))
}

function withRepository(call: Call, answer: (repository: Repository) => Outcome): Outcome {
  const repository = call.world.repositories.get(call.params.slice(0, 2).join('/').toLowerCase())
  return repository === undefined || !call.world.canRead(repository, call.token) ? missing() : answer(repository)
}

function withPull(call: Call, answer: (pull: Pull) => Outcome): Outcome {
  return withRepository(call, repository => {
    const pull = repository.pulls.get(Number(call.params[2]))
    if (pull === undefined) return missing()
    const { token } = call
    if (
      token?.kind === 'app' &&
      token.permissions.pull_requests === undefined &&
      token.permissions.issues === undefined &&
      repository.isPrivate
    ) {
      return forbidden(token)
    }
    return answer(pull)
  })
}

function withComment(call: Call, answer: (comment: Pull['comments'][number]) => Outcome): Outcome {
  return withRepository(call, repository => {
    const comment = call.world.comment(Number(call.params[2]))
    return comment === null || fullName(comment.pull.repository) !== fullName(repository) ? missing() : answer(comment)
  })
}

function bodyOf({ body }: Call): string | null {
  if (typeof body !== 'object' || body === null || !('body' in body) || typeof body.body !== 'string') return null
  return body.body.trim() === '' || body.body.length > 65_536 ? null : body.body
}

function ok(body: unknown): Outcome {
  return { status: 200, body }
}

function missing(): Outcome {
  return { status: 404, body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' } }
}

function unauthorised(): Outcome {
  return { status: 401, body: { message: 'Requires authentication', documentation_url: 'https://docs.github.com/rest', status: '401' } }
}

function forbidden(token: Token): Outcome {
  const message = token.kind === 'app' ? 'Resource not accessible by integration' : 'Must have write access to the repository'
  return { status: 403, body: { message, documentation_url: 'https://docs.github.com/rest', status: '403' } }
}

function unprocessable(field: string): Outcome {
  return {
    status: 422,
    body: {
      message: 'Validation Failed',
      errors: [{ resource: 'IssueComment', code: 'custom', field, message: `${field} is not valid` }],
      documentation_url: 'https://docs.github.com/rest',
    },
  }
}
