// Renewing at two thirds, on a clock that only the test moves.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VaultLife } from '../../../gateway/adapter/vault/vault-life.ts'
import type { Renewed } from '../../../gateway/adapter/vault/vault-life.ts'
import type { Clock } from '../../../gateway/core/clock.ts'

/** Waiting takes no time; it moves the clock. Ends after so many waits. */
function playClock(waits: number[], maxWaits: number, leaving: AbortController): Clock {
  let ms = 0
  return {
    now: () => new Date(ms),
    monotonicMs: () => ms,
    sleep: async waitMs => {
      waits.push(waitMs)
      if (waits.length > maxWaits) {
        leaving.abort(new Error('enough'))
        throw new Error('enough')
      }
      ms += waitMs
    },
  }
}

async function play(
  ttlSec: number,
  answers: readonly Renewed[],
  maxWaits = 10,
): Promise<{ readonly waits: readonly number[]; readonly life: VaultLife; readonly asked: number }> {
  const waits: number[] = []
  const leaving = new AbortController()
  const life = new VaultLife(ttlSec, playClock(waits, maxWaits, leaving))
  let asked = 0
  await life.keep(async () => {
    asked += 1
    return answers[asked - 1] ?? { outcome: 'failed' }
  }, leaving.signal)
  return { waits, life, asked }
}

const renewed = (ttlSec: number): Renewed => ({ outcome: 'renewed', ttlSec })

describe('life of a lease', () => {
  it('is renewed at two thirds, give or take a tenth, again and again', async () => {
    const { waits, life } = await play(900, [renewed(900), renewed(900), renewed(900)], 3)
    for (const wait of waits) assert.ok(wait >= 540_000 && wait <= 660_000, String(wait))
    assert.equal(waits.length, 4)
    assert.equal(life.isGood, true)
  })

  it('is let go when its maximum is reached', async () => {
    const { asked, life } = await play(900, [renewed(900), renewed(100)])
    assert.equal(asked, 2)
    assert.equal(life.isGood, false)
  })

  it('is tried again before it ends, and given up after three failures', async () => {
    const { asked, waits, life } = await play(900, [])
    assert.equal(asked, 3)
    assert.ok(waits.reduce((sum, wait) => sum + wait, 0) < 900_000)
    assert.equal(life.isGood, false)
    const lucky = await play(900, [{ outcome: 'failed' }, renewed(900)], 2)
    assert.equal(lucky.life.isGood, true)
  })

  it('ends at once when the server says that it is gone', async () => {
    const { asked, life } = await play(900, [{ outcome: 'gone' }])
    assert.equal(asked, 1)
    assert.equal(life.isGood, false)
  })

  it('is left alone when it never ends', async () => {
    const { waits, life } = await play(0, [])
    assert.deepEqual([waits.length, life.expiresAt, life.isGood], [0, null, true])
  })
})
