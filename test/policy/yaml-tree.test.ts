import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_POLICY_BYTES, readYaml } from '../../gateway/policy/yaml-tree.ts'
import { cpuMsOf } from '../cpu-time.ts'

function wordsOf(text: string): string {
  const { tree, problems } = readYaml(text)
  assert.equal(tree === null, problems.length > 0)
  return problems.map(problem => `${problem.place.line}:${problem.place.column} ${problem.text}`).join('\n')
}

describe('the reading of YAML', () => {
  it('knows where every value and key stands, through anchors and merges', () => {
    const { tree } = readYaml('base: &b\n  x: 1\n  y: [a, bb]\nuse:\n  <<: *b\n  x: 2\n')
    assert.deepEqual(tree?.value, { base: { x: 1, y: ['a', 'bb'] }, use: { x: 2, y: ['a', 'bb'] } })
    assert.deepEqual(tree?.placeOf(['base', 'y', 1]), { line: 3, column: 10 })
    assert.deepEqual(tree?.placeOf(['use', 'x']), { line: 6, column: 6 })
    assert.deepEqual(tree?.placeOfKey(['use', 'x']), { line: 6, column: 3 })
    assert.deepEqual(tree?.placeOf(['use', 'y', 1]), { line: 3, column: 10 })
    assert.deepEqual(tree?.placeOf(['base', 'absent', 'deeper']), { line: 2, column: 3 })
  })

  it('refuses what would mean something else than it seems', () => {
    assert.match(wordsOf('a: 1\na: 2\n'), /^2:1 this key stands here twice/)
    assert.match(wordsOf('a: 1\n---\nb: 2\n'), /^\d:\d only one document is read/)
    assert.match(wordsOf('%YAML 1.1\n---\na: no\n'), /only YAML 1\.2 is read/)
    assert.match(wordsOf('a: !!js/function x\n'), /tags such as/)
    assert.match(wordsOf('1: x\n'), /a key must be plain text/)
    assert.match(wordsOf('__proto__: { x: 1 }\n'), /a key must be plain text/)
    assert.match(wordsOf('a: 12345678901234567890\n'), /put it in quotes/)
    assert.match(wordsOf('a: .inf\n'), /put it in quotes/)
    assert.match(wordsOf('a: *nothing\n'), /no anchor before it/)
    assert.match(wordsOf('<<: 3\n'), /only a map can be merged/)
    assert.equal(readYaml('').problems[0]?.text, 'the file is empty')
  })

  it('keeps words that YAML 1.1 took for booleans', () => {
    assert.deepEqual(readYaml('on: [no]\n').tree?.value, { on: ['no'] })
  })

  it('ends an alias bomb, a deep nest and a huge file early', () => {
    const levels = Array.from({ length: 9 }, (_, index) => `l${index + 1}: &l${index + 1} [${Array(9).fill(`*l${index}`).join(', ')}]`)
    const spentMs = cpuMsOf(() => {
      assert.match(wordsOf(['l0: &l0 [x]', ...levels].join('\n')), /too large, aliases followed/)
      assert.match(wordsOf(`a: ${'['.repeat(2000)}${']'.repeat(2000)}`), /nested too deeply/)
      assert.match(wordsOf(`x: &x y\na: [${Array(600).fill('*x').join(', ')}]`), /more than 500 aliases/)
      assert.match(wordsOf(`a: ${'x'.repeat(MAX_POLICY_BYTES)}`), /larger than 256 KiB/)
      assert.match(wordsOf('a: &a { <<: *a }\n'), /nested too deeply|no anchor/)
    })
    assert.ok(spentMs < 5000, `${spentMs} ms`)
  })

  it('never quotes the file in a problem', () => {
    for (const text of [
      'a: "hunter2',
      'a: hunter2: b: c',
      'hunter2',
      '- hunter2\nb: c',
      'a: {hunter2',
      'a: @hunter2',
      'hunter2: 1\nhunter2: 2',
      'a: *hunter2',
      'a: !hunter2 x',
    ]) {
      assert.doesNotMatch(wordsOf(text), /hunter2/)
    }
  })
})
