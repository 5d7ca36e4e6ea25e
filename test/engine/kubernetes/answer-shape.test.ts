// A long list goes on while it comes: nothing of it is kept but the element that is under way, and every element is covered.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { documentShaper, listShaper } from '../../../gateway/engine/kubernetes/answer-shape.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { identity, orders } from '../../session/samples.ts'

const masks = maskerFor([], Buffer.alloc(32, 7))(identity, { ...orders, protocol: 'kubernetes' }).objects
const CANARY = Buffer.from('hunter2-canary-value').toString('base64')

describe('a list of Secrets', () => {
  it('is covered element by element while it comes, without being kept', () => {
    assert.ok(masks !== undefined)
    let values = 0
    const count = (covered: readonly { values: number }[]): void => {
      for (const { values: more } of covered) values += more
    }
    const shaper = listShaper(masks, 'secrets', count, documentShaper(masks, 'secrets', count), 256 * 1_024)
    const element = (index: number): Buffer =>
      Buffer.from(
        `${index === 0 ? '' : ','}{"metadata":{"name":"s-${index}"},"data":{"password":"${CANARY}","pad":"${'QUFB'.repeat(400)}"}}`,
      )
    let pushed = 0
    let shown = 0
    let behind = 0
    let text = ''
    const take = (parts: readonly Buffer[]): void => {
      for (const part of parts) {
        text += part.toString('latin1')
        shown += 1
      }
    }
    take(shaper.push(Buffer.from('{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[')))
    for (let index = 0; index < 3_000; index += 1) {
      const bytes = element(index)
      pushed += bytes.length
      take(shaper.push(bytes.subarray(0, 100)))
      take(shaper.push(bytes.subarray(100)))
      if (pushed > 256 * 1_024) behind = Math.max(behind, index + 1 - shaper.items)
    }
    take(shaper.push(Buffer.from(']}')))
    take(shaper.end())
    assert.ok(pushed > 4 * 1_024 * 1_024 && shown > 3_000)
    assert.equal(behind, 0, 'an element that has come is out')
    assert.equal(shaper.items, 3_000)
    assert.equal(values, 6_000)
    assert.ok(!text.includes(CANARY))
    const list = JSON.parse(text) as { items: { metadata: { name: string }; data: { pad: string } }[] }
    assert.equal(list.items.length, 3_000)
    assert.equal(list.items[2_999]?.metadata.name, 's-2999')
  })
})
