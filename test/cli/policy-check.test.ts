import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { policyCheck } from '../../cli/policy-check.ts'
import { policy, runIn } from './policy-run.ts'

describe('sallyport policy check', () => {
  it('says what is in a file that is fine, and its digest', async () => {
    const ran = await runIn({ 'p.yml': policy }, (io, fileOf) => policyCheck({ config: fileOf('p.yml') }, io))
    assert.equal(ran.status, 0)
    assert.match(ran.stdout, /^p\.yml: fine: 2 connections, 2 groups, 5 rules, 0 masks, 0 tests\nsha256:[0-9a-f]{64}\n$/)
    assert.equal(ran.stderr, '')
  })

  it('warns on stderr of what is hardly meant, and of a certificate file that is not there', async () => {
    const text = policy
      .replace('database: app,', 'database: app, tls: { ca: ca.pem },')
      .replace('dba: {', 'sre: { users: [kim] }\n  dba: {')
      .replace('then: ask,', 'then: ask, approvers: dba,')
    const ran = await runIn({ 'p.yml': text }, (io, fileOf) => policyCheck({ config: fileOf('p.yml') }, io))
    assert.equal(ran.status, 0)
    assert.equal(ran.stderr, 'warning: p.yml:17:8: nothing asks "sre"\nwarning: p.yml: there is no file ca.pem beside it\n')
  })

  it('ends with 2 and every problem with line and column', async () => {
    const ran = await runIn(
      {
        'p.yml': policy
          .replace('masks', '')
          .replace('then: deny', 'then: dney')
          .replace('on: [db], groups: [release]', 'on: [bd], groups: [release]'),
      },
      (io, fileOf) => policyCheck({ config: fileOf('p.yml') }, io),
    )
    assert.equal(ran.status, 2)
    assert.equal(ran.stdout, '')
    assert.match(
      ran.stderr,
      /^SALLYPORT-E16 p\.yml:12:\d+: unknown connection "bd" \(did you mean "db"\?\)\np\.yml:14:\d+: unknown word "dney" \(did you mean "deny"\?\)\n {2}why: /,
    )
  })

  it('ends with 3 when the file cannot be read', async () => {
    const ran = await runIn({}, (io, fileOf) => policyCheck({ config: fileOf('absent.yml') }, io))
    assert.equal(ran.status, 3)
    assert.match(ran.stderr, /cannot read absent\.yml\n  why: there is no such file\n/)
  })

  it('prints the schema that is checked in', async () => {
    const ran = await runIn({}, io => policyCheck({ schema: true }, io))
    assert.equal(ran.status, 0)
    assert.equal(ran.stdout, readFileSync(new URL('../../sallyport.schema.json', import.meta.url), 'utf8'))
  })
})
