// The small world that demo and tests play in: acme/shop with pull request 42, its people, and the token of a workflow.
import { startGitHub, type GitHub, type GitHubOptions } from './server.ts'
import type { Comment, Pull, Repository, Team, Token, User } from './state.ts'

export interface Shop {
  readonly github: GitHub
  readonly repository: Repository
  /** `acme/shop#42`, open, by sam. */
  readonly pull: Pull
  readonly people: {
    /** Author of the pull request; may write. */
    readonly sam: User
    /** Approver: listed as a user, and in acme/dba. */
    readonly dana: User
    /** In acme/sre. */
    readonly rex: User
    /** In acme/sre. */
    readonly uma: User
    /** May read, is in no team. */
    readonly kim: User
    /** Maintainer: may write, hence may edit anybody's comment. */
    readonly mona: User
  }
  readonly bot: User
  readonly teams: { readonly dba: Team; readonly sre: Team }
  /** GITHUB_TOKEN of a job with `pull-requests: write` and `contents: read`. */
  readonly workflowToken: string
  /** A GitHub App's token that may read members too. */
  readonly appToken: string
  /** A comment in the pull request, as that person writes it. */
  say(user: User, body: string, kind?: Token['kind']): Comment
}

export async function startShop(options: GitHubOptions = {}): Promise<Shop> {
  const github = await startGitHub(options)
  const { world } = github
  const repository = world.addRepository('acme/shop')
  const [sam, dana, rex, uma, kim, mona] = ['sam', 'dana', 'rex', 'uma', 'kim', 'mona'].map(login => world.addUser(login)) as [
    User,
    User,
    User,
    User,
    User,
    User,
  ]
  for (const user of [sam, rex, uma]) repository.roles.set(user.id, 'write')
  repository.roles.set(dana.id, 'triage')
  repository.roles.set(mona.id, 'maintain')
  const pull = world.addPull(repository, 42, sam, 'Clean up old carts')
  const bot = world.addUser('github-actions[bot]', 'Bot')
  const app = world.addUser('sallyport[bot]', 'Bot')
  const teams = { dba: world.addTeam('acme/dba', [dana]), sre: world.addTeam('acme/sre', [rex, uma]) }
  const workflowToken = world.addToken(bot, 'app', { contents: 'read', pull_requests: 'write' })
  const appToken = world.addToken(app, 'app', { contents: 'read', pull_requests: 'write', members: 'read' })
  return {
    github,
    repository,
    pull,
    people: { sam, dana, rex, uma, kim, mona },
    bot,
    teams,
    workflowToken,
    appToken,
    say: (user, body, kind = 'user') => {
      const token: Token = { text: '', user, kind, permissions: { issues: 'write' }, remaining: 1 }
      if (!world.canComment(pull, token)) throw new Error(`${user.login} may not comment`)
      return world.addComment(pull, token, body)
    },
  }
}
