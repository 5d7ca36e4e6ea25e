// What a person types at a terminal, as a recording may keep it: whole lines, masked, and only what the target showed while it was typed.
// A password prompt shows nothing: its answer is kept as HIDDEN, whatever its length. An aid for auditors, not a boundary.
import type { TextMask } from '../../core/masker.ts'

export const HIDDEN = '⟦not shown⟧'

const MAX_LINE_CHARACTERS = 1_024
const MAX_SHOWN_CHARACTERS = 16_384
/** After a line's end its echo is waited for this long. */
const ECHO_MS = 500
// oxlint-disable-next-line no-control-regex -- keys and escape sequences of terminals
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|O[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[ -~])/g
// oxlint-disable-next-line no-control-regex -- a line's end, interrupt, end of file, quit, suspend
const LINE_END = /[\r\n\u0003\u0004\u001A\u001C]/
// oxlint-disable-next-line no-control-regex -- every key that is no character
const KEYS = /[\u0000-\u001F\u007F]+/

interface TypedLine {
  text: string
  /** Output since its first key. */
  shown: string
}

export class TypedInput {
  readonly #mask: TextMask | null
  readonly #keep: (text: string) => void
  readonly #failed: (error: unknown) => void
  readonly #typed = new TextDecoder()
  readonly #shown = new TextDecoder()
  #line: TypedLine | null = null
  /** A line that has ended; its echo may still come, up to the next line end that is shown. */
  #ended: TypedLine | null = null
  #timer: NodeJS.Timeout | null = null

  /** @param failed hears what `keep` throws while no caller waits. */
  constructor(mask: TextMask | null, keep: (text: string) => void, failed: (error: unknown) => void) {
    this.#mask = mask
    this.#keep = keep
    this.#failed = failed
  }

  typed(bytes: Buffer): void {
    for (const key of this.#typed.decode(bytes, { stream: true })) {
      if (this.#line === null) this.#settle()
      this.#line ??= { text: '', shown: '' }
      this.#line.text += key
      if (LINE_END.test(key)) this.#endLine()
      else if (this.#line.text.length >= MAX_LINE_CHARACTERS) {
        this.#write(this.#line)
        this.#line = null
      }
    }
  }

  shown(bytes: Buffer): void {
    const text = this.#shown.decode(bytes, { stream: true })
    if (this.#line !== null) this.#line.shown = (this.#line.shown + text).slice(-MAX_SHOWN_CHARACTERS)
    if (this.#ended === null) return
    // What comes after the line's own end is no echo of it: a program may well repeat a password.
    const end = text.indexOf('\n')
    this.#ended.shown = (this.#ended.shown + (end === -1 ? text : text.slice(0, end))).slice(-MAX_SHOWN_CHARACTERS)
    if (end !== -1) this.#settle()
  }

  /** The terminal ends. */
  end(): void {
    this.#settle()
    if (this.#line !== null) this.#write(this.#line)
    this.#line = null
  }

  #endLine(): void {
    this.#settle()
    const line = this.#line
    this.#line = null
    if (line === null) return
    this.#ended = line
    this.#timer = setTimeout(() => {
      try {
        this.#settle()
      } catch (error) {
        this.#failed(error)
      }
    }, ECHO_MS).unref()
  }

  #settle(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const line = this.#ended
    this.#ended = null
    if (line !== null) this.#write(line)
  }

  #write({ text, shown }: TypedLine): void {
    const end = LINE_END.test(text.at(-1) ?? '') ? text.slice(-1) : ''
    const keys = text.slice(0, text.length - end.length)
    if (!isShown(keys, shown)) this.#keep(HIDDEN + end)
    else {
      const line = edited(keys)
      const covered = this.#mask?.apply(line)
      this.#keep((covered === undefined || covered.found.size === 0 ? keys : covered.text) + end)
    }
  }
}

/** Whether each run of characters stands in what was shown, in order; breaks of long lines do not count. */
function isShown(keys: string, shown: string): boolean {
  const seen = withoutBlanks(shown.replaceAll(ESCAPES, ''))
  let from = 0
  for (const run of keys.replaceAll(ESCAPES, '\u0000').split(KEYS)) {
    const wanted = withoutBlanks(run)
    const at = seen.indexOf(wanted, from)
    if (at === -1) return false
    from = at + wanted.length
  }
  return true
}

function withoutBlanks(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters of the output
  return text.replaceAll(/[\s\u0000-\u001F\u007F]+/g, '')
}

/** The line as it stands after its backspaces, for the patterns of masks. */
function edited(keys: string): string {
  const line: string[] = []
  for (const key of keys.replaceAll(ESCAPES, '')) {
    if (key === '\u007F' || key === '\b') line.pop()
    else if (key === '\u0015') line.length = 0
    else if (key >= ' ') line.push(key)
  }
  return line.join('')
}
