import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Masker } from '../../gateway/core/masker.ts'
import { readableCommand } from '../../gateway/session/readable-command.ts'
import { noMasks, sql } from './samples.ts'

const doubt = 'not readable: syntax error at or near "\'canary\'"'
const apply = (text: string): { text: string; found: Map<string, number> } => ({
  text: text.replaceAll('4111', '[card]'),
  found: new Map(text.includes('4111') ? [['cards', 1]] : []),
})
const masker: Masker = { ...noMasks, text: { rules: [], apply, applyJson: apply, applyNested: apply, mayFind: () => true } }

describe('a command as people may read it', () => {
  it('quotes nothing of a command with a password in it, not even where the parser stopped', () => {
    const { command, hidden } = readableCommand(sql("ALTER ROLE app PASSWORD 'x' 'canary'", { certainty: 'opaque', doubt }), noMasks)
    assert.ok(hidden > 0)
    assert.equal(command.doubt, 'not readable: syntax error')
  })

  it('quotes nothing of a command with a masked value in it, also where the quotation was cut off', () => {
    const cut = sql("SELEC '4111'", { certainty: 'opaque', doubt: 'not readable: syntax error at or near "41' })
    const { command } = readableCommand(cut, masker)
    assert.deepEqual([command.text, command.doubt], ["SELEC '[card]'", 'not readable: syntax error'])
  })

  it('says where the parser stopped when nothing is hidden', () => {
    const plain = sql('SELEC 1', { certainty: 'opaque', doubt: 'not readable: syntax error at or near "SELEC"' })
    assert.equal(readableCommand(plain, masker).command, plain)
  })
})
