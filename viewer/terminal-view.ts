// Draws a terminal's screen: a line for each row, a piece for each style. Styles are set on the elements one by one: the page's policy
// allows no others.
import { cellColours, darkTheme, lightTheme } from '../gateway/terminal/colours.ts'
import type { Theme } from '../gateway/terminal/colours.ts'
import type { Emulator } from '../gateway/terminal/emulator.ts'
import { lineRuns } from '../gateway/terminal/grid.ts'
import type { Line, Run } from '../gateway/terminal/grid.ts'

const MAX_FONT_PX = 15
const MIN_FONT_PX = 5
const PROBE_PX = 100

export class TerminalView {
  readonly element = document.createElement('div')
  readonly #rows: HTMLElement[] = []
  /** What each row shows, so that only what changed is drawn. */
  readonly #drawn: string[] = []
  readonly #cursor = document.createElement('div')
  readonly #dark = matchMedia('(prefers-color-scheme: dark)')
  #columns = 0
  #shown: Emulator['screen'] | null = null

  constructor() {
    this.element.className = 'screen'
    this.element.tabIndex = 0
    this.element.setAttribute('role', 'img')
    this.element.setAttribute('aria-label', 'Terminal screen')
    this.#cursor.className = 'cursor'
    this.element.append(this.#cursor)
    this.#dark.addEventListener('change', () => this.#redraw())
    new ResizeObserver(() => this.#fit()).observe(this.element)
  }

  draw(screen: Emulator['screen']): void {
    this.#shown = screen
    if (this.#rows.length !== screen.rows || this.#columns !== screen.columns) this.#resize(screen)
    for (const [at, line] of screen.lines.entries()) this.#drawLine(at, line)
    const { cursor } = screen
    this.#cursor.hidden = cursor === null
    this.#cursor.style.left = `${cursor?.x ?? 0}ch`
    this.#cursor.style.top = `${(cursor?.y ?? 0) * 1.2}em`
  }

  get #theme(): Theme {
    return this.#dark.matches ? darkTheme : lightTheme
  }

  #redraw(): void {
    this.#drawn.fill('')
    if (this.#shown !== null) this.draw(this.#shown)
  }

  #resize({ columns, rows }: Emulator['screen']): void {
    this.#columns = columns
    while (this.#rows.length > rows) this.#rows.pop()?.remove()
    while (this.#rows.length < rows) {
      const row = document.createElement('div')
      row.className = 'line'
      this.#rows.push(row)
      this.element.append(row)
    }
    this.#drawn.length = rows
    this.#drawn.fill('')
    this.#fit()
  }

  /** As large as it may be for the whole width to be seen. */
  #fit(): void {
    if (this.#columns === 0) return
    const probe = document.createElement('span')
    probe.className = 'probe'
    probe.style.fontSize = `${PROBE_PX}px`
    probe.textContent = 'm'
    this.element.append(probe)
    const ratio = probe.getBoundingClientRect().width / PROBE_PX || 0.6
    probe.remove()
    const { paddingLeft, paddingRight } = getComputedStyle(this.element)
    const width = this.element.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight)
    const size = Math.min(MAX_FONT_PX, Math.max(MIN_FONT_PX, Math.floor((width / this.#columns / ratio) * 20) / 20))
    this.element.style.fontSize = `${size}px`
  }

  #drawLine(at: number, line: Line): void {
    const runs = lineRuns(line)
    const key = runs.map(run => `${run.text}\u0000${Object.values(run.style).join()}`).join('\u0001')
    const row = this.#rows[at]
    if (row === undefined || this.#drawn[at] === key) return
    this.#drawn[at] = key
    row.replaceChildren(...runs.map(run => this.#piece(run)))
  }

  #piece({ text, style, isWide }: Run): Node {
    const { fg, bg } = cellColours(style, this.#theme)
    const isPlain = style.fg === null && bg === null && !style.bold && !style.dim && !style.italic && !style.underline && !style.strike
    if (isPlain && !isWide && !style.hidden && !style.inverse) return document.createTextNode(text)
    const piece = document.createElement('span')
    piece.textContent = style.hidden ? text.replaceAll(/./gsu, ' ') : text
    piece.style.color = fg
    if (bg !== null) piece.style.backgroundColor = bg
    const looks = { bold: style.bold, italic: style.italic, underline: style.underline, strike: style.strike, double: isWide }
    piece.className = Object.entries(looks)
      .filter(([, isOn]) => isOn)
      .map(([name]) => name)
      .join(' ')
    return piece
  }
}
