// Turns the events of a run into the list of a replay page, one entry a command, as they pass. Bounded in entries and in size.
import { html, htmlLink } from './html.ts'
import { isMembers, listOf, numberOf, textOf } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import { Tally } from './tally.ts'

const MAX_PAGE_COMMANDS = 20_000
/** Characters of HTML; what comes after them is only in the log. */
const MAX_PAGE_CHARS = 24 * 1024 * 1024
const MAX_TEXT_CHARS = 20_000
const MAX_SESSIONS = 1000
/** What a masked cell says of itself, until it is known by which rule. */
export const MASKED_TITLE = ' title="masked"'
/** What stands in the place of masked values, whichever way they are masked. */
const MASKED = /\[redacted\]|\*{8}|\*{3}@|•••/

export interface PageEntry {
  readonly number: number
  readonly session: string
  readonly connection: string
  readonly at: string
  readonly ms: number
  readonly text: string
  outcome: 'allow' | 'ask' | 'deny' | ''
  /** What people said of an `ask`; empty = nothing yet. */
  verdict: string
  rule: string
  /** HTML of what came after the command. */
  more: string
  /** When people were asked, and when the last answer came; null = they were not, or there was none. */
  askedMs: number | null
  answeredMs: number | null
  /** Rules that masked something of its answer. */
  readonly maskRules: Set<string>
  /** Terminals that it opened: names of their files. */
  readonly terminals: string[]
}

export class PageStory {
  readonly tally = new Tally()
  readonly sessions = new Map<string, string>()
  /** Connections that speak SQL. */
  readonly sqlConnections = new Set<string>()
  readonly entries: PageEntry[] = []
  /** HTML of errors that belong to no command. */
  readonly others: string[] = []
  opening: StoredEvent | null = null
  closing: StoredEvent | null = null
  lastMs = 0
  readonly #byNumber = new Map<number, PageEntry>()
  #chars = 0

  add(event: StoredEvent): void {
    this.lastMs = event.ms
    if (event.kind === 'run.open') this.opening ??= event
    if (event.kind === 'run.close') this.closing = event
    else this.tally.count(event)
    if (event.kind === 'session.open' && this.sessions.size < MAX_SESSIONS)
      this.sessions.set(event.session ?? '', `${textOf(event['connection'])} as ${textOf(event['user'])}, ${textOf(event['client'])}`)
    if (event.kind === 'session.open' && event['protocol'] === 'postgres') this.sqlConnections.add(textOf(event['connection']))
    if (event.kind === 'command') this.#open(event)
    else this.#follow(event)
  }

  #open(event: StoredEvent): void {
    if (this.entries.length >= MAX_PAGE_COMMANDS || this.#chars > MAX_PAGE_CHARS) return
    const values = listOf(event['values']).map((value, index) => `$${index + 1} = ${value === null ? 'NULL' : textOf(value)}`)
    const doubt = textOf(event['doubt'])
    const entry: PageEntry = {
      number: numberOf(event['command']),
      session: event.session ?? '',
      connection: textOf(event['connection']),
      at: event.at,
      ms: event.ms,
      text: cut(textOf(event['text'])),
      outcome: '',
      verdict: '',
      rule: '',
      askedMs: null,
      answeredMs: null,
      maskRules: new Set(),
      terminals: [],
      more:
        (values.length === 0 ? '' : note(cut(values.join(', ')))) + (doubt === '' ? '' : note(`${textOf(event['certainty'])}: ${doubt}`)),
    }
    this.#chars += entry.text.length + entry.more.length
    this.entries.push(entry)
    this.#byNumber.set(entry.number, entry)
  }

  #follow(event: StoredEvent): void {
    const entry = this.#byNumber.get(numberOf(event['command']))
    if (entry === undefined) {
      if (event.kind === 'error' && event['command'] === null && this.others.length < MAX_SESSIONS) this.others.push(failure(event))
      return
    }
    if (event.kind === 'decision') {
      const { outcome } = event
      if (outcome === 'allow' || outcome === 'ask' || outcome === 'deny') entry.outcome = outcome
      entry.rule = textOf(event['rule'])
    }
    if (event.kind === 'mask') entry.maskRules.add(textOf(event['rule']))
    if (event.kind === 'ask') entry.askedMs ??= event.ms
    if (event.kind === 'answer' && event['outcome'] !== 'refused') {
      entry.answeredMs = event.ms
      entry.verdict = textOf(event['outcome'])
    }
    if (event.kind === 'file' && event['operation'] === 'terminal-open') entry.terminals.push(textOf(event['path']))
    if (this.#chars > MAX_PAGE_CHARS) return
    const more = afterwards(event)
    this.#chars += more.length
    entry.more += more
  }
}

function afterwards(event: StoredEvent): string {
  switch (event.kind) {
    case 'decision': {
      const because = textOf(event['because'])
      return because === '' ? '' : note(because)
    }
    case 'ask':
      return `<p class="ask">Asked ${html(textOf(event['approvers']))} in ${htmlLink(textOf(event['where']), textOf(event['code']))}, until ${html(textOf(event['until']))}</p>`
    case 'answer':
      return answer(event)
    case 'rows':
      return table(event)
    case 'mask':
      return note(`masked: ${textOf(event['column']) || 'text'} by rule ${textOf(event['rule'])}, ${numberOf(event['values'])} values`)
    case 'file':
      if (event['operation'] === 'terminal-truncated') return note('The recording of this terminal ends here: it was too long')
      if (/^terminal(?:-open)?$/.test(textOf(event['operation']))) return ''
      return note(`${textOf(event['operation'])} ${textOf(event['path'])}, ${numberOf(event['bytes'])} bytes`)
    case 'result':
      return note(`${textOf(event['tag'])} · ${numberOf(event['durationMs']).toFixed(1)} ms`)
    case 'error':
      return failure(event)
    default:
      return ''
  }
}

function answer(event: StoredEvent): string {
  const by = listOf(event['by'])
    .filter(isMembers)
    .map(person => `${htmlLink(textOf(person['evidence']), textOf(person['login']))} at ${html(textOf(person['at']))}`)
  const reason = textOf(event['reason'])
  const outcome = textOf(event['outcome'])
  return `<p class="answer ${answerClasses[outcome] ?? ''}"><b>${answerMarks[outcome] ?? '·'} ${html(outcome)}</b>${by.length === 0 ? '' : ` by ${by.join(', ')}`}${reason === '' ? '' : `: ${html(reason)}`}</p>`
}

const answerClasses: Readonly<Record<string, string>> = { approved: 'good', rejected: 'bad', expired: 'bad' }
const answerMarks: Readonly<Record<string, string>> = { approved: '✓', rejected: '✗', expired: '✗' }

function table(event: StoredEvent): string {
  const head = listOf(event['columns']).map(column => `<th scope="col">${html(textOf(column))}</th>`)
  const rows = listOf(event['rows']).map(row => `<tr>${listOf(row).map(cell).join('')}</tr>`)
  const omitted = numberOf(event['omitted'])
  const more = omitted > 0 ? note(`${omitted} more rows were not kept`) : ''
  return `<div class="rows" tabindex="0" role="group" aria-label="Rows"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>${more}`
}

function cell(value: unknown): string {
  if (typeof value !== 'string') return '<td class="null">NULL</td>'
  return `<td${MASKED.test(value) ? ` class="masked"${MASKED_TITLE}` : ''}>${html(cut(value))}</td>`
}

function failure(event: StoredEvent): string {
  return `<p class="error">Error ${html(textOf(event['code']))}: ${html(cut(textOf(event['message'])))}</p>`
}

function note(text: string): string {
  return `<p class="note">${html(text)}</p>`
}

function cut(text: string): string {
  return text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}… (${text.length} characters, the rest is in the log)` : text
}
