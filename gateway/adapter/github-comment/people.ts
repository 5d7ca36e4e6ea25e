// Who is an approver and who is a requester. Logins can change hands, so each is pinned to its numeric id once a run,
// and both must still agree when it counts. A lookup that fails never makes an approver. Of an API that shows nobody's
// profile, the author that it states in a comment is taken, and pinned from then on.
import { SallyportError } from '../../core/errors.ts'
import type { Person } from '../../core/approval-channel.ts'
import type { ApproverGroup } from '../../core/decision.ts'
import { membershipShape, parse, publicUserShape } from './api-types.ts'
import { GitHubRefusal, type GitHubApi } from './github-api.ts'

/** Who must not approve, as far as the launcher knows: ids from the verified token, logins from GitHub's variables. */
export interface Requesters {
  readonly ids: readonly number[]
  readonly logins: readonly string[]
}

/** `untold`: this API shows nobody's profile. */
type Profile = Person | 'nobody' | 'untold'

export class People {
  readonly #api: GitHubApi
  readonly #requesterIds: Set<number>
  readonly #requesterLogins: Set<string>
  /** Login in lower case -> id at the start of the run; null = there was no such user; untold = not known yet. */
  readonly #pinned = new Map<string, number | 'untold' | null>()
  readonly #prepared = new Set<string>()
  readonly #witness: (signal: AbortSignal) => Promise<string | null>
  #showsProfiles: boolean | null = null

  /** @param witness login of somebody who is there, to tell "no such user" from "no profiles here". */
  constructor(api: GitHubApi, requesters: Requesters, witness: (signal: AbortSignal) => Promise<string | null>) {
    this.#api = api
    this.#witness = witness
    this.#requesterIds = new Set(requesters.ids)
    this.#requesterLogins = new Set(requesters.logins.map(login => login.toLowerCase()))
  }

  addRequester(person: { readonly id: number; readonly login: string }): void {
    this.#requesterIds.add(person.id)
    this.#requesterLogins.add(person.login.toLowerCase())
  }

  isRequester(person: Person): boolean {
    return this.#requesterIds.has(person.id) || this.#requesterLogins.has(person.login.toLowerCase())
  }

  /** @throws {SallyportError} APPROVERS_UNREADABLE when nobody of the group could ever be recognised. */
  async prepare(group: ApproverGroup, signal: AbortSignal): Promise<void> {
    if (this.#prepared.has(group.name)) return
    let known = 0
    for (const login of group.users) {
      const key = login.toLowerCase()
      if (!this.#pinned.has(key)) this.#pinned.set(key, idOf(await this.#profile(login, signal)))
      if (this.#pinned.get(key) !== null) known += 1
    }
    const unreadable: string[] = []
    for (const team of group.teams) {
      if (await this.#canReadTeam(team, signal)) known += group.count
      else unreadable.push(team)
    }
    // Fewer people than must approve: waiting would be for nothing.
    if (known < group.count) throw unreadableGroup(group, unreadable)
    this.#prepared.add(group.name)
  }

  /** Fresh at every call; an unchanged answer of the server is an answer of now. */
  async isApprover(person: Person, group: ApproverGroup, signal: AbortSignal): Promise<boolean> {
    const listed = group.users.find(login => this.#isPinned(login, person))
    if (listed !== undefined && (await this.#isStill(listed, person, signal))) return true
    if (group.teams.length === 0) return false
    // Teams are asked by login: it must belong to the person who wrote.
    if (!(await this.#isStill(person.login, person, signal))) return false
    let unreadable: string | null = null
    for (const team of group.teams) {
      const membership = await this.#membership(team, person.login, signal)
      if (membership === 'active') return true
      if (membership === 'unreadable') unreadable = team
    }
    if (unreadable !== null) throw unreadableGroup(group, [unreadable])
    return false
  }

  #isPinned(login: string, person: Person): boolean {
    const key = login.toLowerCase()
    if (this.#pinned.get(key) === 'untold' && person.login.toLowerCase() === key) this.#pinned.set(key, person.id)
    return this.#pinned.get(key) === person.id
  }

  /** The login belongs to this person now. */
  async #isStill(login: string, person: Person, signal: AbortSignal): Promise<boolean> {
    const profile = await this.#profile(login, signal)
    if (profile === 'untold') return person.login.toLowerCase() === login.toLowerCase()
    return profile !== 'nobody' && profile.id === person.id
  }

  async #profile(login: string, signal: AbortSignal): Promise<Profile> {
    const data = await orNull(this.#api.read('GET /users/{username}', { username: login }, signal))
    if (data === null) return (await this.#doesShowProfiles(signal)) ? 'nobody' : 'untold'
    const user = parse(publicUserShape, `user ${login}`, data)
    return user.type === 'User' && user.login.toLowerCase() === login.toLowerCase() ? user : 'nobody'
  }

  async #doesShowProfiles(signal: AbortSignal): Promise<boolean> {
    if (this.#showsProfiles !== null) return this.#showsProfiles
    const witness = await this.#witness(signal)
    this.#showsProfiles =
      witness === null || (await orNull(this.#api.read('GET /users/{username}', { username: witness }, signal))) !== null
    return this.#showsProfiles
  }

  async #canReadTeam(team: string, signal: AbortSignal): Promise<boolean> {
    const { org, slug } = teamOf(team)
    const params = { org, team_slug: slug }
    if ((await orNull(this.#api.read('GET /orgs/{org}/teams/{team_slug}', params, signal))) !== null) return true
    const members = this.#api.read('GET /orgs/{org}/teams/{team_slug}/members', { ...params, per_page: 1 }, signal)
    return (await orNull(members)) !== null
  }

  async #membership(team: string, login: string, signal: AbortSignal): Promise<'active' | 'none' | 'unreadable'> {
    const { org, slug } = teamOf(team)
    const params = { org, team_slug: slug, username: login }
    try {
      const data = await this.#api.read('GET /orgs/{org}/teams/{team_slug}/memberships/{username}', params, signal)
      return parse(membershipShape, `team ${team}`, data).state === 'active' ? 'active' : 'none'
    } catch (error) {
      if (!(error instanceof GitHubRefusal)) throw error
      // 404 is "not a member" as well as "you may not see this team".
      if (error.status === 404) return (await this.#canReadTeam(team, signal)) ? 'none' : 'unreadable'
      return 'unreadable'
    }
  }
}

function idOf(profile: Profile): number | 'untold' | null {
  if (profile === 'nobody') return null
  return profile === 'untold' ? 'untold' : profile.id
}

function teamOf(team: string): { readonly org: string; readonly slug: string } {
  const [org = '', slug = ''] = team.split('/')
  return { org, slug }
}

async function orNull(reading: Promise<unknown>): Promise<unknown> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof GitHubRefusal) return null
    throw error
  }
}

function unreadableGroup(group: ApproverGroup, teams: readonly string[]): SallyportError {
  const names = teams.length === 0 ? group.users.join(', ') : teams.join(', ')
  return new SallyportError('APPROVERS_UNREADABLE', `approvers group ${group.name} cannot be read: ${names}`, {
    why:
      teams.length === 0
        ? `GitHub knows fewer than ${group.count} of the listed users`
        : 'the GitHub token cannot list teams; the token of a workflow never can',
    fix:
      teams.length === 0
        ? 'correct the logins under approvers: in sallyport.yml'
        : 'list users instead, or give github-token a GitHub App token with Members: read (it lives for one hour)',
  })
}
