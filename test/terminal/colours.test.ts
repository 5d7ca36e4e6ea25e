import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { cellColours, contrast, darkTheme, lightTheme } from '../../gateway/terminal/colours.ts'
import { plainStyle, TRUE_COLOUR } from '../../gateway/terminal/style.ts'
import type { Colour } from '../../gateway/terminal/style.ts'

const colour = fc.oneof(
  fc.constant<Colour>(null),
  fc.nat(255),
  fc.nat(0xffffff).map(rgb => TRUE_COLOUR | rgb),
)

describe('the colours of a cell', () => {
  it('are readable, whatever a program asks for, in light and in dark', () => {
    fc.assert(
      fc.property(colour, colour, fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), (fg, bg, bold, dim, inverse, isDark) => {
        const theme = isDark ? darkTheme : lightTheme
        const drawn = cellColours({ ...plainStyle, fg, bg, bold, dim, inverse }, theme)
        assert.ok(contrast(rgbOf(drawn.fg), drawn.bg === null ? theme.bg : rgbOf(drawn.bg)) >= 4.5)
      }),
      { numRuns: 2000 },
    )
  })

  it('are those that the program asked for where they can be read', () => {
    const drawn = (fg: Colour, bg: Colour): unknown => cellColours({ ...plainStyle, fg, bg }, darkTheme)
    assert.deepEqual(drawn(null, null), { fg: '#e6edf3', bg: null })
    assert.deepEqual(drawn(TRUE_COLOUR | 0xffcc00, TRUE_COLOUR | 0x101010), { fg: '#ffcc00', bg: '#101010' })
    assert.deepEqual(drawn(231, 16), { fg: '#ffffff', bg: '#000000' })
    assert.deepEqual(drawn(250, 232), { fg: '#bcbcbc', bg: '#080808' })
    assert.deepEqual(cellColours({ ...plainStyle, inverse: true }, darkTheme), { fg: '#0d1117', bg: '#e6edf3' })
    assert.deepEqual(cellColours({ ...plainStyle, fg: 1, bold: true }, darkTheme), { fg: '#ffa198', bg: null })
  })
})

function rgbOf(spelled: string): number {
  return Number.parseInt(spelled.slice(1), 16)
}
