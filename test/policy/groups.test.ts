import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explainGroups, groupsOf, issuerFor } from '../../gateway/policy/groups.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'

const file = parsePolicy(
  `version: 1
issuers:
  github: { url: https://token.actions.githubusercontent.com, audience: a }
  corp: { url: "http://127.0.0.1:8080/oauth2", audience: a, algorithms: [ES256] }
groups:
  release: { issuer: github, when: 'claims.repository_id == "123" && claims.environment == "production"' }
  anything: { issuer: github, when: 'claims.repository_id == "123"' }
  triage: { issuer: github, when: 'claims.repository_id == "123" && claims["event_name"] in ["issue_comment", "push"]' }
  dba: { issuer: corp, when: '"dba" in claims.groups' }
connections: {}
`,
  'sallyport.yml',
)

function groupsFor(claims: Readonly<Record<string, unknown>>, issuer = 'github'): readonly string[] {
  return [...groupsOf(file, issuer, claims)].toSorted()
}

describe('groups', () => {
  it('are those whose condition holds for the verified claims', () => {
    assert.deepEqual(groupsFor({ repository_id: '123', environment: 'production', event_name: 'push' }), ['anything', 'release', 'triage'])
    assert.deepEqual(groupsFor({ repository_id: '124', environment: 'production', event_name: 'push' }), [])
    assert.deepEqual(groupsFor({ groups: ['dev', 'dba'] }, 'corp'), ['dba'])
  })

  it('are none when a claim is missing or of another type', () => {
    assert.deepEqual(groupsFor({}), [])
    assert.deepEqual(groupsFor({ repository_id: 123 }), [])
    assert.deepEqual(groupsFor({ groups: 7 }, 'corp'), [])
    assert.deepEqual(groupsFor({ _claim_names: { groups: 'src1' } }, 'corp'), [])
  })

  it('of one issuer are closed to the tokens of another, whatever these claim', () => {
    assert.deepEqual(groupsFor({ repository_id: '123', environment: 'production', groups: ['dba'] }, 'corp'), ['dba'])
    assert.deepEqual(groupsFor({ groups: ['dba'] }), [])
    assert.deepEqual(groupsFor({ repository_id: '123' }, 'stranger'), [])
  })

  for (const event of ['pull_request_target', 'workflow_run', 'issue_comment']) {
    it(`let ${event} in only where the condition speaks of the event`, () => {
      const claims = { repository_id: '123', environment: 'production', event_name: event }
      assert.deepEqual(groupsFor(claims), event === 'issue_comment' ? ['triage'] : [])
      const reasons = explainGroups(file, 'github', claims).find(finding => finding.group.name === 'release')?.reasons
      assert.match(reasons?.join() ?? '', new RegExp(`${event} runs on words of others`))
    })
  }

  it('say what keeps a token out', () => {
    const findings = explainGroups(file, 'github', { repository_id: '123', event_name: 'push' })
    assert.deepEqual(findings.find(finding => finding.group.name === 'release')?.reasons, ['not true: claims.environment == "production"'])
    assert.deepEqual(findings.find(finding => finding.group.name === 'dba')?.reasons, ['it is for tokens of corp'])
    assert.deepEqual(
      findings.find(finding => finding.group.name === 'anything'),
      { group: file.groups.get('anything'), matches: true, reasons: [] },
    )
  })
})

describe('issuers', () => {
  it('are matched by the exact iss', () => {
    assert.equal(issuerFor(file, 'https://token.actions.githubusercontent.com')?.name, 'github')
    assert.deepEqual(issuerFor(file, 'http://127.0.0.1:8080/oauth2')?.algorithms, ['ES256'])
    for (const iss of [
      'https://token.actions.githubusercontent.com/',
      'https://TOKEN.actions.githubusercontent.com',
      'github',
      '',
      'https://token.actions.githubusercontent.com.evil.example',
    ]) {
      assert.equal(issuerFor(file, iss), null, iss)
    }
  })
})
