import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { textTable } from '../../gateway/record/text-table.ts'

/** What psql 15 printed for rows of a server, blanks at line ends left out. */
const printed: readonly (readonly [string, string[], (string | null)[][], string[]])[] = [
  [
    'numbers to the right, NULL as nothing',
    ['one', 't', 'n', 'b'],
    [['1', 'text', null, 't']],
    [' one |  t   | n | b', '-----+------+---+---', '   1 | text |   | t'],
  ],
  [
    'all spellings of numbers, and texts that begin with 0',
    ['num', 'f', 'nan', 'zip'],
    [['-1.50', '1e+20', 'NaN', '0815']],
    ['  num  |   f   | nan | zip', '-------+-------+-----+------', ' -1.50 | 1e+20 | NaN | 0815'],
  ],
  [
    'texts of digits',
    ['zip', 'y'],
    [
      ['0815', 'x'],
      ['12', 'yy'],
    ],
    [' zip  | y', '------+----', ' 0815 | x', ' 12   | yy'],
  ],
  [
    'wide, combining and astral characters',
    ['jp', 'e', 'combining', 'smile'],
    [['日本語', 'é', 'e\u0301', '🙂']],
    ['   jp   | e | combining | smile', '--------+---+-----------+-------', ' 日本語 | é | e\u0301         | 🙂'],
  ],
  ['lines within a cell', ['head', '日本'], [['a\nb', 'c']], [' head | 日本', '------+------', ' a   +| c', ' b    |']],
  [
    'a heading that is wider than its column',
    ['A Long Column Heading', 'x'],
    [['item 7', '7']],
    [' A Long Column Heading | x', '-----------------------+---', ' item 7                | 7'],
  ],
  [
    'money',
    ['m', 'o'],
    [
      ['$12,345.67', '7'],
      ['$0.50', '12'],
    ],
    ['     m      | o', '------------+----', ' $12,345.67 |  7', '      $0.50 | 12'],
  ],
  ['tabs', ['t', 'b'], [['tab\tx', 'y']], ['     t     | b', '-----------+---', ' tab     x | y']],
  ['no columns', [], [[], []], ['--']],
]

describe('rows as text', () => {
  for (const [what, columns, rows, lines] of printed)
    it(`are what psql prints: ${what}`, () => assert.equal(textTable(columns, rows), lines.map(line => `${line}\n`).join('')))

  it('never let a cell pass for a border or a line of ours, whatever is in it', () => {
    const cell = fc.string({ unit: 'binary', maxLength: 20 })
    fc.assert(
      fc.property(
        fc.array(cell, { minLength: 1, maxLength: 4 }),
        fc.array(fc.array(cell, { minLength: 4, maxLength: 4 }), { maxLength: 4 }),
        (columns, rows) => {
          const lines = textTable(columns, rows).split('\n')
          // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
          for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
          for (const line of lines.toSpliced(1, 1)) assert.ok(line === '' || line.startsWith(' '), JSON.stringify(line))
        },
      ),
      { numRuns: 40 },
    )
  })
})
