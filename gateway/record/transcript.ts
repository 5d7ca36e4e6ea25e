// Tells a recording as its clients saw it: a prompt, the command, the answer. Hostile text is made visible, never obeyed.
import { visible } from '../core/visible-text.ts'
import { isMembers, listOf, numberOf, textOf } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import { textTable } from './text-table.ts'

interface Told {
  readonly connection: string
  readonly protocol: string
}

export class Transcript {
  readonly #sessions = new Map<string, Told>()
  #session: string | null = null
  #command = 0

  /** What this event adds, with its line ends; empty when it adds nothing to see. */
  tell(event: StoredEvent): string {
    const told = this.#words(event)
    if (told === '' || event.session === null || event.session === this.#session) return told
    const isFirst = this.#session === null
    this.#session = event.session
    return event.kind === 'session.open' || isFirst ? told : `\n-- session ${shown(event.session)}\n${told}`
  }

  #words(event: StoredEvent): string {
    switch (event.kind) {
      case 'run.open':
        return `-- recorded from ${shown(event.at)}${about(event['run'])}\n-- identity ${said(event['identity'], 'subject')}\n-- policy ${said(event['policy'], 'digest')} ${said(event['policy'], 'source')}\n`
      case 'session.open':
        return this.#open(event)
      case 'command':
        this.#command = numberOf(event['command'])
        return this.#prompt(event)
      case 'decision':
        return decided(event)
      case 'ask':
        return `NOTICE:  sallyport: waiting for approval ${shown(event['code'])} (${shown(event['approvers'])}) until ${shown(event['until'])}\nHINT:  ${shown(event['where'])}\n`
      case 'answer':
        return answered(event)
      case 'rows':
        return this.#naming(event) + kept(event)
      case 'result':
        return `${this.#naming(event)}${event['tag'] === 'SELECT 0' ? '(0 rows)\n' : ''}${shown(event['tag'])}\nTime: ${numberOf(event['durationMs']).toFixed(3)} ms\n`
      case 'mask':
        return `-- masked: ${shown(event['column']) || 'text'} by rule ${shown(event['rule'])}, ${numberOf(event['values'])} values\n`
      case 'file':
        return (
          terminalSaid(event) ??
          `${this.#naming(event)}-- ${shown(event['operation'])} ${shown(event['path'])}, ${numberOf(event['bytes'])} bytes\n`
        )
      case 'error':
        return `${this.#naming(event)}ERROR:  ${shown(event['code'])}: ${shown(event['message'])}\n`
      case 'session.close':
        return `-- session ${shown(event.session)} closed: ${shown(event['reason'])}, ${numberOf(event['commands'])} commands\n`
      case 'run.close':
        return `-- closed at ${shown(event.at)}: ${shown(event['reason'])}\n`
      default:
        return `-- ${shown(event.kind)}\n`
    }
  }

  #open(event: StoredEvent): string {
    const told = { connection: shown(event['connection']), protocol: textOf(event['protocol']) }
    this.#sessions.set(event.session ?? '', told)
    const client = shown(event['client']) || 'a client that gave no name'
    const lifted = Array.isArray(event['lifted'])
      ? `\n-- plain values: the masks ${event['lifted'].map(shown).join(', ')} do not hold for this identity`
      : ''
    return `\n-- session ${shown(event.session)}: ${told.connection} (${shown(told.protocol)}) as ${shown(event['user'])}, ${client}${lifted}\n`
  }

  #prompt(event: StoredEvent): string {
    const connection = shown(event['connection'])
    const text = visible(textOf(event['text']))
    switch (this.#sessions.get(event.session ?? '')?.protocol ?? 'postgres') {
      case 'ssh':
        return `${connection}$ ${text.replaceAll('\n', '\n> ')}\n`
      case 'kubernetes':
        return `${connection}: ${text.replaceAll('\n', '\n> ')}\n`
      default: {
        const values = listOf(event['values']).map((value, index) => `$${index + 1} = ${value === null ? 'NULL' : `'${shown(value)}'`}`)
        const bound = values.length === 0 ? '' : `-- ${values.join(', ')}\n`
        return `${connection}=> ${text.replaceAll('\n', `\n${connection}-> `)}\n${bound}`
      }
    }
  }

  /** Answers may come after the next command was sent; then they say which one they belong to. */
  #naming(event: StoredEvent): string {
    const command = event['command']
    return typeof command === 'number' && command !== this.#command ? `-- of command ${command}\n` : ''
  }
}

/** null = another file than a terminal's. What stood in it is told by whoever has its recording. */
function terminalSaid(event: StoredEvent): string | null {
  switch (event['operation']) {
    case 'terminal-open':
      return `-- terminal ${shown(event['path'])}\n`
    case 'terminal-truncated':
      return `-- the recording of ${shown(event['path'])} ends here: it was too long\n`
    case 'terminal':
      return `-- terminal ${shown(event['path'])} closed, ${numberOf(event['bytes'])} bytes${numberOf(event['omitted']) > 0 ? `, ${numberOf(event['omitted'])} more not kept` : ''}\n`
    default:
      return null
  }
}

function decided(event: StoredEvent): string {
  const because = textOf(event['because']) === '' ? '' : `: ${shown(event['because'])}`
  switch (event['outcome']) {
    case 'deny':
      return `ERROR:  sallyport: denied by rule ${shown(event['rule'])}${because}\n`
    case 'ask':
      return `NOTICE:  sallyport: held by rule ${shown(event['rule'])}${because}\n`
    default:
      return ''
  }
}

function answered(event: StoredEvent): string {
  const people = listOf(event['by']).filter(isMembers)
  const by = people.map(person => `${shown(person['login'])} at ${shown(person['at'])} ${shown(person['evidence'])}`).join(', ')
  const reason = textOf(event['reason']) === '' ? '' : `: ${shown(event['reason'])}`
  const outcome = shown(event['outcome'])
  const level = outcome === 'approved' || outcome === 'refused' ? 'NOTICE' : 'ERROR'
  return `${level}:  sallyport: ${outcome}${by === '' ? '' : ` by ${by}`}${reason}\n`
}

function kept(event: StoredEvent): string {
  const columns = listOf(event['columns']).map(textOf)
  const rows = listOf(event['rows']).map(row => listOf(row).map(cell => (typeof cell === 'string' ? cell : null)))
  const omitted = numberOf(event['omitted'])
  const more = omitted > 0 ? `, ${omitted} more not kept` : ''
  return `${textTable(columns, rows)}(${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${more})\n`
}

function about(run: unknown): string {
  const repository = said(run, 'repository')
  return repository === '' ? '' : `, ${repository}`
}

function said(value: unknown, name: string): string {
  return isMembers(value) ? shown(value[name]) : ''
}

/** On one line: a line feed in a text must not start a line that looks like ours. */
function shown(value: unknown): string {
  return visible(textOf(value)).replaceAll('\n', '↵')
}
