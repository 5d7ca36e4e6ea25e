// A terminal's screen: two grids, a cursor, a scroll region, and how writing and moving change them. Knows no escape sequence.
import { cellWidth } from './cell-width.ts'
import { Grid, lineText } from './grid.ts'
import type { Line } from './grid.ts'
import { erasedStyle, plainStyle } from './style.ts'
import type { Style } from './style.ts'
import { TabStops } from './tab-stops.ts'

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

const MAX_SIDE = 1000
/** DEC's line drawing, for `_` to `~`. */
const LINE_DRAWING = '\u00a0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·'

/** What saving the cursor saves. */
interface Cursor {
  readonly x: number
  readonly y: number
  readonly style: Style
  /** Whether G0 and G1 draw lines. */
  readonly charsets: readonly [boolean, boolean]
  readonly shift: 0 | 1
  readonly isOrigin: boolean
}

const home: Cursor = { x: 0, y: 0, style: plainStyle, charsets: [false, false], shift: 0, isOrigin: false }

/** 0 = from the cursor on, 1 = up to it, 2 = all. */
export type Extent = 0 | 1 | 2

export class Screen {
  /** Lines that leave the main screen, for good. */
  readonly #onGone: (line: Line) => void
  #main: Grid
  #alternate: Grid | null = null
  /** As many as there are columns when the next character wraps. */
  #x = 0
  #y = 0
  #charsets: readonly [boolean, boolean] = home.charsets
  #top = 0
  #bottom: number
  #isOrigin = false
  #tabs = new TabStops()
  #saved: Cursor = home
  #savedAlternate: Cursor = home
  #last = ''
  /** Of grids that are no more. */
  #touched = 0
  style: Style = plainStyle
  /** Which of the two character sets is drawn with. */
  shift: 0 | 1 = 0
  isWrapping = true
  isInserting = false
  /** A line feed returns too. */
  isNewLine = false
  isCursorShown = true

  constructor(size: TerminalSize, onGone: (line: Line) => void) {
    this.#onGone = onGone
    const { columns, rows } = bounded(size)
    this.#main = new Grid(columns, rows)
    this.#bottom = rows - 1
  }

  get columns(): number {
    return this.#main.columns
  }

  get rows(): number {
    return this.#main.rows
  }

  get lines(): readonly Line[] {
    return this.#grid.lines
  }

  /** Cells that were moved, erased or made, over and over: what it has cost so far. */
  get touched(): number {
    return this.#touched + this.#main.touched + (this.#alternate?.touched ?? 0)
  }

  get isAlternate(): boolean {
    return this.#alternate !== null
  }

  /** Where it is drawn: one that waits to wrap stands on the last column. null = hidden. */
  get cursor(): { readonly x: number; readonly y: number } | null {
    return this.isCursorShown ? { x: Math.min(this.#x, this.columns - 1), y: this.#y } : null
  }

  /** A copy that goes on alone; what leaves its screen is told to nobody. */
  clone(): Screen {
    const copy = new Screen({ columns: 1, rows: 1 }, () => {})
    copy.#main = this.#main.clone()
    copy.#alternate = this.#alternate?.clone() ?? null
    copy.#take(this.#cursorNow)
    copy.#top = this.#top
    copy.#bottom = this.#bottom
    copy.#tabs = this.#tabs.clone()
    copy.#saved = this.#saved
    copy.#savedAlternate = this.#savedAlternate
    copy.#last = this.#last
    copy.isWrapping = this.isWrapping
    copy.isInserting = this.isInserting
    copy.isNewLine = this.isNewLine
    copy.isCursorShown = this.isCursorShown
    return copy
  }

  /** Lines are cut or filled at the right; those above the cursor leave at the top when it would fall off the bottom. */
  resize(size: TerminalSize): void {
    const { columns, rows } = bounded(size)
    const over = Math.max(0, this.#y - rows + 1)
    const shown = this.#grid
    for (const grid of [this.#main, this.#alternate]) {
      const gone = grid?.resize(columns, rows, grid === shown ? over : 0) ?? []
      if (!this.isAlternate) for (const line of gone) this.#onGone(line)
    }
    this.#y = Math.min(this.#y - over, rows - 1)
    this.#x = Math.min(this.#x, columns - 1)
    this.#top = 0
    this.#bottom = rows - 1
  }

  print(text: string): void {
    for (const character of text) {
      const code = character.charCodeAt(0)
      // Nearly all there is: one column, nothing drawn, nothing pushed aside.
      if (code < 0x7f && this.#x < this.columns && !this.#charsets[this.shift] && !this.isInserting) {
        this.#grid.putNarrow(this.#y, this.#x, character, this.style)
        this.#x += 1
        this.#last = character
      } else this.#printOne(character)
    }
  }

  /** The character just printed again. */
  repeat(count: number): void {
    const last = this.#last
    if (last === '') return
    for (let left = Math.min(count, this.columns * this.rows); left > 0; left -= 1) this.#put(last)
  }

  /** Something else than printing happened: there is nothing to repeat. */
  forgetLast(): void {
    this.#last = ''
  }

  carriageReturn(): void {
    this.#x = 0
  }

  backspace(): void {
    this.#clampX()
    if (this.#x > 0) this.#x -= 1
  }

  lineFeed(): void {
    if (this.isNewLine) this.#x = 0
    this.#nextLine()
  }

  index(): void {
    this.#clampX()
    this.#nextLine()
  }

  nextLine(): void {
    this.#x = 0
    this.#nextLine()
  }

  reverseIndex(): void {
    this.#clampX()
    if (this.#y === this.#top) this.#grid.scrollDown(this.#top, this.#bottom, 1, this.#erased)
    else if (this.#y > 0) this.#y -= 1
  }

  moveUp(count: number): void {
    this.#clampX()
    this.#y = Math.max(this.#y >= this.#top ? this.#top : 0, this.#y - count)
  }

  moveDown(count: number): void {
    this.#clampX()
    this.#y = Math.min(this.#y <= this.#bottom ? this.#bottom : this.rows - 1, this.#y + count)
  }

  /** Past the region's end too. */
  moveDownFar(count: number): void {
    this.#clampX()
    this.#y = Math.min(this.rows - 1, this.#y + count)
  }

  moveRight(count: number): void {
    this.#clampX()
    this.#x = Math.min(this.#x + count, this.columns - 1)
  }

  moveLeft(count: number): void {
    this.#clampX()
    this.#x = Math.max(0, this.#x - count)
  }

  /** Counted from 0; null = where it is. In origin mode rows count from the top of the region, and stay in it. */
  moveTo(column: number | null, row: number | null): void {
    if (column !== null) this.#x = column
    this.#x = Math.min(Math.max(0, this.#x), this.columns - 1)
    if (row === null) return
    const [first, last] = this.#isOrigin ? [this.#top, this.#bottom] : [0, this.rows - 1]
    this.#y = Math.min(Math.max(first, row + first), last)
  }

  tab(count: number): void {
    for (let left = Math.min(count, this.columns); left > 0 && this.#x < this.columns; left -= 1)
      this.#x = this.#tabs.after(this.#x, this.columns)
  }

  tabBack(count: number): void {
    for (let left = Math.min(count, this.columns); left > 0 && this.#x < this.columns; left -= 1) this.#x = this.#tabs.before(this.#x)
  }

  setTab(): void {
    this.#tabs.set(this.#x)
  }

  clearTab(isAll: boolean): void {
    if (isAll) this.#tabs.clearAll()
    else this.#tabs.clear(this.#x)
  }

  insertCells(count: number): void {
    this.#clampX()
    this.#grid.insertCells(this.#y, this.#x, count, this.#erased)
  }

  deleteCells(count: number): void {
    this.#clampX()
    this.#grid.deleteCells(this.#y, this.#x, count, this.#erased)
  }

  eraseCells(count: number): void {
    this.#clampX()
    this.#grid.erase(this.#y, this.#x, Math.min(this.columns, this.#x + count), this.#erased)
  }

  insertLines(count: number): void {
    if (!this.#isInRegion) return
    this.#grid.scrollDown(this.#y, this.#bottom, count, this.#erased)
    this.#x = 0
  }

  deleteLines(count: number): void {
    if (!this.#isInRegion) return
    this.#grid.scrollUp(this.#y, this.#bottom, count, this.#erased, null)
    this.#x = 0
  }

  scrollUp(count: number): void {
    const isTold = !this.isAlternate && this.#top === 0
    this.#grid.scrollUp(this.#top, this.#bottom, count, this.#erased, isTold ? this.#onGone : null)
  }

  scrollDown(count: number): void {
    this.#grid.scrollDown(this.#top, this.#bottom, count, this.#erased)
  }

  eraseLine(extent: Extent): void {
    const from = extent === 0 ? this.#x : 0
    const to = extent === 1 ? Math.min(this.#x + 1, this.columns) : this.columns
    if (from < to) this.#grid.erase(this.#y, from, to, this.#erased)
  }

  eraseDisplay(extent: Extent): void {
    // What is wiped off the main screen was seen: a transcript keeps it.
    if (extent === 2 || (extent === 0 && this.#x === 0 && this.#y === 0)) this.#tellWiped()
    if (extent < 2) this.eraseLine(extent)
    const from = extent === 0 ? this.#y + 1 : 0
    const to = extent === 1 ? this.#y : this.rows
    for (let row = from; row < to; row += 1) {
      this.#grid.erase(row, 0, this.columns, this.#erased)
      this.#grid.line(row).isWrapped = false
    }
  }

  #tellWiped(): void {
    if (this.isAlternate) return
    const last = this.#grid.lines.findLastIndex(line => lineText(line) !== '')
    for (const line of this.#grid.lines.slice(0, last + 1)) this.#onGone(line)
  }

  /** Rows counted from 0. */
  setRegion(top: number, bottom: number): void {
    const last = Math.min(bottom, this.rows - 1)
    if (last <= top) return
    this.#top = top
    this.#bottom = last
    this.moveTo(0, 0)
  }

  setOrigin(isOn: boolean): void {
    this.#isOrigin = isOn
    this.moveTo(0, 0)
  }

  setCharset(at: 0 | 1, isLineDrawing: boolean): void {
    const [first, second] = this.#charsets
    this.#charsets = at === 0 ? [isLineDrawing, second] : [first, isLineDrawing]
  }

  useAlternate(isOn: boolean): void {
    if (isOn) this.#alternate ??= new Grid(this.columns, this.rows, this.#erased)
    else {
      this.#touched += this.#alternate?.touched ?? 0
      this.#alternate = null
    }
  }

  save(): void {
    if (this.isAlternate) this.#savedAlternate = this.#cursorNow
    else this.#saved = this.#cursorNow
  }

  restore(): void {
    this.#take(this.isAlternate ? this.#savedAlternate : this.#saved)
  }

  /** DEC's alignment test: the screen full of E. */
  align(): void {
    this.#grid.fill('E', this.style)
    this.#x = 0
    this.#y = 0
  }

  softReset(): void {
    this.#take({ ...home, x: this.#x, y: this.#y })
    this.#top = 0
    this.#bottom = this.rows - 1
    this.isWrapping = true
    this.isInserting = false
    this.isCursorShown = true
    this.#saved = home
    this.#savedAlternate = home
  }

  reset(): void {
    const { columns, rows } = this
    this.softReset()
    this.#touched = this.touched
    this.#take(home)
    this.#alternate = null
    this.#main = new Grid(columns, rows)
    this.#tabs = new TabStops()
    this.isNewLine = false
    this.#last = ''
  }

  get #grid(): Grid {
    return this.#alternate ?? this.#main
  }

  get #erased(): Style {
    return erasedStyle(this.style)
  }

  get #isInRegion(): boolean {
    return this.#y >= this.#top && this.#y <= this.#bottom
  }

  #printOne(raw: string): void {
    const isDrawn = this.#charsets[this.shift] && raw >= '_' && raw <= '~'
    this.#put(isDrawn ? (LINE_DRAWING[raw.charCodeAt(0) - 0x5f] ?? raw) : raw)
  }

  #put(character: string): void {
    const width = cellWidth(character.codePointAt(0) ?? 0)
    if (width === 0) {
      if (this.#x > 0) this.#grid.combine(this.#y, this.#x, character)
      if (this.#last !== '') this.#last += character
      return
    }
    if (this.columns < width) return
    if (this.#x + width > this.columns) {
      if (this.isWrapping) this.#wrap()
      else this.#x = this.columns - 1
      // Without wrapping, a wide character has no room in the last column.
      if (!this.isWrapping && width === 2) return
    }
    if (this.isInserting) this.#grid.insertCells(this.#y, this.#x, width, this.#erased)
    this.#grid.put(this.#y, this.#x, character, width, this.style)
    this.#x += width
    this.#last = character
  }

  #wrap(): void {
    // A wide character that does not fit leaves the last column blank.
    if (this.#x < this.columns) this.#grid.erase(this.#y, this.#x, this.columns, this.style)
    this.#x = 0
    this.#grid.line(this.#y).isWrapped = true
    this.#nextLine()
  }

  #nextLine(): void {
    if (this.#y === this.#bottom) this.scrollUp(1)
    else if (this.#y < this.rows - 1) this.#y += 1
    this.#clampX()
  }

  #clampX(): void {
    this.#x = Math.min(this.#x, this.columns - 1)
  }

  get #cursorNow(): Cursor {
    return {
      x: this.#x,
      y: this.#y,
      style: this.style,
      charsets: this.#charsets,
      shift: this.shift,
      isOrigin: this.#isOrigin,
    }
  }

  #take({ x, y, style, charsets, shift, isOrigin }: Cursor): void {
    this.#x = Math.min(x, this.columns)
    this.#y = Math.min(y, this.rows - 1)
    this.style = style
    this.#charsets = charsets
    this.shift = shift
    this.#isOrigin = isOrigin
  }
}

function bounded({ columns, rows }: TerminalSize): TerminalSize {
  return { columns: sideOf(columns), rows: sideOf(rows) }
}

function sideOf(wanted: number): number {
  return Number.isFinite(wanted) ? Math.min(MAX_SIDE, Math.max(1, Math.floor(wanted))) : 1
}
