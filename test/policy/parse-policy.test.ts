import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'
import { authorityFiles } from '../../gateway/policy/policy-file.ts'
import { connections, fileThat, head, people, problemsOf } from './policy-that.ts'

const whole = readFileSync(new URL('whole.sallyport.yml', import.meta.url), 'utf8')

/** A file whose connection `db` is this. */
function withDb(entry: string): string {
  return `${head}connections:\n  db: ${entry}\n`
}

describe('a policy file', () => {
  it('is read whole: every block of the reference page', () => {
    const file = parsePolicy(whole, 'sallyport.yml')
    assert.deepEqual([...file.connections.keys()], ['orders-db', 'web', 'prod'])
    assert.equal(file.rules.length, 8)
    const db = file.connections.get('orders-db')
    assert.equal(db?.connection.host, 'orders.internal')
    assert.equal(db?.connection.port, 5432)
    assert.deepEqual(db?.connection.tls, { mode: 'verify-full', ca: null })
    assert.equal(db?.connection.credential.path, 'database/creds/orders-ci')
    assert.deepEqual(file.connections.get('prod')?.connection.credential.params, { namespace: 'shop' })
    assert.deepEqual(authorityFiles(file), ['FILE'])
    assert.deepEqual(file.approvers.get('sre'), { name: 'sre', users: [], teams: ['acme/sre'], count: 2, timeoutMs: 3_600_000 })
    assert.deepEqual(file.masks[0]?.columns[2], { schema: '*', table: '*', column: 'password_hash' })
    assert.deepEqual(file.masks[1]?.with, { kind: 'keep-last', count: 4 })
    assert.deepEqual(file.masks[2]?.fields, [{ resource: 'configmaps', path: ['data', 'password'] }])
    assert.deepEqual(file.recording.sinks, ['artifact', 's3://acme-audit/sallyport?lock=compliance&days=400'])
    assert.equal(file.tests[0]?.expect, 'deny')
    assert.match(file.digest, /^sha256:[0-9a-f]{64}$/)
  })

  it('has safe defaults: deny, verify-full, RS256, redact, one approver in half an hour', () => {
    const file = fileThat('masks: [{ name: m, columns: [a.b.c] }]\n')
    assert.equal(file.connections.get('db')?.default, 'deny')
    assert.equal(file.connections.get('db')?.connection.tls.mode, 'verify-full')
    assert.deepEqual(file.issuers.get('github')?.algorithms, ['RS256'])
    assert.deepEqual(file.masks[0]?.with, { kind: 'redact' })
    assert.equal(file.masks[0]?.inference, 'allow')
    assert.equal(file.approvers.get('dba')?.timeoutMs, 30 * 60_000)
    assert.deepEqual(file.recording, { rows: 100, encryptTo: [], sinks: ['artifact'] })
  })

  it('refuses an unknown key with its place and the key that was meant', () => {
    const text = `${head}${connections}mask_s: []\n`
    assert.deepEqual(problemsOf(text), ['sallyport.yml:11:1: unknown key "mask_s" (did you mean "masks"?)'])
    assert.match(
      problemsOf(`${head}${connections}rules:\n  - { name: a, hwen: "true", then: allow }\n`).join(),
      /12:16: unknown key "hwen" \(did you mean "when"\?\)/,
    )
    assert.match(
      problemsOf(withDb('{ protocol: ssh, host_keys: [] }')).join('\n'),
      /unknown key "host_keys" \(did you mean "host-keys"\?\)/,
    )
  })

  it('says all problems at once, in the order of the file, whatever kind they are', () => {
    const text = `${head}${connections}rules:
  - { name: a, on: [dbb], then: alow }
  - { name: b, groups: [relase], then: allow }
  - { name: c, when: claim.x == 1, then: deny, extra: 1 }
masks:
  - { name: m, columns: [customers.email] }
`
    const problems = problemsOf(text)
    assert.deepEqual(
      problems.map(problem => problem.replace(/^sallyport.yml:(\d+):\d+: .*?(unknown \S+|a column).*$/, '$1 $2')),
      ['12 unknown word', '13 unknown group', '14 unknown name', '14 unknown key', '16 a column'],
    )
  })

  it('stops after twenty problems and says how many there are', () => {
    const rules = Array.from({ length: 30 }, (_, index) => `  - { name: r${index}, on: [nowhere], then: allow }\n`).join('')
    const problems = problemsOf(`${head}${connections}rules:\n${rules}`)
    assert.equal(problems.length, 21)
    assert.equal(problems.at(-1), 'sallyport.yml: and 10 more')
  })

  for (const [what, rest, expected] of [
    ['an unknown connection', 'rules: [{ name: a, on: [wbe], then: allow }]', /unknown connection "wbe" \(did you mean "web"\?\)/],
    [
      'an unknown group of a rule',
      'rules: [{ name: a, groups: [nobody], then: allow }]',
      /unknown group "nobody"; there is release, pulls/,
    ],
    ['unknown approvers', 'rules: [{ name: a, then: ask, approvers: dbaa }]', /unknown entry of approvers "dbaa" \(did you mean "dba"\?\)/],
    ['an ask without approvers when there are several', 'rules: [{ name: a, then: ask }]', /name an entry of approvers/],
    ['approvers of a rule that asks nobody', 'rules: [{ name: a, then: deny, approvers: dba }]', /nobody is asked by this rule/],
    ['two rules of one name', 'rules: [{ name: a, then: deny }, { name: a, then: allow }]', /"a" is the name of an earlier one/],
    ['a rule called default', 'rules: [{ name: default, then: deny }]', /what decisions without a rule are called/],
    [
      'a part no connection speaks',
      'rules: [{ name: a, on: [db], ssh: { requests: [exec] }, then: allow }]',
      /no connection of this rule speaks ssh/,
    ],
    ['a part that says nothing', 'rules: [{ name: a, sql: {}, then: allow }]', /this part says nothing/],
    ['an empty list', 'rules: [{ name: a, sql: { effects: [] }, then: deny }]', /an empty list says nothing/],
    ['an unknown effect', 'rules: [{ name: a, sql: { effects: [reed] }, then: deny }]', /unknown word "reed" \(did you mean "read"\?\)/],
    [
      'a field of another protocol in a condition',
      'rules: [{ name: a, on: [db], when: command.namespace == "x", then: deny }]',
      /unknown name "command.namespace"/,
    ],
    ['a mask that hides nothing', 'masks: [{ name: m }]', /hides nothing/],
    ['a mask of an unknown pattern', 'masks: [{ name: m, patterns: [credit-crad] }]', /unknown pattern \(did you mean "credit-card"\?\)/],
    ['a mask with look-around', 'masks: [{ name: m, patterns: ["(?=x)y"] }]', /not a regular expression that RE2 reads/],
    ['a mask that matches everywhere', 'masks: [{ name: m, patterns: ["x*"] }]', /matches the empty text/],
    ['an unknown kind of mask', 'masks: [{ name: m, patterns: [email], with: keep-last-99 }]', /keep-last-N/],
    ['unless with an unknown group', 'masks: [{ name: m, patterns: [email], unless: [dba] }]', /unknown group "dba"/],
    [
      'a test to nowhere',
      'tests: [{ name: t, as: { issuer: github, claims: {} }, to: dbx, run: x, expect: deny }]',
      /unknown connection "dbx" \(did you mean "db"\?\)/,
    ],
    ['a sink of another kind', 'recording: { sinks: ["http://x"] }', /a sink is artifact/],
    ['a relative path pattern', 'rules: [{ name: a, ssh: { paths: ["srv/**"] }, then: allow }]', /a path begins with "\/"/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const problems = problemsOf(`${head}${connections}${people}${rest}\n`)
      assert.match(problems.join('\n'), expected)
      assert.match(problems[0] ?? '', /^sallyport\.yml:1[4-9]:\d+: /)
    })
  }

  for (const [what, entry, expected] of [
    ['no groups', '{ protocol: postgres, address: db, credential: env://X }', /"groups" is missing/],
    ['an unknown protocol', '{ protocol: postgress, address: db }', /unknown word "postgress" \(did you mean "postgres"\?\)/],
    ['no protocol', '{ address: db }', /"protocol" is missing/],
    ['a port out of range', '{ protocol: postgres, address: "db:99999", credential: env://X, groups: [release] }', /a port is 1 to 65535/],
    ['a cluster over http', '{ protocol: kubernetes, address: "http://10.0.0.1", credential: env://X, groups: [release] }', /https only/],
    [
      'a login in the address',
      '{ protocol: kubernetes, address: "https://a:hunter2@x", credential: env://X, groups: [release] }',
      /a login never stands in a URL/,
    ],
    [
      'vault without a source',
      '{ protocol: postgres, address: db, credential: "vault://a/b", groups: [release] }',
      /unknown source "vault"/,
    ],
    [
      'an unpinned host key',
      '{ protocol: ssh, address: web, host-keys: [any], credential: env://X, groups: [release] }',
      /pinned by its fingerprint/,
    ],
    [
      'a CA for a connection that checks nothing',
      '{ protocol: postgres, address: db, tls: { mode: require, ca: F }, credential: env://X, groups: [release] }',
      /ca has no meaning/,
    ],
    [
      'a CA outside the folder',
      '{ protocol: postgres, address: db, tls: { ca: ../ca.pem }, credential: env://X, groups: [release] }',
      /beside the policy/,
    ],
    [
      'an unknown key below tls',
      '{ protocol: postgres, address: db, tls: { mod: require }, credential: env://X, groups: [release] }',
      /unknown key "mod" \(did you mean "mode"\?\)/,
    ],
    [
      'an unknown tls mode',
      '{ protocol: postgres, address: db, tls: verify_full, credential: env://X, groups: [release] }',
      /unknown word "verify_full" \(did you mean "verify-full"\?\)/,
    ],
    [
      'a rule set on ssh',
      '{ protocol: ssh, address: web, host-keys: ["SHA256:x"], use: [careful], credential: env://X, groups: [release] }',
      /for postgres/,
    ],
    [
      'a function without its schema',
      '{ protocol: postgres, address: db, functions: { trust: [f] }, credential: env://X, groups: [release] }',
      /schema\.name/,
    ],
  ] as const) {
    it(`refuses a connection with ${what}`, () => {
      const problems = problemsOf(withDb(entry)).join('\n')
      assert.match(problems, expected)
      assert.doesNotMatch(problems, /hunter2/)
    })
  }

  it('never repeats what stands where a credential should: it may be one', () => {
    for (const secret of [
      'hunter2-secret',
      'postgres://u:hunter2-secret@db',
      'hunter2-secret://x',
      '"hunter2-secret: x"',
      '[hunter2-secret]',
    ]) {
      const problems = problemsOf(withDb(`{ protocol: postgres, address: db, credential: ${secret}, groups: [release] }`)).join('\n')
      assert.notEqual(problems, '')
      assert.doesNotMatch(problems, /hunter2/)
    }
  })

  it('refuses two names that would be one variable of the job', () => {
    const entry = '{ protocol: postgres, address: db, credential: env://X, groups: [release] }'
    assert.match(problemsOf(`${head}connections:\n  a-b: ${entry}\n  a_b: ${entry}\n`).join(), /would both be SALLYPORT_A_B_URL/)
  })

  it('takes the only approvers when none are named, and certificates in the file itself', () => {
    const pem = '-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n'
    const text = `${withDb(`{ protocol: postgres, address: "[::1]:6432", tls: { ca: "${pem}" }, credential: env://X, groups: [release] }`)}approvers: { dba: { users: [dana] } }\nrules: [{ name: a, then: ask }]\n`
    const file = parsePolicy(text, 'p')
    assert.equal(file.rules[0]?.approvers?.name, 'dba')
    assert.equal(file.connections.get('db')?.connection.host, '::1')
    assert.match(file.connections.get('db')?.connection.tls.ca ?? '', /^-----BEGIN CERTIFICATE-----\nMIIB/)
    assert.deepEqual(authorityFiles(file), [])
  })

  it('folds names of columns as the server does, unless they are quoted', () => {
    const file = fileThat(`masks: [{ name: m, columns: [Public.Customers.Email, 'public."Odd.Table"."E-Mail"'] }]\n`)
    assert.deepEqual(file.masks[0]?.columns, [
      { schema: 'public', table: 'customers', column: 'email' },
      { schema: 'public', table: 'Odd.Table', column: 'E-Mail' },
    ])
  })

  it('warns of a group that the whole world could join, and of what nobody uses', () => {
    const file = parsePolicy(
      `version: 1
issuers: { github: { url: https://token.actions.githubusercontent.com, audience: a } }
groups: { all: { issuer: github, when: 'claims.ref == "refs/heads/main"' }, spare: { issuer: github, when: 'claims.repository_id == "1"' } }
connections: { db: { protocol: postgres, address: db, credential: env://X, groups: [all] } }
approvers: { dba: { users: [dana] } }
`,
      'p.yml',
    )
    assert.deepEqual(
      file.warnings.map(warning => warning.replace(/^p\.yml:\d+:\d+: /, '')),
      [
        'this issuer signs for everybody: compare an id of yours, such as claims.repository_id',
        'no connection lets group "spare" in',
        'no rule allows anything on "db", so every command is denied',
        'nothing asks "dba"',
      ],
    )
  })

  it('trusts functions of the connection and of the file', () => {
    const file = parsePolicy(
      `${withDb('{ protocol: postgres, address: db, functions: { trust: [Public.Safe_Add] }, credential: env://X, groups: [release] }')}functions: { trust: [util.now_utc] }\n`,
      'p',
    )
    assert.deepEqual([...(file.connections.get('db')?.trustedFunctions ?? [])].toSorted(), ['public.safe_add', 'util.now_utc'])
  })
})
