// The lines that an approver sees: from them, and what stands between, both texts can be made again.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { diffLines } from '../../../gateway/engine/kubernetes/diff.ts'

describe('what changed between two texts', () => {
  it('is said line by line, with a little around it', () => {
    const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].join('\n')
    assert.equal(diffLines(before, before.replace('e', 'E')), [' …', ' b', ' c', ' d', '-e', '+E', ' f', ' g', ' h', ' …'].join('\n'))
  })

  it('is everything, where one of them is empty, and nothing, where they are equal', () => {
    assert.equal(diffLines('', 'a\nb'), '+a\n+b')
    assert.equal(diffLines('a\nb', ''), '-a\n-b')
    assert.equal(diffLines('a\nb', 'a\nb'), '')
  })

  it('leaves out no line that only one of them has, and invents none', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '{', '}'), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(lines, lines, (old, fresh) => {
        const marked = diffLines(old.join('\n'), fresh.join('\n')).split('\n')
        const with_ = (mark: string): string[] => marked.filter(line => line.startsWith(mark)).map(line => line.slice(1))
        const count = (all: readonly string[], line: string): number => all.filter(one => one === line).length
        for (const line of new Set([...old, ...fresh])) {
          assert.equal(count(with_('+'), line) - count(with_('-'), line), count(fresh, line) - count(old, line), line)
        }
        // Where nothing is left out, the texts stand in it in their order.
        if (!marked.includes(' …') && marked[0] !== '') {
          const side = (mark: string): string[] =>
            marked.filter(line => line.startsWith(mark) || line.startsWith(' ')).map(line => line.slice(1))
          assert.deepEqual([side('-'), side('+')], [old, fresh])
        }
      }),
      { numRuns: 400 },
    )
  })

  it('says all of both texts when they have nothing in common', () => {
    const text = (mark: string): string => Array.from({ length: 5_000 }, (_, index) => `${mark}${index}`).join('\n')
    assert.equal(diffLines(text('a'), text('b')).split('\n').length, 10_000)
  })
})
