import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { policyExplain } from '../../cli/policy-explain.ts'
import type { PolicyExplainOptions } from '../../cli/policy-explain.ts'
import { policy, pull, release, runIn } from './policy-run.ts'
import type { Ran } from './policy-run.ts'

function explain(command: string, claims: string, options: Partial<PolicyExplainOptions> = {}, text = policy): Promise<Ran> {
  return runIn({ 'p.yml': text, 'claims.json': claims }, (io, fileOf) =>
    policyExplain({ config: fileOf('p.yml'), claims: fileOf('claims.json'), connection: 'db', command: [command], ...options }, io),
  )
}

describe('sallyport policy explain', () => {
  it('says the decision, who is asked, which rules take the command and what keeps the others from it', async () => {
    const ran = await explain('DELETE FROM orders', release)
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /^identity {4}a token of github, in release\n/)
    assert.match(ran.stdout, /not in pulls: not true: claims\.event_name == "pull_request"\n/)
    assert.match(ran.stdout, /delete, effects write, unfiltered, parsed/)
    assert.match(ran.stdout, /decision {4}ask: held by rule unfiltered: Touches every row\.\n {12}dba \(dana\), 1 needed within 30 min\n/)
    assert.match(ran.stdout, /takes it {3}allow writes \(line 12\)\n/)
    assert.match(ran.stdout, /does not {3}allow reads \(line 11\): effects: write not among read, session\n/)
    assert.match(ran.stdout, /does not {3}deny {2}no-ddl \(line 14\): effects: none of ddl\n/)
  })

  it('names the group that keeps a rule from a token', async () => {
    const ran = await explain('DELETE FROM orders WHERE id = 1', pull)
    assert.match(ran.stdout, /decision {4}deny: denied: no rule allows it/)
    assert.match(ran.stdout, /writes \(line 12\): it is for groups release\n/)
  })

  it('says that a token may not open the connection at all', async () => {
    const ran = await explain('SELECT 1', '{"repository_id":"9"}')
    assert.equal(ran.status, 0)
    assert.match(ran.stdout, /in no group\n/)
    assert.match(ran.stdout, /connection {2}db, opens for release, pulls: not for this token\n/)
    assert.match(ran.stdout, /decision {4}deny: denied: this identity is in no group that may open db/)
  })

  it('judges a message command by command, and the strictest holds', async () => {
    const ran = await explain('SELECT 1; DROP TABLE orders', release)
    assert.match(
      ran.stdout,
      /decision {4}allow[^]*decision {4}deny: denied by rule no-ddl: Ask the DBA\.[^]*message {5}deny: the strictest of 2 commands holds for all\n$/,
    )
  })

  it('says what it could not understand instead of guessing', async () => {
    const ran = await explain('SELECT gibberish from where', release)
    assert.match(ran.stdout, /opaque[^]*decision {4}deny/)
  })

  it('speaks JSON', async () => {
    const ran = await explain('DROP TABLE orders', release, { json: true })
    assert.equal(ran.status, 0)
    const document = JSON.parse(ran.stdout)
    assert.equal(document.schema, 'sallyport.policy-explain.v1')
    assert.deepEqual([document.issuer, document.opens, document.groups, document.outcome], ['github', true, ['release'], 'deny'])
    assert.deepEqual(document.commands[0].decision, { outcome: 'deny', rule: 'no-ddl', because: 'Ask the DBA.' })
    assert.deepEqual(
      document.commands[0].matched.map((finding: { rule: string }) => finding.rule),
      ['no-ddl'],
    )
    assert.deepEqual(document.notIn, [{ group: 'pulls', reasons: ['not true: claims.event_name == "pull_request"'] }])
  })

  it('keeps control characters of the command off the terminal', async () => {
    const ran = await explain('SELECT 1 FROM "a\u001B[2Jb" -- \u202E', release)
    assert.equal(ran.status, 0)
    assert.ok(!ran.stdout.includes('\u001B') && !ran.stdout.includes('\u202E'))
    assert.match(ran.stdout, /touches .*⟦U\+001B⟧/)
  })

  it('chooses the issuer by iss, by name, or because it is the only one', async () => {
    const two = policy.replace('groups:\n', '  corp: { url: https://id.acme.example, audience: a }\ngroups:\n')
    assert.match((await explain('SELECT 1', release, {}, two)).stdout, /a token of github, in release/)
    assert.match((await explain('SELECT 1', release, { issuer: 'corp' }, two)).stdout, /a token of corp, in no group/)
    assert.equal((await explain('SELECT 1', pull, {}, two)).status, 2)
    assert.equal((await explain('SELECT 1', '{"iss":"https://other.example"}', {}, two)).status, 2)
    assert.equal((await explain('SELECT 1', release, { issuer: 'crop' }, two)).status, 2)
  })

  it('reads a command line as the gateway does, and says what it doubts', async () => {
    const ran = await explain('ls -l | head', release, { connection: 'web', json: true })
    assert.deepEqual([ran.status, JSON.parse(ran.stdout).outcome], [0, 'allow'])
    const doubted = JSON.parse((await explain('echo x | sh', release, { connection: 'web', json: true })).stdout)
    assert.deepEqual([doubted.outcome, doubted.commands[0].certainty], ['deny', 'opaque'])
    assert.match(doubted.commands[0].doubt, /a shell that reads/)
  })

  it('ends with 2 for claims that are none, an unknown connection, another protocol or no command', async () => {
    assert.equal((await explain('SELECT 1', 'hunter2')).status, 2)
    assert.doesNotMatch((await explain('SELECT 1', 'hunter2')).stderr, /hunter2/)
    assert.equal((await explain('SELECT 1', '[]')).status, 2)
    assert.equal((await explain('SELECT 1', release, { connection: 'dbx' })).status, 2)
    const hidden = await explain('ls \u202E', release, { connection: 'web' })
    assert.deepEqual([hidden.status, hidden.stdout], [2, ''])
    assert.equal((await explain('', release)).status, 2)
    assert.equal((await explain('SELECT 1', release, { claims: '/nonexistent/claims.json' })).status, 3)
  })
})
