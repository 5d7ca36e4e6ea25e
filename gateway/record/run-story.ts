// The few facts of a run that people look at first, gathered as its events pass. Bounded, however long the run was.
import type { RunCounts } from '../core/events.ts'
import { isMembers, listOf, numberOf, textOf } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import { Tally } from './tally.ts'

const MAX_COMMANDS = 50
const MAX_ANSWERS = 50
const MAX_UNDECIDED = 1000
const MAX_WARNINGS = 20
/** SQLSTATE of a warning: an event of it says what is weaker than it could be, and nothing failed. */
const WARNING = '01000'
/** Of a command's text; a story is kept in memory while its run goes on. */
const MAX_TEXT_CHARS = 2000

export interface StoryCommand {
  readonly number: number
  readonly at: string
  readonly connection: string
  /** At most its first 2,000 characters. */
  readonly text: string
  /** How long it is as recorded. */
  readonly chars: number
  outcome: string
  rule: string
  because: string
  tag: string
}

export interface StoryAnswer {
  readonly command: number
  readonly code: string
  readonly outcome: string
  /** Who and when and where, one entry a person. */
  readonly by: readonly string[]
  readonly reason: string
}

export class RunStory {
  readonly #tally = new Tally()
  readonly #commands = new Map<number, StoryCommand>()
  readonly #blocked = new Map<number, StoryCommand>()
  readonly #answers: StoryAnswer[] = []
  /** Commands whose decision has not passed yet; it follows within the same message. */
  readonly #undecided = new Map<number, StoryCommand>()
  readonly #warnings = new Set<string>()
  #answerCount = 0
  #identity: unknown = null
  #policy = ''
  #isClosed = false

  add(event: StoredEvent): void {
    if (event.kind !== 'run.close') this.#tally.count(event)
    switch (event.kind) {
      case 'run.open':
        this.#identity = event['identity'] ?? null
        this.#policy = isMembers(event['policy']) ? `${textOf(event['policy']['digest'])} ${textOf(event['policy']['source'])}` : ''
        break
      case 'command':
        this.#open(event)
        break
      case 'decision':
        this.#decide(event)
        break
      case 'answer':
        this.#answer(event)
        break
      case 'result': {
        const command = this.#commands.get(numberOf(event['command']))
        if (command !== undefined) command.tag = textOf(event['tag'])
        break
      }
      case 'error':
        if (event['code'] === WARNING && this.#warnings.size < MAX_WARNINGS)
          this.#warnings.add(textOf(event['message']).slice(0, MAX_TEXT_CHARS))
        break
      case 'run.close':
        this.#isClosed = true
        break
      default:
    }
  }

  get counts(): RunCounts {
    return this.#tally.counts()
  }

  /** The first commands of the run. */
  get commands(): readonly StoryCommand[] {
    return [...this.#commands.values()]
  }

  /** The first commands that a rule denied. */
  get blocked(): readonly StoryCommand[] {
    return [...this.#blocked.values()]
  }

  get answers(): readonly StoryAnswer[] {
    return this.#answers
  }

  get answerCount(): number {
    return this.#answerCount
  }

  /** What sessions found weaker than it could be, each once. */
  get warnings(): readonly string[] {
    return [...this.#warnings]
  }

  get identity(): unknown {
    return this.#identity
  }

  get policy(): string {
    return this.#policy
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  #open(event: StoredEvent): void {
    const text = textOf(event['text'])
    const command = {
      number: numberOf(event['command']),
      at: event.at.replaceAll(/[^0-9TZ:.+-]/g, ''),
      connection: textOf(event['connection']),
      text: text.slice(0, MAX_TEXT_CHARS),
      chars: text.length,
      outcome: 'not decided',
      rule: '',
      because: '',
      tag: '',
    }
    if (this.#undecided.size < MAX_UNDECIDED) this.#undecided.set(command.number, command)
    if (this.#commands.size < MAX_COMMANDS) this.#commands.set(command.number, command)
  }

  #decide(event: StoredEvent): void {
    const number = numberOf(event['command'])
    const command = this.#undecided.get(number)
    if (command === undefined) return
    this.#undecided.delete(number)
    command.outcome = outcomes[textOf(event['outcome'])] ?? 'not decided'
    command.rule = textOf(event['rule'])
    command.because = textOf(event['because'])
    if (event['outcome'] === 'deny' && this.#blocked.size < MAX_COMMANDS) this.#blocked.set(number, command)
  }

  #answer(event: StoredEvent): void {
    this.#answerCount += 1
    if (this.#answers.length >= MAX_ANSWERS) return
    const people = listOf(event['by']).filter(isMembers)
    this.#answers.push({
      command: numberOf(event['command']),
      code: textOf(event['code']),
      outcome: textOf(event['outcome']),
      by: people.map(person => `by ${textOf(person['login'])} at ${textOf(person['at'])} ${textOf(person['evidence'])}`),
      reason: textOf(event['reason']),
    })
  }
}

/** Our own words for a decision, so that nothing of an event stands outside a fence. */
const outcomes: Readonly<Record<string, string>> = { allow: 'allowed', deny: 'blocked', ask: 'asked' }
