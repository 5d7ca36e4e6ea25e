import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cellWidth } from '../../gateway/terminal/cell-width.ts'
import { Emulator } from '../../gateway/terminal/emulator.ts'
import { lineRuns, lineText } from '../../gateway/terminal/grid.ts'
import { plainStyle, TRUE_COLOUR } from '../../gateway/terminal/style.ts'
import type { Style } from '../../gateway/terminal/style.ts'
import { cpuMsOf } from '../cpu-time.ts'

describe('the emulator', () => {
  it('keeps the main screen while an editor has the other one', () => {
    const emulator = after('$ vim file\r\n', '\u001b[?1049h\u001b[2J\u001b[Hinside vim', 5)
    assert.deepEqual(rows(emulator), ['inside vim', '', '', '', ''])
    assert.equal(emulator.screen.isAlternate, true)
    emulator.write('\u001b[?1049l$ ')
    assert.deepEqual(rows(emulator), ['$ vim file', '$', '', '', ''])
  })

  it('scrolls only the region that a program sets', () => {
    const emulator = after('one\r\ntwo\r\nthree\r\nfour\r\nfive', '\u001b[2;4r\u001b[4;1H\n', 5)
    assert.deepEqual(rows(emulator), ['one', 'three', 'four', '', 'five'])
    emulator.write('\u001b[2;1H\u001bM')
    assert.deepEqual(rows(emulator), ['one', '', 'three', 'four', 'five'])
  })

  it('counts rows from the top of the region in origin mode, and stays in it', () => {
    const emulator = after('\u001b[2;4r\u001b[?6h', 'A\u001b[9;1HB\u001b[2;3HC', 5)
    assert.deepEqual(rows(emulator), ['', 'A', '  C', 'B', ''])
    emulator.write('\u001b[?6l')
    assert.deepEqual(emulator.screen.cursor, { x: 0, y: 0 })
  })

  it('wraps at the edge only when another character comes', () => {
    const emulator = new Emulator({ columns: 4, rows: 3 })
    emulator.write('abcd')
    assert.deepEqual(emulator.screen.cursor, { x: 3, y: 0 })
    emulator.write('\r\nef')
    assert.deepEqual(rows(emulator), ['abcd', 'ef', ''])
    emulator.write('\u001b[1;1Habcde')
    assert.deepEqual([rows(emulator), emulator.screen.lines[0]!.isWrapped], [['abcd', 'ef', ''], true])
    emulator.write('\u001b[?7l\u001b[1;1Hvwxyz')
    assert.equal(rows(emulator)[0], 'vwxz')
  })

  it('tells the lines that leave the screen, those of a screen that is wiped, and none of an editor', () => {
    const gone: string[] = []
    const emulator = new Emulator({ columns: 10, rows: 2 }, line => gone.push(lineText(line)))
    emulator.write('1\r\n2\r\n3\u001b[?1049ha\r\nb\r\nc\r\nd\u001b[2J\u001b[?1049l')
    assert.deepEqual(gone, ['1'])
    emulator.write('\u001b[H\u001b[2Jnew')
    assert.deepEqual(gone, ['1', '2', '3'])
  })

  it('shows no byte of a title, a device string or a private command', () => {
    const emulator = after(
      '\u001b]0;rm -rf\u0007\u001bP1;2|x\u001b\\\u001b_app\u001b\\\u001b^pm\u001b\\\u009d2;t\u009cok',
      '\u001b[>4;2m\u001b[?2026h\u001b[5n',
      1,
    )
    assert.deepEqual(rows(emulator), ['ok'])
    assert.equal(emulator.screen.lines[0]!.styles[0], plainStyle)
  })

  it('reads colours of 16, 256 and 16 million, with semicolons and with colons', () => {
    const colours = (sgr: string): readonly [Style['fg'], Style['bg']] => {
      const { fg, bg } = styleAfter(sgr)
      return [fg, bg]
    }
    assert.deepEqual(colours('31;42'), [1, 2])
    assert.deepEqual(colours('97;100'), [15, 8])
    assert.deepEqual(colours('38;5;208;48;5;17'), [208, 17])
    assert.deepEqual(colours('38;2;255;128;0'), [TRUE_COLOUR | 0xff8000, null])
    assert.deepEqual(colours('38:2:255:128:0'), [TRUE_COLOUR | 0xff8000, null])
    assert.deepEqual(colours('48:2::255:128:0'), [null, TRUE_COLOUR | 0xff8000])
    assert.deepEqual(colours('38:5:9'), [9, null])
    assert.deepEqual(colours('31;39'), [null, null])
    assert.deepEqual(colours('38;5'), [null, null])
    const { bold, italic, underline, inverse } = styleAfter('1;3;4:3;7')
    assert.deepEqual([bold, italic, underline, inverse], [true, true, true, true])
    assert.deepEqual(styleAfter('1;2;3;4;7;8;9;31;0'), plainStyle)
  })

  it('puts wide characters into two cells, and marks onto the character before', () => {
    const emulator = after('日本e\u0301x', '', 1)
    assert.deepEqual(emulator.screen.lines[0]!.cells.slice(0, 7), ['日', '', '本', '', 'e\u0301', 'x', null])
    emulator.write('\u001b[1;2H_')
    assert.equal(rows(emulator)[0], ' _本e\u0301x')
    assert.deepEqual([0x61, 0x65e5, 0x1f600, 0x0301, 0x200d, 0xff21, 0x2500, 0x1100].map(cellWidth), [1, 2, 2, 0, 0, 2, 1, 2])
  })

  it('takes its lines to a new size, and loses none above the cursor', () => {
    const gone: string[] = []
    const emulator = new Emulator({ columns: 10, rows: 4 }, line => gone.push(lineText(line)))
    emulator.write('1\r\n2\r\n3\r\n4')
    emulator.resize({ columns: 5, rows: 2 })
    assert.deepEqual([gone, rows(emulator), emulator.screen.cursor], [['1', '2'], ['3', '4'], { x: 1, y: 1 }])
    emulator.resize({ columns: 0, rows: 1e9 })
    assert.deepEqual([emulator.screen.columns, emulator.screen.rows], [1, 1000])
  })

  it('bounds what a program can ask for', () => {
    const emulator = new Emulator({ columns: 80, rows: 24 })
    const spentMs = cpuMsOf(() => {
      emulator.write(
        `x\u001b[65535b\u001b[99999999999@\u001b[${'1;'.repeat(10_000)}m\u001b[65535S\u001b[65535L\u001b]0;${'t'.repeat(100_000)}\u0007end`,
      )
      emulator.write(`e${'\u0301'.repeat(100_000)}`)
    })
    assert.ok(spentMs < 2000, `${spentMs} ms`)
    assert.ok(emulator.screen.lines.every(({ cells }) => cells.length === 80 && cells.every(cell => (cell ?? '').length <= 17)))
  })

  it('gives the runs of a line, each in its style, wide characters alone', () => {
    const emulator = after('a\u001b[1mbc日d\u001b[0me', '', 1)
    assert.deepEqual(
      lineRuns(emulator.screen.lines[0]!).map(({ text, isWide, style }) => [text.trimEnd(), isWide, style.bold]),
      [
        ['a', false, false],
        ['bc', false, true],
        ['日', true, true],
        ['d', false, true],
        ['e', false, false],
      ],
    )
  })
})

function after(first: string, then: string, height: number): Emulator {
  const emulator = new Emulator({ columns: 80, rows: height })
  emulator.write(first)
  emulator.write(then)
  return emulator
}

function rows({ screen }: Emulator): string[] {
  return screen.lines.map(lineText)
}

function styleAfter(sgr: string): Style {
  return after(`\u001b[${sgr}mx`, '', 1).screen.lines[0]!.styles[0]!
}
