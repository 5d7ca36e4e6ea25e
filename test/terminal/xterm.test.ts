// The emulator beside xterm's own: whatever a program writes, both must show the same screen.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import xterm from '@xterm/headless'
import * as fc from 'fast-check'
import { Emulator } from '../../gateway/terminal/emulator.ts'
import { plainStyle, TRUE_COLOUR } from '../../gateway/terminal/style.ts'
import type { Style } from '../../gateway/terminal/style.ts'

const size = { columns: 12, rows: 6 }

/** Texts, and every sequence that the emulator knows, with the numbers that matter. */
const word = fc.constantFrom('a', 'hello', 'wrap around the edge', '日本', 'é', 'x', '   ', 'e\u0301', '─│', 'ab\u001b[3b')
const count = fc.constantFrom('', '0', '1', '2', '3', '7', '40')
const sequence = fc
  .tuple(count, fc.constantFrom(...'@ABCDEFGILMPSXZ`adeJK'.split('')))
  .map(([number, final]) => `\u001b[${number}${final}`)
  .filter(text => !/\[3J/.test(text))
const position = fc.tuple(fc.nat(8), fc.nat(14)).map(([row, column]) => `\u001b[${row};${column}H`)
const region = fc.tuple(fc.nat(7), fc.nat(8)).map(([top, bottom]) => `\u001b[${top};${bottom}r`)
const look = fc
  .constantFrom('0', '', '1', '3;4', '7', '31', '44', '97', '38;5;200', '48;2;1;2;3', '38:2::9:8:7', '22;24;27', '39;49', '9', '29', '8')
  .map(params => `\u001b[${params}m`)
const other = fc.constantFrom(
  '\r', '\n', '\b', '\t', '\r\n', '\u001b7', '\u001b8', '\u001bD', '\u001bE', '\u001bM', '\u001bH', '\u001b[g', '\u001b[3g', '\u001b[s', '\u001b[u',
  '\u001b[4h', '\u001b[4l', '\u001b[20h', '\u001b[20l', '\u001b[?7l', '\u001b[?7h', '\u001b[?1049h', '\u001b[?1049l', '\u001b[?47h',
  '\u001b[?47l', '\u001b]0;title\u0007', '\u001b]2;t\u001b\\', '\u001bP1$q\u001b\\', '\u001b(0', '\u001b(B', '\u000e', '\u000f', '\u001b#8', '\u001b[!p', '\u001bc',
  '\u0007', '\u001b[>c', '\u001b[?2004h',
) // prettier-ignore
const program = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: word }, { weight: 4, arbitrary: sequence }, position, region, look, { weight: 3, arbitrary: other }),
    {
      maxLength: 25,
    },
  )
  // Where lines do not wrap, xterm.js cuts a wide character at the right edge in half.
  .filter(pieces => !(pieces.includes('\u001b[?7l') && pieces.includes('日本')))
  // It gives each of the two screens a region and tab stops of its own; a VT220, xterm itself and this emulator have one of each.
  .filter(
    pieces => !(pieces.some(piece => /\[\?\d+h/.test(piece)) && pieces.some(piece => /(?:r|H|g)$/.test(piece) && !/\dH$/.test(piece))),
  )

describe('the emulator beside xterm', () => {
  it('shows the same characters in the same style, and the cursor at the same place', async () => {
    await fc.assert(
      fc.asyncProperty(program, async pieces => {
        const text = pieces.join('')
        const emulator = new Emulator(size)
        emulator.write(text)
        assert.deepEqual(shown(emulator), await shownByXterm(text))
      }),
      { numRuns: 400 },
    )
  })

  it('does so however the text is cut', () => {
    fc.assert(
      fc.property(program, pieces => {
        const text = pieces.join('')
        const [whole, cut] = [new Emulator(size), new Emulator(size)]
        whole.write(text)
        for (const character of text) cut.write(character)
        assert.deepEqual(shown(cut), shown(whole))
      }),
      { numRuns: 300 },
    )
  })

  it('goes on from a copy as from itself, and the copy does not touch it', () => {
    fc.assert(
      fc.property(program, program, (before, after) => {
        const emulator = new Emulator(size)
        emulator.write(before.join(''))
        const was = shown(emulator)
        const copy = emulator.clone()
        copy.write(after.join(''))
        assert.deepEqual(shown(emulator), was)
        emulator.write(after.join(''))
        assert.deepEqual(shown(copy), shown(emulator))
      }),
      { numRuns: 300 },
    )
  })
})

interface Shown {
  readonly rows: readonly string[]
  readonly cursor: readonly [number, number]
}

function shown({ screen }: Emulator): Shown {
  const { x, y } = screen.cursor ?? { x: 0, y: 0 }
  return {
    rows: screen.lines.map(({ cells, styles }) =>
      cells.map((cell, at) => (cell === '' ? '' : `${cell ?? ' '}${spelled(styles[at]!)}`)).join('|'),
    ),
    cursor: [x, y],
  }
}

async function shownByXterm(text: string): Promise<Shown> {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true, scrollback: 0 })
  await new Promise<void>(resolve => terminal.write(text, resolve))
  const buffer = terminal.buffer.active
  const rows = Array.from({ length: size.rows }, (_, row) => {
    const line = buffer.getLine(buffer.viewportY + row)!
    return Array.from({ length: size.columns }, (__, column) => {
      const cell = line.getCell(column)!
      // Half a wide character that xterm leaves behind when cells are inserted into its middle is a blank here.
      if (cell.getWidth() === 0 && line.getCell(column - 1)?.getWidth() === 2) return ''
      const style: Style = {
        ...plainStyle,
        fg: cell.isFgDefault() ? null : cell.isFgRGB() ? TRUE_COLOUR | cell.getFgColor() : cell.getFgColor(),
        bg: cell.isBgDefault() ? null : cell.isBgRGB() ? TRUE_COLOUR | cell.getBgColor() : cell.getBgColor(),
        bold: cell.isBold() !== 0,
        dim: cell.isDim() !== 0,
        italic: cell.isItalic() !== 0,
        underline: cell.isUnderline() !== 0,
        inverse: cell.isInverse() !== 0,
        hidden: cell.isInvisible() !== 0,
        strike: cell.isStrikethrough() !== 0,
      }
      return `${cell.getChars() || ' '}${spelled(style)}`
    }).join('|')
  })
  const cursor = [Math.min(buffer.cursorX, size.columns - 1), buffer.cursorY] as const
  terminal.dispose()
  return { rows, cursor }
}

function spelled(style: Style): string {
  const flags = Object.entries(style).flatMap(([name, value]) => (value === true ? [name] : []))
  return style.fg === null && style.bg === null && flags.length === 0 ? '' : `(${style.fg},${style.bg},${flags.join('+')})`
}
