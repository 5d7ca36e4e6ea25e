// The cells of a screen, and what happens to them: written, erased, shifted, scrolled. Knows no escape sequence and no cursor.
import { cellWidth } from './cell-width.ts'
import { isSameStyle, plainStyle } from './style.ts'
import type { Style } from './style.ts'

export interface Line {
  /** A character with what combines with it; empty for the second half of a wide one; `null` for a cell that nothing was written to. */
  readonly cells: (string | null)[]
  readonly styles: Style[]
  /** The line goes on in the next one: the screen was too narrow. */
  isWrapped: boolean
}

/** Neighbouring cells of one style. A wide character is a run of its own. */
export interface Run {
  readonly text: string
  readonly style: Style
  readonly isWide: boolean
}

function blankLine(columns: number, style: Style = plainStyle): Line {
  return { cells: Array<string | null>(columns).fill(null), styles: Array<Style>(columns).fill(style), isWrapped: false }
}

function cloneLine({ cells, styles, isWrapped }: Line): Line {
  return { cells: [...cells], styles: [...styles], isWrapped }
}

/** The line as text, without blanks at its end. */
export function lineText({ cells }: Line): string {
  let text = ''
  for (const cell of cells) text += cell ?? ' '
  return text.trimEnd()
}

/** The line in runs, from its first cell to its last. */
export function lineRuns({ cells, styles }: Line): readonly Run[] {
  const runs: { text: string; style: Style; isWide: boolean }[] = []
  for (let at = 0; at < cells.length; at += 1) {
    const cell = cells[at] ?? ' '
    if (cell === '') continue
    const style = styles[at] ?? plainStyle
    const isWide = cells[at + 1] === ''
    const last = runs.at(-1)
    if (!isWide && last !== undefined && !last.isWide && isSameStyle(last.style, style)) last.text += cell
    else runs.push({ text: cell, style, isWide })
  }
  return runs
}

export class Grid {
  #lines: Line[]
  #columns: number
  /** Cells that were moved, erased or made, over and over: what it has cost. */
  touched = 0

  constructor(columns: number, rows: number, style: Style = plainStyle) {
    this.#columns = columns
    this.touched = columns * rows
    this.#lines = Array.from({ length: rows }, () => blankLine(columns, style))
  }

  get columns(): number {
    return this.#columns
  }

  get rows(): number {
    return this.#lines.length
  }

  get lines(): readonly Line[] {
    return this.#lines
  }

  clone(): Grid {
    const copy = new Grid(this.#columns, 0)
    copy.#lines = this.#lines.map(cloneLine)
    return copy
  }

  line(row: number): Line {
    const line = this.#lines[row]
    if (line === undefined) throw new RangeError(`there is no row ${row}`)
    return line
  }

  /** `put` for a character of one column. */
  putNarrow(row: number, column: number, character: string, style: Style): void {
    const { cells, styles } = this.line(row)
    if (cells[column] === '' || cells[column + 1] === '') this.put(row, column, character, 1, style)
    else {
      cells[column] = character
      styles[column] = style
    }
  }

  /** Puts a character of 1 or 2 columns; half a wide one that is written over goes away as a whole. */
  put(row: number, column: number, character: string, width: number, style: Style): void {
    const { cells, styles } = this.line(row)
    this.#breakWide(row, column, style)
    this.#breakWide(row, column + width, style)
    cells[column] = character
    styles[column] = style
    if (width < 2) return
    cells[column + 1] = ''
    styles[column + 1] = style
  }

  /** Adds what combines to the character before the column. */
  combine(row: number, column: number, mark: string): void {
    const { cells } = this.line(row)
    const at = cells[column - 1] === '' ? column - 2 : column - 1
    const cell = cells[at]
    // More marks than any script has are somebody's joke.
    if (cell !== undefined && (cell ?? '').length < 16) cells[at] = (cell ?? ' ') + mark
  }

  erase(row: number, from: number, to: number, style: Style): void {
    const { cells, styles } = this.line(row)
    this.touched += to - from
    this.#breakWide(row, from, style)
    this.#breakWide(row, to, style)
    cells.fill(null, from, to)
    styles.fill(style, from, to)
  }

  insertCells(row: number, column: number, count: number, style: Style): void {
    const line = this.line(row)
    this.touched += this.#columns
    this.#breakWide(row, column, style)
    const inserted = Math.min(count, this.#columns - column)
    line.cells.splice(column, 0, ...blankLine(inserted).cells)
    line.styles.splice(column, 0, ...blankLine(inserted, style).styles)
    line.cells.length = line.styles.length = this.#columns
    this.#cutWide(row, style)
  }

  deleteCells(row: number, column: number, count: number, style: Style): void {
    const line = this.line(row)
    this.touched += this.#columns
    const deleted = Math.min(count, this.#columns - column)
    this.#breakWide(row, column, style)
    this.#breakWide(row, column + deleted, style)
    line.cells.splice(column, deleted)
    line.styles.splice(column, deleted)
    const blank = blankLine(deleted, style)
    line.cells.push(...blank.cells)
    line.styles.push(...blank.styles)
  }

  /** Moves the lines of a region up. @param onGone sees those that leave it, in order; each is the blank line below a moment later. */
  scrollUp(top: number, bottom: number, count: number, style: Style, onGone: ((line: Line) => void) | null): void {
    this.touched += Math.min(count, bottom - top + 1) * (this.#columns + bottom - top)
    for (let left = Math.min(count, bottom - top + 1); left > 0; left -= 1) {
      const line = this.line(top)
      onGone?.(line)
      this.#lines.copyWithin(top, top + 1, bottom + 1)
      this.#lines[bottom] = line
      line.cells.fill(null)
      line.styles.fill(style)
      line.isWrapped = false
    }
  }

  scrollDown(top: number, bottom: number, count: number, style: Style): void {
    const moved = Math.min(count, bottom - top + 1)
    this.touched += moved * this.#columns + bottom - top
    this.#lines.splice(bottom + 1 - moved, moved)
    this.#lines.splice(top, 0, ...Array.from({ length: moved }, () => blankLine(this.#columns, style)))
  }

  fill(character: string, style: Style): void {
    this.touched += this.#columns * this.rows
    for (const { cells, styles } of this.#lines) {
      cells.fill(character)
      styles.fill(style)
    }
  }

  /** Lines are cut or filled at their right, not wrapped anew. @param top lines to be taken away at the top; returned. */
  resize(columns: number, rows: number, top: number): readonly Line[] {
    this.touched += columns * rows
    const gone = this.#lines.splice(0, top)
    this.#columns = columns
    this.#lines.length = Math.min(this.#lines.length, rows)
    for (const [row, { cells, styles }] of this.#lines.entries()) {
      const was = cells.length
      cells.length = styles.length = columns
      if (columns > was) {
        cells.fill(null, was)
        styles.fill(plainStyle, was)
      } else this.#cutWide(row, plainStyle)
    }
    while (this.#lines.length < rows) this.#lines.push(blankLine(columns))
    return gone
  }

  /** The column becomes a border: a wide character across it is blanked. */
  #breakWide(row: number, column: number, style: Style): void {
    const { cells, styles } = this.line(row)
    if (column <= 0 || cells[column] !== '') return
    cells[column] = cells[column - 1] = null
    styles[column] = styles[column - 1] = style
  }

  /** Half a wide character at the right edge is none. */
  #cutWide(row: number, style: Style): void {
    const { cells, styles } = this.line(row)
    const last = this.#columns - 1
    const code = cells[last]?.codePointAt(0)
    if (code === undefined || cellWidth(code) < 2) return
    cells[last] = null
    styles[last] = style
  }
}
