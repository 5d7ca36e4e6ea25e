// Whatever a pattern is for is covered wherever it stands and wherever a stream is cut; what misses by a digit stays.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as check, integer, jsonValue, property, string, tuple } from 'fast-check'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { streamTextMask } from '../../gateway/mask/stream-text-mask.ts'
import { nearMiss, planted, plantedNames, surroundings } from './planted.ts'
import { maskRule, someConnection, someIdentity } from './samples.ts'

const maskOf = (names: readonly string[]): NonNullable<ReturnType<ReturnType<typeof maskerFor>>['text']> => {
  const patterns = names.map(name => ({ kind: 'builtin' as const, name }))
  return maskerFor([maskRule({ patterns })], Buffer.alloc(32))(someIdentity, someConnection).text ?? assert.fail()
}
const all = maskOf(plantedNames)

describe('planted values', () => {
  it('are covered in any text, each by its own pattern, and what stands around them stays', () => {
    check(
      property(planted(), surroundings, surroundings, ({ name, value }, before, after) => {
        const mask = maskOf([name])
        const text = `${before}${value} ${after}`
        const bytes = Buffer.from(text)
        assert.ok(mask.mayFind(bytes, 0, bytes.length), `the pre-filter misses ${text}`)
        assert.equal(mask.apply(text).text, text.replace(value, '[redacted]'))
      }),
      { numRuns: 500 },
    )
  })

  it('are covered in a stream, wherever it is cut', () => {
    check(
      property(
        array(planted(), { minLength: 1, maxLength: 4 }),
        array(integer({ min: 0, max: 5_000 }), { maxLength: 12 }),
        (values, cuts) => {
          const text = values.map(({ value }) => `line with ${value} in it`).join('\n')
          const places = [0, ...cuts.map(cut => cut % text.length).toSorted((one, other) => one - other), text.length]
          const stream = streamTextMask(all)
          const shown = places.slice(1).map((end, index) => stream.push(text.slice(places[index], end)))
          const whole = shown.join('') + stream.flush()
          for (const { value } of values) assert.ok(!whole.includes(value), `${value} in ${whole}`)
          assert.equal(whole, all.apply(text).text)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('are covered in JSON at any depth, in values and in keys, and it stays JSON', () => {
    check(
      property(jsonValue({ maxDepth: 3 }), planted(), integer({ min: 0, max: 5 }), (around, { name, value }, depth) => {
        let nested: unknown = { [`k ${value}`]: value, around }
        for (let level = 0; level < depth; level++) nested = level % 2 === 0 ? [nested, level] : { inner: nested }
        const covered = maskOf([name]).applyJson(JSON.stringify(nested)).text
        assert.doesNotThrow(() => JSON.parse(covered))
        assert.ok(!covered.includes(JSON.stringify(value).slice(1, -1)), covered)
      }),
      { numRuns: 300 },
    )
  })

  it('that miss their check digit are left alone', () => {
    check(
      property(tuple(nearMiss, surroundings), ([{ name, value }, before]) => {
        assert.equal(maskOf([name]).apply(before + value).text, before + value)
      }),
      { numRuns: 500 },
    )
  })

  it('are never denied by the pre-filter, whatever the text', () => {
    check(
      property(string({ unit: 'grapheme', maxLength: 80 }), planted(), (text, { value }) => {
        const whole = `${text} ${value} ${text}`
        const bytes = Buffer.from(whole)
        assert.ok(all.apply(whole).found.size === 0 || all.mayFind(bytes, 0, bytes.length))
      }),
      { numRuns: 300 },
    )
  })
})
