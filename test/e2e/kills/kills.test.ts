// A gateway is killed at every named point of the code, at another time in each run of the test. `npm run kills` kills a thousand.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { runCampaign } from './campaign.ts'
import { points } from './points.ts'

const root = path.resolve(import.meta.dirname, '../../..')

describe(`a gateway that is killed at one of ${points.length} named points`, () => {
  it('has every byte in its recording that the target saw, and what clients saw, with one torn line at most', async () => {
    const held = await runCampaign(points.length, 4)
    assert.equal(held.kills, points.length)
    assert.ok(
      held.points >= 25 && held.forwarded > held.kills,
      `only ${held.forwarded} commands reached the target: the test would see no loss`,
    )
    assert.ok(held.torn > 0, 'nothing was torn: the test would not see it')
  })
})

describe('what is shipped', () => {
  it('knows none of the points', () => {
    for (const name of readdirSync(path.join(root, 'dist')).filter(file => file.endsWith('.mjs'))) {
      const bundle = readFileSync(path.join(root, 'dist', name), 'utf8')
      for (const point of points) assert.ok(!bundle.includes(`"${point.name}"`), `${name} has ${point.name}`)
      assert.ok(!bundle.includes('SALLYPORT_FAILPOINT'), name)
    }
  })
})
