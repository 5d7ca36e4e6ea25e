// A terminal session as text: every line that stood on its screen, in order, and what stands there at the end. No escape sequence in it.
import { resizeOf } from './cast.ts'
import type { Cast } from './cast.ts'
import { Emulator } from './emulator.ts'
import { lineText } from './grid.ts'
import type { Line } from './grid.ts'

export interface TerminalText {
  readonly lines: readonly string[]
  /** Lines before these that are left out. */
  readonly omitted: number
  /** Cells that were touched for it. */
  readonly touched: number
  /** True when it ends before the session does: more would have cost too much. */
  readonly isStopped: boolean
}

/** A few bytes may ask a screen for a million cells, so what is written is looked at in pieces. */
const PIECE_CHARS = 64

/** @param maxLines the last so many are kept. @param maxTouched cells that may be touched, so that no program can keep its reader busy for hours. */
export function terminalText({ size, events }: Cast, maxLines: number, maxTouched = Number.POSITIVE_INFINITY): TerminalText {
  const lines = new TextLines(maxLines)
  let told = 0
  const emulator = new Emulator(size, line => {
    told += line.cells.length
    lines.add(line)
  })
  const touched = (): number => told + emulator.screen.touched
  const isStopped = !events.every(event => {
    const resized = resizeOf(event)
    if (resized !== null) emulator.resize(resized)
    else if (event.kind === 'o')
      for (let at = 0; at < event.text.length && touched() <= maxTouched; at += PIECE_CHARS)
        emulator.write(event.text.slice(at, at + PIECE_CHARS))
    return touched() <= maxTouched
  })
  for (const line of emulator.screen.lines) lines.add(line)
  return { ...lines.done(), touched: touched(), isStopped }
}

/** Puts lines together that the screen was too narrow for. */
class TextLines {
  readonly #max: number
  #lines: string[] = []
  #omitted = 0
  #open = ''

  constructor(max: number) {
    this.#max = max
  }

  add(line: Line): void {
    // A line that goes on in the next one is full to its end: blanks there are part of the text.
    if (line.isWrapped) {
      this.#open += line.cells.map(cell => cell ?? ' ').join('')
      return
    }
    this.#lines.push(this.#open + lineText(line))
    this.#open = ''
    if (this.#lines.length < 2 * this.#max) return
    this.#omitted += this.#lines.length - this.#max
    this.#lines = this.#lines.slice(-this.#max)
  }

  done(): Pick<TerminalText, 'lines' | 'omitted'> {
    if (this.#open !== '') this.#lines.push(this.#open.trimEnd())
    while (this.#lines.at(-1) === '') this.#lines.pop()
    const over = Math.max(0, this.#lines.length - this.#max)
    return { lines: this.#lines.slice(over), omitted: this.#omitted + over }
  }
}
