// Every row of the hostile tokens ends as it says, with the reason it says; the base token is accepted.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { playOidc } from '../../cases/oidc.ts'

describe('hostile tokens', () => {
  it('are each refused for the right reason, and the good one is not', async () => {
    const rows = await playOidc()
    assert.deepEqual(
      rows.filter(row => !row.ok),
      [],
    )
    assert.ok(rows.some(row => row.got === 'accept'))
  })
})
