// What the stand-in knows: people, tokens, repositories, pull requests, comments, teams. Says who may do what, as GitHub does.
import { createHash, randomBytes } from 'node:crypto'

export type Role = 'none' | 'read' | 'triage' | 'write' | 'maintain' | 'admin'
const ranks: readonly Role[] = ['none', 'read', 'triage', 'write', 'maintain', 'admin']

export interface User {
  readonly id: number
  login: string
  readonly type: 'User' | 'Bot' | 'Organization'
}

/** What an app's token may do; a person's token may do what the person may. */
export interface AppPermissions {
  readonly issues?: 'read' | 'write'
  readonly pull_requests?: 'read' | 'write'
  readonly contents?: 'read' | 'write'
  readonly members?: 'read'
  readonly attestations?: 'write'
}

export interface Token {
  readonly text: string
  readonly user: User
  /** `user`: a person's own; `user-via-app`: an app acting for a person; `app`: an installation, as the token of a workflow. */
  readonly kind: 'user' | 'user-via-app' | 'app'
  readonly permissions: AppPermissions
  remaining: number
}

export interface Comment {
  readonly id: number
  readonly pull: Pull
  readonly user: User
  body: string
  readonly createdAt: Date
  updatedAt: Date
  lastEditedAt: Date | null
  editor: User | null
  readonly app: string | null
  isDeleted: boolean
  readonly reactions: { readonly id: number; readonly user: User; readonly content: string; readonly at: Date }[]
}

export interface Pull {
  readonly repository: Repository
  readonly number: number
  readonly author: User
  title: string
  body: string
  headSha: string
  headRef: string
  /** Full name of the repository the head is in. */
  headRepository: Repository | null
  state: 'open' | 'closed'
  isMerged: boolean
  isLocked: boolean
  mergeSha: string | null
  readonly createdAt: Date
  readonly comments: Comment[]
}

export interface Repository {
  readonly id: number
  readonly owner: User
  readonly name: string
  readonly defaultBranch: string
  readonly isPrivate: boolean
  readonly isFork: boolean
  readonly roles: Map<number, Role>
  /** ref -> path -> content. */
  readonly trees: Map<string, Map<string, string>>
  readonly pulls: Map<number, Pull>
}

export interface Team {
  readonly id: number
  readonly org: User
  readonly slug: string
  readonly isSecret: boolean
  /** User id -> state. */
  readonly members: Map<number, 'active' | 'pending'>
}

/** Switches of the tests: how the service fails. */
export interface Faults {
  /** Every request is answered 503, or the connection is cut. */
  outage: 'none' | 'unavailable' | 'cut'
  /** The next so many requests meet the secondary limit. */
  secondaryLimits: number
  /** `retry-after` in seconds of a secondary limit; null = the header is left out. */
  retryAfter: number | null
  /** Added to the server's clock. */
  skewMs: number
  /** GraphQL answers 403, as for a token that may not use it. */
  hasGraphql: boolean
}

export class World {
  readonly users = new Map<number, User>()
  readonly tokens = new Map<string, Token>()
  readonly repositories = new Map<string, Repository>()
  readonly teams = new Map<string, Team>()
  readonly attestations: { readonly id: number; readonly repository: string; readonly bundle: object }[] = []
  readonly faults: Faults = { outage: 'none', secondaryLimits: 0, retryAfter: 1, skewMs: 0, hasGraphql: true }
  #nextId = 1_000

  nextId(): number {
    this.#nextId += 1
    return this.#nextId
  }

  /** GitHub's clock: whole seconds, perhaps wrong. */
  now(): Date {
    return new Date(Math.floor((Date.now() + this.faults.skewMs) / 1_000) * 1_000)
  }

  addUser(login: string, type: User['type'] = 'User'): User {
    const user: User = { id: this.nextId(), login, type }
    this.users.set(user.id, user)
    return user
  }

  user(login: string): User | null {
    for (const user of this.users.values()) if (user.login.toLowerCase() === login.toLowerCase()) return user
    return null
  }

  addToken(user: User, kind: Token['kind'] = 'user', permissions: AppPermissions = {}): string {
    const text = `gh${kind === 'app' ? 's' : kind === 'user' ? 'p' : 'u'}_${randomBytes(18).toString('base64url').replaceAll(/[-_]/g, 'x')}`
    this.tokens.set(text, { text, user, kind, permissions, remaining: kind === 'app' ? 1_000 : 5_000 })
    return text
  }

  addRepository(fullName: string, options: { isPrivate?: boolean; isFork?: boolean } = {}): Repository {
    const [owner = '', name = ''] = fullName.split('/')
    const org = this.user(owner) ?? this.addUser(owner, 'Organization')
    const repository: Repository = {
      id: this.nextId(),
      owner: org,
      name,
      defaultBranch: 'main',
      isPrivate: options.isPrivate ?? false,
      isFork: options.isFork ?? false,
      roles: new Map(),
      trees: new Map([['main', new Map()]]),
      pulls: new Map(),
    }
    this.repositories.set(fullName.toLowerCase(), repository)
    return repository
  }

  addPull(repository: Repository, number: number, author: User, title: string): Pull {
    const pull: Pull = {
      repository,
      number,
      author,
      title,
      body: '',
      headSha: shaOf(`${repository.name}#${number}`),
      headRef: `change-${number}`,
      headRepository: repository,
      state: 'open',
      isMerged: false,
      isLocked: false,
      mergeSha: null,
      createdAt: this.now(),
      comments: [],
    }
    repository.pulls.set(number, pull)
    return pull
  }

  addTeam(name: string, members: readonly User[], isSecret = false): Team {
    const [org = '', slug = ''] = name.split('/')
    const team: Team = {
      id: this.nextId(),
      org: this.user(org) ?? this.addUser(org, 'Organization'),
      slug,
      isSecret,
      members: new Map(members.map(({ id }) => [id, 'active'])),
    }
    this.teams.set(name.toLowerCase(), team)
    return team
  }

  role(repository: Repository, user: User): Role {
    return repository.roles.get(user.id) ?? (repository.isPrivate ? 'none' : 'read')
  }

  comment(id: number): Comment | null {
    for (const repository of this.repositories.values()) {
      for (const pull of repository.pulls.values()) {
        const found = pull.comments.find(comment => comment.id === id && !comment.isDeleted)
        if (found !== undefined) return found
      }
    }
    return null
  }

  canRead(repository: Repository, token: Token | null): boolean {
    if (!repository.isPrivate) return true
    if (token === null) return false
    return token.kind === 'app' ? token.permissions.contents !== undefined : this.role(repository, token.user) !== 'none'
  }

  /** A locked thread takes comments of people with write access only. */
  canComment(pull: Pull, token: Token): boolean {
    if (token.kind === 'app') return mayWriteThread(token)
    const role = this.role(pull.repository, token.user)
    return pull.isLocked ? atLeast(role, 'write') : atLeast(role, 'read')
  }

  /** The author, and everybody with write access: that is why an edited comment proves nothing. */
  canEdit(comment: Comment, token: Token): boolean {
    if (token.kind === 'app') return mayWriteThread(token)
    return comment.user.id === token.user.id || atLeast(this.role(comment.pull.repository, token.user), 'write')
  }

  canSeeTeam(team: Team, token: Token | null): boolean {
    if (token === null) return false
    if (token.kind === 'app') return token.permissions.members !== undefined
    const isMember = [...this.teams.values()].some(each => each.org.id === team.org.id && each.members.get(token.user.id) === 'active')
    return team.isSecret ? team.members.get(token.user.id) === 'active' : isMember
  }

  addComment(pull: Pull, token: Token, body: string): Comment {
    const at = this.now()
    const app = token.kind === 'user' ? null : token.kind === 'app' ? token.user.login.replace(/\[bot\]$/, '') : 'some-app'
    const comment: Comment = {
      id: this.nextId(),
      pull,
      user: token.user,
      body,
      createdAt: at,
      updatedAt: at,
      lastEditedAt: null,
      editor: null,
      app,
      isDeleted: false,
      reactions: [],
    }
    pull.comments.push(comment)
    return comment
  }

  /** The author stays who it was; only the times tell. */
  editComment(comment: Comment, editor: User, body: string): void {
    comment.body = body
    comment.updatedAt = this.now()
    comment.lastEditedAt = this.now()
    comment.editor = editor
  }
}

export function atLeast(role: Role, wanted: Role): boolean {
  return ranks.indexOf(role) >= ranks.indexOf(wanted)
}

function shaOf(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

function mayWriteThread(token: Token): boolean {
  return token.permissions.issues === 'write' || token.permissions.pull_requests === 'write'
}
