import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { policyTest } from '../../cli/policy-test.ts'
import { sqlEffects } from '../../gateway/core/command.ts'
import { ruleNames } from '../../gateway/policy/condition-scope.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'
import { policySchema } from '../../gateway/policy/schema.ts'
import { runIn } from '../cli/policy-run.ts'

const root = path.resolve(import.meta.dirname, '../..')
const page = readFileSync(path.join(root, 'docs/policy.md'), 'utf8')

/** Every whole policy in a page of words, and every policy file among the examples. */
const policies = [
  ...['README.md', ...readdirSync(path.join(root, 'docs')).flatMap(name => (name.endsWith('.md') ? [`docs/${name}`] : []))].flatMap(file =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/^```ya?ml\n(.*?)^```/gms)].flatMap((block, index) =>
      /^version: 1$/m.test(block[1] ?? '') ? [{ name: `${file} block ${index + 1}`, text: block[1] ?? '' }] : [],
    ),
  ),
  ...readdirSync(path.join(root, 'examples'), { recursive: true, encoding: 'utf8' }).flatMap(name =>
    /sallyport\.ya?ml$/.test(name) ? [{ name: `examples/${name}`, text: readFileSync(path.join(root, 'examples', name), 'utf8') }] : [],
  ),
]

describe('the pages about policies', () => {
  it('hold whole policies', () => {
    assert.ok(policies.filter(policy => policy.name.startsWith('docs/policy.md')).length >= 2)
    assert.ok(policies.some(policy => policy.name.startsWith('examples/')))
  })

  for (const { name, text } of policies) {
    it(`${name} is a policy without a warning, and its tests pass`, async () => {
      assert.deepEqual(parsePolicy(text, name).warnings, [])
      const ran = await runIn({ 'sallyport.yml': text }, (io, fileOf) => policyTest({ config: fileOf('sallyport.yml') }, io))
      assert.equal(ran.status, 0, ran.stdout + ran.stderr)
    })
  }

  it('docs/policy.md names every block, every effect and every name of a condition', () => {
    for (const block of Object.keys(policySchema.shape)) if (block !== 'version') assert.ok(page.includes(block), block)
    for (const effect of sqlEffects) assert.ok(page.includes(`\`${effect}\``), effect)
    for (const [root, fields] of ruleNames(['postgres', 'ssh', 'kubernetes'])) {
      for (const name of [root, ...(fields ?? [])]) assert.ok(page.includes(`\`${name}\``), `${root}.${name}`)
    }
  })

  it('docs/policy.md marks every other block of YAML as a part', () => {
    for (const block of page.matchAll(/^```yaml\n(.*?)^```/gms))
      assert.match(block[1] ?? '', /^(?:#.*\n)*version: 1$|^# part of a policy$/m)
  })
})
