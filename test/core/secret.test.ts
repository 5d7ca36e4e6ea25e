// A secret shows itself to nobody who merely prints it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { Secret } from '../../gateway/core/secret.ts'

const canary = 'canary-5e1f'

describe('a secret', () => {
  it('prints as [secret] by every road', () => {
    const secret = new Secret(canary)
    const roads = [
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
      new Error(String(secret)).stack,
    ]
    for (const printed of roads) assert.doesNotMatch(printed ?? '', new RegExp(canary))
    assert.deepEqual(Object.keys(secret), [])
  })

  it('is gone from its buffer after wipe', () => {
    const bytes = Buffer.from(canary)
    new Secret(bytes).wipe()
    assert.ok(bytes.every(byte => byte === 0))
  })
})
