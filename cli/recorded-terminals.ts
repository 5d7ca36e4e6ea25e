// The terminals of a recording: which there are, which one is meant, and what they hold, opened where they are sealed.
import { SallyportError } from '../gateway/core/errors.ts'
import { visible } from '../gateway/core/visible-text.ts'
import { decryptAgeSoFar } from '../gateway/record/age/age-file.ts'
import type { AgeIdentity } from '../gateway/record/age/age-keys.ts'
import { AGE_SUFFIX, SESSIONS_FOLDER } from '../gateway/record/layout.ts'
import { readWhole } from '../gateway/record/recording-source.ts'
import type { RecordingSource } from '../gateway/record/recording-source.ts'
import { tailOf, withTail } from '../gateway/record/terminal-tail.ts'
import { readCast } from '../gateway/terminal/cast.ts'
import { terminalText } from '../gateway/terminal/terminal-text.ts'

const MAX_TEXT_LINES = 10_000
/** What is recorded of one terminal stays below it: 80 Mi characters, at most three bytes each. */
const MAX_CAST_BYTES = 256 * 1024 * 1024
const MAX_TAIL_BYTES = 1024 * 1024
/** Cells of its screen that a terminal may touch to be told: seconds of work, for what no program does. */
const MAX_TOUCHED = 512 * 1024 * 1024

export interface RecordedCast {
  /** asciicast v2. */
  readonly text: string
  /** False when it was cut off by the death of its gateway. */
  readonly isWhole: boolean
}

export class RecordedTerminals {
  readonly #source: RecordingSource
  readonly #identities: readonly AgeIdentity[] | null
  readonly #names: readonly string[]

  constructor(source: RecordingSource, identities: readonly AgeIdentity[] | null) {
    this.#source = source
    this.#identities = identities
    this.#names = source.names.filter(name => name.startsWith(`${SESSIONS_FOLDER}/`))
  }

  /**
   * The one to be shown; null when there is none to choose, and the events are the terminal.
   * @param session id of a session, or a terminal's own name (`ID-COMMAND`). @param say gets a hint at what else there is.
   * @throws {SallyportError} USAGE when there are several and none was named.
   */
  choose(session: string | undefined, say: (words: string) => void): string | null {
    const ids = this.#names.map(idOf)
    const at = session === undefined ? 0 : ids.indexOf(session)
    const name = this.#names[at]
    if (name === undefined) return null
    if (session === undefined && ids.length > 1)
      throw new SallyportError('USAGE', `the recording has ${ids.length} terminals`, {
        fix: `name one with --session: ${ids.slice(0, 20).join(', ')}${ids.length > 20 ? ', …' : ''}`,
      })
    const others = session === undefined ? [] : ids.filter(id => id.startsWith(`${session}-`))
    if (session === undefined) say(`this is the terminal of session ${idOf(name)}; --format text shows the other commands too`)
    else if (others.length > 0) say(`the session has other terminals: --session ${others.join(', --session ')}`)
    return name
  }

  /** @throws {SallyportError} UNREADABLE when it is sealed to others, or is no asciicast. */
  async read(name: string): Promise<RecordedCast> {
    const stored = await readWhole(this.#source, name, MAX_CAST_BYTES)
    const opened = name.endsWith(AGE_SUFFIX)
      ? decryptAgeSoFar(stored, this.#identities ?? [])
      : { content: stored, isWhole: stored.at(-1) === 10 }
    if (opened === null)
      throw new SallyportError('UNREADABLE', `${name} cannot be opened with this identity`, { fix: 'give the key file of an auditor' })
    const tail = tailOf(name)
    const isTailed = !opened.isWhole && this.#source.form === 'folder' && this.#source.others.includes(tail)
    const content = isTailed
      ? withTail(opened.content, await readWhole(this.#source, tail, MAX_TAIL_BYTES), this.#identities ?? [])
      : opened.content
    return { text: content.toString('utf8'), isWhole: opened.isWhole }
  }

  /** What stood in it, each line marked as its own: nothing of it can look like a line of ours, or obey itself. */
  async text(name: string): Promise<string> {
    if (!this.#names.includes(name)) return '  │ (it is not in this copy of the recording)\n'
    const cast = readCast((await this.read(name)).text)
    if (cast === null) return '  │ (it cannot be read)\n'
    const { lines, omitted, isStopped } = terminalText(cast, MAX_TEXT_LINES, MAX_TOUCHED)
    const before = omitted === 0 ? '' : `  │ (${omitted} lines before these)\n`
    const after = isStopped ? '  │ (more is left out: --format cast plays it)\n' : ''
    return before + lines.map(line => `  │ ${visible(line)}\n`).join('') + after
  }
}

/** `ID` or `ID-COMMAND` of `sessions/ID.cast`. */
function idOf(name: string): string {
  return name.slice(SESSIONS_FOLDER.length + 1).replace(/\.cast(?:\.age)?$/, '')
}
