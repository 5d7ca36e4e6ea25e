import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { policyTest } from '../../cli/policy-test.ts'
import { policy, runIn } from './policy-run.ts'
import type { Ran } from './policy-run.ts'

const as = '{ issuer: github, claims: { repository_id: "123", event_name: pull_request } }'
const passing = `tests:
  - { name: a pull request reads, as: ${as}, to: db, run: "SELECT 1", expect: allow }
  - { name: a pull request may not delete, as: ${as}, to: db, run: "DELETE FROM orders WHERE id = 1", expect: deny }
  - { name: the strictest holds, as: ${as}, to: db, run: "SELECT 1; DROP TABLE orders", expect: deny }
  - { name: a stranger opens nothing, as: { issuer: github, claims: { repository_id: "9" } }, to: db, run: "SELECT 1", expect: deny }
`
const failing = `${passing}  - { name: 'a "wrong" <one>, 100%', as: ${as}, to: db, run: "TABLE orders", expect: ask }\n`

function runTests(tests: string, format?: string): Promise<Ran> {
  return runIn({ 'p.yml': policy + tests }, (io, fileOf) => policyTest({ config: fileOf('p.yml'), format }, io))
}

describe('sallyport policy test', () => {
  it('ends with 0 when every test of the file is as expected', async () => {
    const ran = await runTests(passing)
    assert.equal(ran.status, 0, ran.stdout)
    assert.match(ran.stdout, /^ok {4}a pull request reads\n[^]*4 tests, 0 failed\n$/)
  })

  it('ends with 1 and says what it is instead, by which rule, and where the test stands', async () => {
    const ran = await runTests(failing)
    assert.equal(ran.status, 1)
    assert.match(
      ran.stdout,
      /FAIL {2}a "wrong" <one>, 100%\n {6}p\.yml:23:5: expected ask, but it is allow: allowed by rule reads\n5 tests, 1 failed\n$/,
    )
  })

  it('speaks TAP, JUnit and GitHub, with their escapes', async () => {
    const tap = await runTests(failing, 'tap')
    assert.equal(tap.status, 1)
    assert.match(
      tap.stdout,
      /^TAP version 14\n1\.\.5\nok 1 - a pull request reads\n[^]*not ok 5 - a "wrong" <one>, 100%\n {2}---\n {2}message: "expected ask/,
    )
    const junit = await runTests(failing, 'junit')
    assert.match(junit.stdout, /<testsuite name="policy" tests="5" failures="1">/)
    assert.match(junit.stdout, /name="a &quot;wrong&quot; &lt;one&gt;, 100%" file="p\.yml" line="23"><failure message="expected ask/)
    const github = await runTests(failing, 'github')
    assert.match(github.stdout, /::error file=p\.yml,line=23,col=5,title=policy test::a "wrong" <one>, 100%25: expected ask/)
    assert.equal((await runTests(passing, 'github')).stdout.includes('::error'), false)
  })

  it('ends with 2 for a format it does not know, a bad policy, and a text that holds no command: never a guess', async () => {
    assert.equal((await runTests(passing, 'xml')).status, 2)
    assert.equal((await runTests('tsts: []\n')).status, 2)
    const ssh = await runTests(
      `tests: [{ name: t, as: { issuer: github, claims: { repository_id: "123", ref: refs/heads/main } }, to: web, run: ls, expect: allow }]\n`,
    )
    assert.equal(ssh.status, 0, ssh.stderr)
    assert.equal((await runTests(`tests: [{ name: t, as: ${as}, to: db, run: "  ", expect: allow }]\n`)).status, 2)
  })

  it('says so when there are no tests', async () => {
    const ran = await runTests('')
    assert.equal(ran.status, 0)
    assert.match(ran.stderr, /there are no tests: in it/)
  })
})
