// A permit cannot be made by anybody but the gate: not by a literal, not by a cast.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Permit } from '../../gateway/core/permit.ts'

describe('a permit', () => {
  it('is told from a forged one', () => {
    assert.equal(Permit.isMinted(Permit.mint([])), true)
    const forged = Object.create(Permit.prototype) as Permit
    assert.equal(Permit.isMinted(forged), false)
    assert.equal(Permit.isMinted(JSON.parse(JSON.stringify({ commands: [] }))), false)
  })
})
