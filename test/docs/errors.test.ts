// docs/errors.md and core/errors.ts say the same: every code has its line, every line its code.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { errorCodes } from '../../gateway/core/errors.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')

describe('docs/errors.md', () => {
  it('has one line for every code, with its number, and no other', () => {
    const lines = [...page.matchAll(/^\| <a id="(e\d\d)"><\/a>(E\d\d) \| `([A-Z_]+)` \|/gm)].map(([, anchor, id, code]) => ({
      anchor,
      id,
      code,
    }))
    const known = Object.entries(errorCodes).map(([code, { id }]) => ({ anchor: id.toLowerCase(), id, code }))
    assert.deepEqual(lines, known)
  })

  it('says what, why and what to do for each', () => {
    for (const line of page.split('\n').filter(text => text.startsWith('| <a id'))) {
      const cells = line
        .split('|')
        .slice(3, -1)
        .map(cell => cell.trim())
      assert.equal(cells.length, 3, line)
      for (const cell of cells) assert.ok(cell.length > 5, line)
    }
  })
})
