// The terminals of a page: as text for whoever has no scripts, and as they were recorded for the player.
import { readCast, resizeOf } from '../terminal/cast.ts'
import type { Cast } from '../terminal/cast.ts'
import { terminalText } from '../terminal/terminal-text.ts'
import { html } from './html.ts'
import { AGE_SUFFIX } from './layout.ts'
import { castPart, packed } from './page-parts.ts'
import { readWhole } from './recording-source.ts'
import type { RecordingSource } from './recording-source.ts'

/** Bytes of one terminal, and of all: what is larger is not put into the page, and the page says so. */
const MAX_CAST_BYTES = 4 * 1024 * 1024
const MAX_CASTS_BYTES = 8 * 1024 * 1024
/** What a container says of a size need not be true. */
const MAX_STORED_BYTES = 64 * 1024 * 1024
const MAX_TEXT_LINES = 2000
const MAX_TEXT_CHARS = 256 * 1024
/** Characters of output that are gone through for the text; a run that is cancelled has no time for more. */
const MAX_TOLD_CHARS = 1024 * 1024
/** Cells of screens that all terminals of a page may touch for their texts; a MiB of output on a large screen is half of it. */
const MAX_TOUCHED = 24 * 1024 * 1024

/** What a terminal's file says, given what it holds; null when it cannot be opened. */
export type CastOpener = (name: string, stored: Buffer) => Buffer | null

export interface PageTerminal {
  /** For its command. */
  readonly html: string
  /** For the end of the page; empty when the page does not carry it. */
  readonly part: string
}

export class PageTerminals {
  readonly #source: Pick<RecordingSource, 'read' | 'names' | 'sizeOf'>
  readonly #open: CastOpener
  #left = MAX_CASTS_BYTES
  #touchable = MAX_TOUCHED

  constructor(source: Pick<RecordingSource, 'read' | 'names' | 'sizeOf'>, open: CastOpener) {
    this.#source = source
    this.#open = open
  }

  /** @param name of the file, as the log says it. */
  async read(name: string): Promise<PageTerminal> {
    if (!this.#source.names.includes(name) || this.#source.sizeOf(name) > 2 * MAX_CAST_BYTES) return absent(name)
    const plain = this.#open(name, await readWhole(this.#source, name, MAX_STORED_BYTES))
    if (plain !== null && plain.length > Math.min(MAX_CAST_BYTES, this.#left)) return absent(name)
    const cast = plain === null ? null : readCast(plain.toString('utf8'))
    if (plain === null || cast === null) return bare(`${name} cannot be read.`)
    this.#left -= plain.length
    const isSealed = name.endsWith(AGE_SUFFIX)
    return { html: this.#section(name, cast), part: castPart(name, isSealed, await packed([plain])) }
  }

  #section(name: string, cast: Cast): string {
    const told = tailOf(this.#touchable > 0 ? cast : { ...cast, size: { columns: 1, rows: 1 }, events: [] })
    const { lines, omitted, touched, isStopped } = terminalText(told, MAX_TEXT_LINES, this.#touchable)
    this.#touchable = Math.max(0, this.#touchable - touched)
    const text = lines.join('\n').slice(-MAX_TEXT_CHARS)
    const seconds = cast.events.at(-1)?.seconds ?? 0
    const about = `${cast.size.columns} × ${cast.size.rows}, ${seconds.toFixed(1)} s`
    const isCut = omitted > 0 || told.events.length < cast.events.length
    const before = isCut ? '<p class="note">What came before these lines is in the recording.</p>' : ''
    const after = isStopped ? '<p class="note">What came after these lines is in the recording.</p>' : ''
    return `<section class="terminal" data-cast="${html(name)}" aria-label="Terminal"><p class="note">Terminal, ${about}</p><details><summary>Text of the terminal</summary>${before}<pre tabindex="0">${html(text)}</pre>${after}</details></section>`
  }
}

/** The last of it, with the size that it had by then. */
function tailOf(cast: Cast): Cast {
  let chars = 0
  const before = cast.events.findLastIndex(({ text }) => (chars += text.length) > MAX_TOLD_CHARS)
  if (before < 0) return cast
  const size = cast.events
    .slice(0, before)
    .map(resizeOf)
    .findLast(resized => resized !== null)
  return { ...cast, size: size ?? cast.size, events: cast.events.slice(before + 1) }
}

/** The same words for both reasons: a page must be the same when it is made of what is inside it. */
function absent(name: string): PageTerminal {
  return bare(
    `${name} is not inside this page: it is too long for one, or the run ended before it was shipped. From the recording, sallyport replay --format cast plays it.`,
  )
}

function bare(why: string): PageTerminal {
  return { html: `<p class="note">Terminal: ${html(why)}</p>`, part: '' }
}
