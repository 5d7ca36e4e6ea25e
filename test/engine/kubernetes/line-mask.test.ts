// Output by lines: a value is covered wherever the pieces are cut, and of a private key nothing is shown, pauses or not.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as holds, nat, property } from 'fast-check'
import type { MaskRule } from '../../../gateway/core/mask-rule.ts'
import type { TextMask } from '../../../gateway/core/masker.ts'
import { textShaper } from '../../../gateway/engine/kubernetes/answer-shape.ts'
import { LineMask } from '../../../gateway/engine/kubernetes/line-mask.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { identity, orders } from '../../session/samples.ts'

const SECRET = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC'
const KEY = `-----BEGIN PRIVATE KEY-----\n${`${SECRET}\n`.repeat(20)}-----END PRIVATE KEY-----\n`
const CARD = '4111111111111111'

function textMaskOf(...names: string[]): TextMask {
  const patterns = names.map(name => ({ kind: 'builtin' as const, name }))
  const rule: MaskRule = {
    name: 'hidden',
    on: null,
    columns: [],
    patterns,
    fields: [],
    with: { kind: 'redact' },
    unless: [],
    inference: 'allow',
  }
  const { text } = maskerFor([rule], Buffer.alloc(32, 7))(identity, { ...orders, protocol: 'kubernetes' })
  assert.ok(text !== null)
  return text
}

const mask = textMaskOf('private-key', 'credit-card')
const log = `started\n${KEY}paid with ${CARD}\ndone\n`

describe('output by lines', () => {
  it('shows the same wherever it is cut', () => {
    holds(
      property(array(nat(log.length), { maxLength: 12 }), places => {
        const lines = new LineMask(mask)
        let [shown, from] = ['', 0]
        for (const to of [...places.toSorted((one, other) => one - other), log.length]) {
          shown += lines.push(Buffer.from(log.slice(from, to))).toString()
          from = to
        }
        shown += lines.flush().toString()
        assert.equal(shown, 'started\n[redacted]\npaid with [redacted]\ndone\n')
      }),
    )
  })

  it('shows nothing of a key in which it pauses, and all that comes behind it', () => {
    holds(
      property(nat({ max: KEY.length - 1 }), nat({ max: KEY.length - 1 }), (one, other) => {
        const [first, second] = [one, other].toSorted((left, right) => left - right)
        const lines = new LineMask(mask)
        let shown = ''
        for (const piece of [KEY.slice(0, first), KEY.slice(first, second), `${KEY.slice(second)}behind\n`]) {
          shown += lines.push(Buffer.from(piece)).toString() + lines.flush().toString()
        }
        // What is no head of a key yet may be anything.
        const from = KEY.indexOf('\n') + 1
        if ((first ?? 0) >= from) assert.ok(!shown.includes(SECRET), shown)
        assert.match(shown, /behind\n$/)
      }),
    )
  })

  it('holds back no line for the sake of keys that nobody hides', () => {
    const lines = new LineMask(textMaskOf('credit-card'))
    assert.equal(lines.push(Buffer.from('-----BEGIN PRIVATE KEY-----\nabc\n')).toString(), '-----BEGIN PRIVATE KEY-----\nabc\n')
  })

  it('lets a line go on that is longer than any', () => {
    const lines = new LineMask(mask)
    let shown = 0
    for (let piece = 0; piece < 64; piece += 1) shown += lines.push(Buffer.alloc(64 * 1_024, 'word ')).length
    assert.ok(shown > 3 * 1_024 * 1_024)
  })
})

describe('a log', () => {
  it('is covered over its lines, and counted by them', () => {
    const found = new Map<string, number>()
    const shaper = textShaper(mask, fields => {
      for (const { rule, values } of fields) found.set(rule, (found.get(rule) ?? 0) + values)
    })
    const shown: Buffer[] = []
    for (const line of log.split(/(?<=\n)/)) shown.push(...shaper.push(Buffer.from(line)))
    shown.push(...shaper.end())
    assert.equal(Buffer.concat(shown).toString(), 'started\n[redacted]\npaid with [redacted]\ndone\n')
    assert.deepEqual([...found], [['hidden', 2]])
    assert.equal(shaper.items, 4)
  })
})
