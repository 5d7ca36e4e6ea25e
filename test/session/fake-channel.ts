// A thread in memory, with people, that a test changes between two looks of the desk.
import {
  ChannelTrouble,
  type Answer,
  type ApprovalChannel,
  type Person,
  type PostedRequest,
  type RequestView,
  type Thread,
} from '../../gateway/core/approval-channel.ts'

const START = Date.UTC(2026, 0, 1, 9)

export class FakeChannel implements ApprovalChannel {
  readonly place = 'acme/shop#42'
  readonly answers: Answer[] = []
  readonly approvers = new Set<number>()
  readonly requesters = new Set<number>()
  readonly views: RequestView[] = []
  readonly marks: string[] = []
  readonly said: string[] = []
  state = 'open'
  head = 'a'.repeat(40)
  isAltered = false
  trouble: Error | null = null
  postError: Error | null = null
  prepareError: Error | null = null
  lookups = 0
  /** The server's clock, seconds after its start; its own, not the gateway's. */
  serverSeconds = 0
  /** Runs before every look at who somebody is. */
  beforeLookup: () => void | Promise<void> = () => undefined
  #nextId = 100

  /** Somebody writes into the thread. */
  write(person: Person, body: string, more: Partial<Answer> = {}): Answer {
    const answer: Answer = {
      id: this.id(),
      person,
      isThroughApp: false,
      body,
      at: this.at(),
      isEdited: false,
      link: 'https://example.test/c',
      ...more,
    }
    this.answers.push(answer)
    return answer
  }

  replace(id: number, change: Partial<Answer> | null): void {
    const at = this.answers.findIndex(answer => answer.id === id)
    const [answer] = at === -1 ? [] : this.answers.splice(at, 1)
    if (answer !== undefined && change !== null) this.answers.splice(at, 0, { ...answer, ...change })
  }

  id(): number {
    this.#nextId += 1
    return this.#nextId
  }

  at(): Date {
    return new Date(START + this.serverSeconds * 1_000)
  }

  async prepare(): Promise<void> {
    await this.#reach()
    if (this.prepareError !== null) throw this.prepareError
  }

  async thread(): Promise<Thread> {
    await this.#reach()
    return { isOpen: this.state === 'open', state: this.state, head: this.head }
  }

  async post(view: RequestView): Promise<PostedRequest> {
    await this.#reach()
    if (this.postError !== null) throw this.postError
    this.views.push(view)
    return { id: this.id(), link: 'https://example.test/r', at: this.at() }
  }

  async update(_: PostedRequest, view: RequestView): Promise<void> {
    await this.#reach()
    this.views.push(view)
  }

  async isIntact(): Promise<boolean> {
    await this.#reach()
    return !this.isAltered
  }

  async answersSince(since: Date): Promise<readonly Answer[]> {
    await this.#reach()
    return this.answers.filter(({ at }) => at.getTime() >= since.getTime() - 1_000)
  }

  async reread(answer: Answer): Promise<Answer | null> {
    await this.#reach()
    return this.answers.find(({ id }) => id === answer.id) ?? null
  }

  async isRequester(person: Person): Promise<boolean> {
    await this.#reach()
    return this.requesters.has(person.id)
  }

  async isApprover(person: Person): Promise<boolean> {
    await this.#reach()
    this.lookups += 1
    await this.beforeLookup()
    return this.approvers.has(person.id)
  }

  isAskedElsewhere(): Promise<boolean> {
    return Promise.resolve(false)
  }

  mark(answer: Answer, mark: string): Promise<void> {
    this.marks.push(`${answer.id} ${mark}`)
    return Promise.resolve()
  }

  say(text: string): Promise<void> {
    this.said.push(text)
    return Promise.resolve()
  }

  #reach(): Promise<void> {
    return this.trouble === null ? Promise.resolve() : Promise.reject(this.trouble)
  }
}

export const down = new ChannelTrouble('GitHub cannot be reached', null)

export function person(id: number, login: string, type = 'User'): Person {
  return { id, login, type }
}
