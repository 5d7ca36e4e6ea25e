// Asks in the comments of one pull request, and brings back who wrote what. Counts nothing: that is for session/.
import { SallyportError } from '../../core/errors.ts'
import {
  ChannelTrouble,
  type Answer,
  type ApprovalChannel,
  type Person,
  type PostedRequest,
  type RequestView,
  type Thread,
} from '../../core/approval-channel.ts'
import type { ApproverGroup } from '../../core/decision.ts'
import type { Run } from '../../core/identity.ts'
import { commentShape, commentsShape, editsShape, parse, pullShape, type ApiComment, type ApiPull } from './api-types.ts'
import { GitHubApi, GitHubRefusal, type GitHubSettings } from './github-api.ts'
import { People, type Requesters } from './people.ts'
import { requestComment } from './request-comment.ts'

const PAGE = 100
/** Pages read at once; a flood beyond it is read in the next rounds, because `since` moves on. */
const MAX_PAGES = 50
/** An answer is its first line; the rest of a long comment is not kept. */
const MAX_KEPT_CHARACTERS = 4_000
/** GitHub's limit is 65,536 characters. */
const MAX_BODY_CHARACTERS = 60_000
/** `since` has whole seconds; what shares the second of the last message is read again, and known by its id. */
const OVERLAP_MS = 1_000
/** How far back another gateway's request is looked for, and how often. */
const ELSEWHERE_MS = 6 * 3_600_000
const MAX_ELSEWHERE = 20

export interface GitHubChannelSettings extends GitHubSettings {
  /** `owner/repo`. */
  readonly repository: string
  readonly pullRequest: number
  readonly run: Run
  /** Verifier key of the recording, stated in the first request. */
  readonly key: string
  /** Must not approve, besides the author of the pull request: actor and triggering actor of the run. */
  readonly requesters: Requesters
}

/** Opens the comments of one pull request as a place to ask. Nothing is sent before the first request. */
export function openGitHubChannel(settings: GitHubChannelSettings): ApprovalChannel {
  return new GitHubChannel(settings)
}

/** One comment of ours: what it must read like, and the edit that is under way. */
interface OwnComment {
  body: string
  updatedAt: string
  authorId: number | null
  isSure: boolean
  readonly key: string | null
  turn: Promise<unknown>
}

class GitHubChannel implements ApprovalChannel {
  readonly place: string
  readonly #settings: GitHubChannelSettings
  readonly #api: GitHubApi
  readonly #people: People
  readonly #where: { readonly owner: string; readonly repo: string }
  readonly #own = new Map<number, OwnComment>()
  readonly #said = new Set<number>()
  readonly #elsewhere = new Map<string, boolean>()
  #isKeyStated = false
  /** Where the last reading of a flood stopped. */
  #resume: { readonly since: string; readonly page: number } | null = null
  #hasGraphql = true

  constructor(settings: GitHubChannelSettings) {
    const [owner = '', repo = ''] = settings.repository.split('/')
    this.place = `${settings.repository}#${settings.pullRequest}`
    this.#settings = settings
    this.#where = { owner, repo }
    this.#api = new GitHubApi(settings)
    this.#people = new People(this.#api, settings.requesters, reading => this.#author(reading))
  }

  prepare(group: ApproverGroup, signal: AbortSignal): Promise<void> {
    return this.#people.prepare(group, signal)
  }

  async thread(signal: AbortSignal): Promise<Thread> {
    const pull = await this.#pull(signal)
    if (pull.user !== null) this.#people.addRequester(pull.user)
    const state = pull.merged === true ? 'merged' : pull.state !== 'open' ? pull.state : pull.locked === true ? 'locked' : 'open'
    return { isOpen: state === 'open', state, head: pull.head.sha }
  }

  async post(view: RequestView, signal: AbortSignal): Promise<PostedRequest> {
    const key = this.#isKeyStated ? null : this.#settings.key
    const body = this.#bodyOf(view, key)
    const comment = await this.#create(body, signal)
    this.#isKeyStated = true
    const { id, html_url: link, created_at: at, updated_at: updatedAt } = comment
    this.#own.set(id, { body, updatedAt, authorId: comment.user?.id ?? null, isSure: comment.body === body, key, turn: Promise.resolve() })
    return { id, link, at: new Date(at) }
  }

  update(posted: PostedRequest, view: RequestView, signal: AbortSignal): Promise<void> {
    const own = this.#ownComment(posted)
    return inTurn(own, async () => {
      const body = this.#bodyOf(view, own.key)
      if (own.isSure && body === own.body) return
      // An edit over a comment that somebody altered would hide it.
      if (own.isSure && view.verdict === null && !(await this.#reads(posted.id, own, signal))) return
      own.isSure = false
      const params = { ...this.#where, comment_id: posted.id, body }
      const data = await this.#api
        .write('PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', params, signal)
        .catch((error: unknown) => {
          throw this.#explained(error)
        })
      const comment = parse(commentShape, `comment ${posted.id}`, data)
      own.body = body
      own.updatedAt = comment.updated_at
      own.isSure = comment.body === body
    })
  }

  isIntact(posted: PostedRequest, signal: AbortSignal): Promise<boolean> {
    const own = this.#ownComment(posted)
    return inTurn(own, async () => {
      // An edit of ours got lost on the way: nobody can tell now what stands there and who wrote it.
      if (!own.isSure) throw new ChannelTrouble(`comment ${posted.id} is being written`, null)
      return this.#reads(posted.id, own, signal)
    })
  }

  async answersSince(since: Date, signal: AbortSignal): Promise<readonly Answer[]> {
    const from = sinceText(new Date(since.getTime() - OVERLAP_MS))
    // A flood within one second does not move `since` on: then the pages are gone through, round by round.
    const first = this.#resume?.since === from ? this.#resume.page : 1
    const { comments, next } = await this.#list(from, first, signal)
    this.#resume = next === null ? null : { since: from, page: next }
    return comments.filter(({ id }) => !this.#own.has(id) && !this.#said.has(id)).flatMap(comment => this.#answer(comment) ?? [])
  }

  async reread(answer: Answer, signal: AbortSignal): Promise<Answer | null> {
    const comment = await this.#comment(answer.id, signal)
    if (comment === null) return null
    const now = this.#answer(comment)
    if (now === null || now.isEdited) return now
    return (await this.#wasEdited(comment.node_id ?? null, signal)) ? { ...now, isEdited: true } : now
  }

  async isRequester(person: Person, signal: AbortSignal): Promise<boolean> {
    // Reading the thread makes the author of the pull request known.
    await this.thread(signal)
    return this.#people.isRequester(person)
  }

  isApprover(person: Person, group: ApproverGroup, signal: AbortSignal): Promise<boolean> {
    return this.#people.isApprover(person, group, signal)
  }

  async isAskedElsewhere(code: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#elsewhere.get(code)
    if (known !== undefined) return known
    // Limit: beyond the bound an unknown code is not answered, only recorded by nobody: it selects nothing anyway.
    if (this.#elsewhere.size >= MAX_ELSEWHERE) return true
    const newest = Math.max(0, ...[...this.#own.values()].map(({ updatedAt }) => Date.parse(updatedAt)))
    const { comments } = await this.#list(sinceText(new Date(newest - ELSEWHERE_MS)), 1, signal)
    const isElsewhere = comments.some(({ id, body }) => {
      const [marker = '', heading = ''] = (body ?? '').split('\n', 2)
      return (
        !this.#own.has(id) &&
        marker.startsWith('<!-- sallyport:request v1 ') &&
        marker.includes(`code=${code} -->`) &&
        heading.startsWith('### Approval needed')
      )
    })
    this.#elsewhere.set(code, isElsewhere)
    return isElsewhere
  }

  async mark(answer: Answer, mark: 'counted' | 'refused', signal: AbortSignal): Promise<void> {
    const params = { ...this.#where, comment_id: answer.id, content: mark === 'counted' ? 'rocket' : '-1' }
    await this.#api.write('POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions', params, signal).catch((error: unknown) => {
      throw this.#explained(error)
    })
  }

  async say(text: string, signal: AbortSignal): Promise<void> {
    const comment = await this.#create(`<!-- sallyport:answer -->\n${text}`, signal)
    this.#said.add(comment.id)
  }

  async #pull(signal: AbortSignal): Promise<ApiPull> {
    const params = { ...this.#where, pull_number: this.#settings.pullRequest }
    const data = await this.#api.read('GET /repos/{owner}/{repo}/pulls/{pull_number}', params, signal).catch((error: unknown) => {
      throw this.#explained(error)
    })
    return parse(pullShape, this.place, data)
  }

  /** Login of the author of the pull request; null when the account is gone. */
  async #author(signal: AbortSignal): Promise<string | null> {
    return (await this.#pull(signal)).user?.login ?? null
  }

  async #create(body: string, signal: AbortSignal): Promise<ApiComment> {
    const params = { ...this.#where, issue_number: this.#settings.pullRequest, body }
    const data = await this.#api
      .write('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', params, signal)
      .catch((error: unknown) => {
        throw this.#explained(error)
      })
    return parse(commentShape, `the comment in ${this.place}`, data)
  }

  /** True when the comment is as we last left it: our words, our time, our hand. */
  async #reads(id: number, own: OwnComment, signal: AbortSignal): Promise<boolean> {
    const comment = await this.#comment(id, signal)
    if (comment === null) return false
    return comment.body === own.body && comment.updated_at === own.updatedAt && (comment.user?.id ?? null) === own.authorId
  }

  async #comment(id: number, signal: AbortSignal): Promise<ApiComment | null> {
    try {
      const data = await this.#api.read(
        'GET /repos/{owner}/{repo}/issues/comments/{comment_id}',
        { ...this.#where, comment_id: id },
        signal,
      )
      return parse(commentShape, `comment ${id}`, data)
    } catch (error) {
      if (error instanceof GitHubRefusal && (error.status === 404 || error.status === 410)) return null
      throw asTrouble(error)
    }
  }

  /** Pages from `first` on; `next` is where it stopped before the end. */
  async #list(
    since: string,
    first: number,
    signal: AbortSignal,
  ): Promise<{ readonly comments: readonly ApiComment[]; readonly next: number | null }> {
    const all: ApiComment[] = []
    const base = { ...this.#where, issue_number: this.#settings.pullRequest, per_page: PAGE, since }
    for (let page = first; page < first + MAX_PAGES; page += 1) {
      // Only the first page is asked for again and again; keeping all of a flood would fill memory.
      const read = this.#api.read('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', { ...base, page }, signal, page === 1)
      const data = await read.catch((error: unknown) => {
        throw asTrouble(error)
      })
      const comments = parse(commentsShape, `the comments of ${this.place}`, data)
      for (const comment of comments) all.push({ ...comment, body: (comment.body ?? '').slice(0, MAX_KEPT_CHARACTERS) })
      // A full page may have a next one whatever the Link header of a cached answer says.
      if (comments.length < PAGE) return { comments: all, next: null }
    }
    return { comments: all, next: first + MAX_PAGES }
  }

  /** Whether anybody ever edited it, by GraphQL; where that is not to be had, the REST times have said it already. */
  async #wasEdited(node: string | null, signal: AbortSignal): Promise<boolean> {
    if (!this.#hasGraphql || node === null) return false
    try {
      const data = await this.#api.graphql(
        'query($id: ID!) { node(id: $id) { ... on IssueComment { databaseId lastEditedAt includesCreatedEdit } } }',
        { id: node },
        signal,
      )
      const edits = parse(editsShape, 'the edits of a comment', data)
      // Gone between two reads.
      if (edits.node === null) return true
      return edits.node.lastEditedAt !== null || edits.node.includesCreatedEdit
    } catch (error) {
      if (!(error instanceof GitHubRefusal)) throw error
      this.#hasGraphql = false
      return false
    }
  }

  #answer(comment: ApiComment): Answer | null {
    if (comment.user === null) return null
    const { id, login, type } = comment.user
    return {
      id: comment.id,
      person: { id, login, type },
      isThroughApp: (comment.performed_via_github_app ?? null) !== null,
      body: (comment.body ?? '').slice(0, MAX_KEPT_CHARACTERS),
      at: new Date(comment.created_at),
      isEdited: comment.updated_at !== comment.created_at,
      link: comment.html_url,
    }
  }

  #bodyOf(view: RequestView, key: string | null): string {
    const { run, environment } = this.#settings
    const body = requestComment(view, { run, serverUrl: environment['GITHUB_SERVER_URL'] ?? 'https://github.com', key })
    if (body.length <= MAX_BODY_CHARACTERS) return body
    throw new SallyportError('COMMAND_DENIED', 'the command cannot be shown to an approver in full', {
      why: `with every invisible character named it has ${body.length} characters, more than a comment takes`,
      fix: 'split it into smaller commands, or let a rule allow it',
    })
  }

  #ownComment(posted: PostedRequest): OwnComment {
    const own = this.#own.get(posted.id)
    if (own === undefined) throw new SallyportError('INTERNAL', `comment ${posted.id} is not of this run`)
    return own
  }

  /** GitHub's no, as the error that a person can act on. */
  #explained(error: unknown): unknown {
    if (!(error instanceof GitHubRefusal)) return error
    if (error.status === 410 || error.status === 404) {
      return new SallyportError('NO_PULL_REQUEST', `${this.place} is not a pull request that this token can see`, {
        why: `GitHub answered ${error.status}`,
        fix: 'check the input pull-request, and add `permissions: { pull-requests: write }` to the job',
        cause: error,
      })
    }
    return new SallyportError('COMMENT_REFUSED', `cannot comment on the pull request ${this.place} (${error.status})`, {
      why: '`pull-requests: write` is missing, or the token has expired or belongs to a fork',
      fix: 'add to the job: `permissions: { contents: read, id-token: write, pull-requests: write }`',
      cause: error,
    })
  }
}

/** Whole seconds, as GitHub takes them. */
function sinceText(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

/** While people are waited for, a refused read is no answer: the request stays held. */
function asTrouble(error: unknown): unknown {
  return error instanceof GitHubRefusal ? new ChannelTrouble(error.message, null, error) : error
}

/** One edit or check of a comment at a time. */
function inTurn<T>(own: OwnComment, act: () => Promise<T>): Promise<T> {
  const next = own.turn.then(act, act)
  own.turn = next.catch(() => undefined)
  return next
}
