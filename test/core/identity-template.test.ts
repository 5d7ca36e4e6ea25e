import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fillTemplate, templateProblem } from '../../gateway/core/identity-template.ts'
import { identity, run } from '../session/samples.ts'

const claims = {
  repository: 'acme/shop',
  repository_id: 12,
  'acme.example/team': 'sre',
  evil: 'system:masters',
  odd: 'a\r\nX: y',
  umlaut: 'ü',
  list: ['a'],
}
const fill = (text: string): string => fillTemplate(text, { ...identity, claims }, run)

describe('texts with places for what the token says', () => {
  it('are filled with claims, identity and run', () => {
    assert.equal(fill('ci'), 'ci')
    assert.equal(fill('github:{claims.repository}#{claims.repository_id}'), 'github:acme/shop#12')
    assert.equal(fill('team:{claims.acme.example/team}'), 'team:sre')
    assert.equal(fill('{identity.subject}@{run.id}'), `${identity.subject}@${run.id}`)
  })

  it('are refused without a value, and with one that could be taken for something else', () => {
    for (const text of [
      '{claims.absent}',
      'a {claims.list}',
      'a:{claims.odd}',
      'a:{claims.umlaut}',
      '{claims.evil}',
      '{claims.toString}',
      ' a',
    ]) {
      assert.throws(() => fill(text), { code: 'NOT_AUTHORISED' }, text)
    }
    assert.equal(fill('system:ci:{claims.repository_id}'), 'system:ci:12', 'the policy itself may say such a name')
  })

  it('say what is wrong with them when the policy is read', () => {
    for (const text of ['ci', 'a{claims.x}b{run.sha}']) assert.equal(templateProblem(text), null, text)
    for (const text of ['{claim.x}', '{claims.}', '{identity.claims}', '{run.pullRequest}', '{', 'a}', '{{claims.x}}', 'ü']) {
      assert.notEqual(templateProblem(text), null, text)
    }
  })
})
