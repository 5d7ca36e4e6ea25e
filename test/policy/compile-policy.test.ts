import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { sqlEffects } from '../../gateway/core/command.ts'
import { SallyportError } from '../../gateway/core/errors.ts'
import { compilePolicy } from '../../gateway/policy/compile-policy.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'
import { connections, decide, fileThat, identityWith, kubernetes, outcomeOf, releaseClaims, run, sql, ssh } from './policy-that.ts'

const pullClaims = { repository_id: '123', ref: 'refs/pull/1/merge', event_name: 'pull_request' }
const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'

function using(preset: string, rest = ''): ReturnType<typeof fileThat> {
  return fileThat(rest, connections.replace('database: app,', `database: app, use: [${preset}], approvers: dba,`))
}

function invalid(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'POLICY_INVALID' && /prod/.test(error.message)
}

describe('a decision', () => {
  it('is the strictest of all rules that take the command', () => {
    const rules = ['allow', 'ask, approvers: dba', 'deny'].map(
      (then, index) => `  - { name: r${index}, sql: { effects: [write] }, then: ${then} }\n`,
    )
    assert.equal(outcomeOf(rules.join(''), sql(['write'])), 'deny')
    assert.equal(outcomeOf(rules.slice(0, 2).join(''), sql(['write'])), 'ask')
    assert.equal(outcomeOf(rules.slice(0, 1).join(''), sql(['write'])), 'allow')
  })

  it('allows only what lies inside the listed effects; one common effect is enough to ask or deny', () => {
    const allow = '  - { name: a, sql: { effects: [read, session] }, then: allow }\n'
    assert.equal(outcomeOf(allow, sql(['read'])), 'allow')
    assert.equal(outcomeOf(allow, sql(['read', 'session'])), 'allow')
    assert.equal(outcomeOf(allow, sql(['read', 'write'])), 'deny')
    assert.equal(
      outcomeOf('  - { name: a, then: allow }\n  - { name: b, sql: { effects: [write, ddl] }, then: deny }\n', sql(['read', 'write'])),
      'deny',
    )
    assert.equal(
      outcomeOf('  - { name: a, then: allow }\n  - { name: b, sql: { effects: [write, ddl] }, then: deny }\n', sql(['read'])),
      'allow',
    )
  })

  it('takes what is not understood for unknown, and so never for something harmless', () => {
    const allow = '  - { name: a, sql: { effects: [read] }, then: allow }\n'
    for (const certainty of ['partial', 'opaque'] as const) {
      assert.equal(outcomeOf(allow, sql(['read'], { certainty })), 'deny')
      assert.equal(outcomeOf('  - { name: a, sql: { unfiltered: false }, then: allow }\n', sql(['read'], { certainty })), 'deny')
      assert.equal(outcomeOf('  - { name: a, sql: { effects: [read, unknown] }, then: allow }\n', sql(['read'], { certainty })), 'allow')
      assert.equal(
        outcomeOf('  - { name: e, then: allow }\n  - { name: a, sql: { effects: [unknown] }, then: deny }\n', sql(['read'], { certainty })),
        'deny',
      )
      assert.equal(outcomeOf('  - { name: everything, then: allow }\n', sql(['read'], { certainty })), 'allow')
    }
    assert.equal(outcomeOf(allow, sql([])), 'deny')
  })

  it('tells writes of every row from filtered ones', () => {
    const rules =
      '  - { name: w, sql: { effects: [write] }, then: allow }\n  - { name: u, sql: { unfiltered: true }, then: ask, approvers: dba }\n'
    assert.equal(outcomeOf(rules, sql(['write'])), 'allow')
    assert.equal(outcomeOf(rules, sql(['write'], { unfiltered: true })), 'ask')
    assert.equal(
      outcomeOf('  - { name: w, sql: { effects: [write], unfiltered: false }, then: allow }\n', sql(['write'], { unfiltered: true })),
      'deny',
    )
  })

  it('is the default where no rule takes the command', () => {
    assert.deepEqual(decide(fileThat(''), sql(['read'])), { outcome: 'deny', rule: 'default', because: 'no rule allows it' })
    const open = fileThat('', connections.replace('database: app,', 'database: app, default: allow,'))
    assert.equal(decide(open, sql(['write'])).outcome, 'allow')
    assert.equal(decide(open, sql(['write'], { certainty: 'opaque' })).outcome, 'deny')
    assert.equal(decide(open, sql(['unknown'])).outcome, 'deny')
    const asking = fileThat('', connections.replace('database: app,', 'database: app, default: ask, approvers: dba,'))
    const decision = decide(asking, sql(['write'], { certainty: 'opaque' }))
    assert.equal(decision.outcome === 'ask' && decision.approvers.name, 'dba')
  })

  it('holds a rule to its connections and groups', () => {
    const file = fileThat(`rules:
  - { name: reads, on: [db], sql: { effects: [read] }, then: allow }
  - { name: writes, on: [db], groups: [release], sql: { effects: [write] }, then: allow }
  - { name: elsewhere, on: [web], then: deny }
`)
    assert.equal(decide(file, sql(['write'])).rule, 'writes')
    assert.equal(decide(file, sql(['read']), 'db', identityWith(file, pullClaims)).rule, 'reads')
    assert.equal(decide(file, sql(['write']), 'db', identityWith(file, pullClaims)).rule, 'default')
  })

  it('is deny for an identity that may not open the connection, whatever the rules say', () => {
    const file = fileThat('rules: [{ name: everything, then: allow }]\n')
    assert.deepEqual(decide(file, ssh(), 'web', identityWith(file, pullClaims)), {
      outcome: 'deny',
      rule: 'groups',
      because: 'this identity is in no group that may open web',
    })
    const policy = compilePolicy(file)
    assert.deepEqual(policy.opens(identityWith(file)), ['db', 'web', 'prod'])
    assert.deepEqual(policy.opens(identityWith(file, pullClaims)), ['db'])
    assert.deepEqual(policy.opens(identityWith(file, {})), [])
  })

  it('follows conditions; an error in one keeps allow out and lets ask and deny in', () => {
    for (const [then, team, expected] of [
      ['deny', 'x', 'deny'],
      ['deny', 'y', 'allow'],
      ['deny', null, 'deny'],
      ['ask, approvers: dba', null, 'ask'],
    ] as const) {
      const file = fileThat(
        `rules:\n  - { name: all, sql: { effects: [read] }, then: allow }\n  - { name: c, when: 'claims.team == "x"', then: ${then} }\n`,
      )
      const identity = identityWith(file, team === null ? releaseClaims : { ...releaseClaims, team })
      assert.equal(decide(file, sql(['read']), 'db', identity).outcome, expected)
    }
    assert.equal(outcomeOf(`  - { name: c, when: 'claims.team == "x"', then: allow }\n`, sql(['read'])), 'deny')
    assert.equal(
      outcomeOf(`  - { name: c, when: 'command.verb == "select" && run.job == "migrate"', then: allow }\n`, sql(['read'])),
      'allow',
    )
    assert.equal(outcomeOf(`  - { name: c, when: 'command.verb == "delete"', then: allow }\n`, sql(['read'])), 'deny')
  })

  it('notices another run, and keeps identities apart', () => {
    const file = fileThat(`rules: [{ name: r, when: 'run.actor == "sam" && claims.environment == "production"', then: allow }]\n`)
    const policy = compilePolicy(file)
    const db = policy.connections.get('db')
    assert.ok(db !== undefined)
    const identity = identityWith(file)
    assert.equal(policy.decide(identity, db, sql(['read']), run).outcome, 'allow')
    assert.equal(policy.decide(identity, db, sql(['read']), { ...run, actor: 'kim' }).outcome, 'deny')
    assert.equal(policy.decide(identity, db, sql(['read']), run).outcome, 'allow')
    assert.equal(policy.decide(identityWith(file, { ...releaseClaims, environment: 'test' }), db, sql(['read']), run).outcome, 'deny')
  })

  it('asks the approvers that are hardest to get when several rules ask', () => {
    const rules = '  - { name: a, then: ask, approvers: dba }\n  - { name: b, then: ask, approvers: sre }\n'
    for (const text of [rules, rules.split('\n').toReversed().filter(Boolean).join('\n').concat('\n')]) {
      const decision = decide(fileThat(`rules:\n${text}`), sql(['read']))
      assert.equal(decision.outcome === 'ask' && decision.approvers.name, 'sre')
    }
  })
})

describe('the built-in rule sets', () => {
  it('read-only allows reads and what only the session feels', () => {
    const file = using('read-only')
    assert.equal(decide(file, sql(['read', 'session'])).outcome, 'allow')
    for (const effect of sqlEffects)
      if (effect !== 'read' && effect !== 'session') assert.equal(decide(file, sql(['read', effect])).outcome, 'deny', effect)
  })

  it('careful allows filtered writes, asks for unfiltered ones and ddl, denies power and what is not understood', () => {
    const file = using('careful')
    assert.equal(decide(file, sql(['read', 'write', 'transaction'])).outcome, 'allow')
    assert.equal(decide(file, sql(['write'], { unfiltered: true })).outcome, 'ask')
    assert.equal(decide(file, sql(['ddl'])).outcome, 'ask')
    for (const effect of ['privilege', 'file', 'program', 'admin', 'unknown'] as const) {
      assert.equal(decide(file, sql(['ddl', effect])).outcome, 'deny', effect)
    }
    assert.equal(decide(file, sql(['read'], { certainty: 'opaque' })).outcome, 'deny')
    assert.equal(decide(file, sql(['write'])).rule, 'careful/reads-and-filtered-writes')
  })

  it('are ordinary rules: a rule of the file can be stricter', () => {
    const file = using('careful', 'rules: [{ name: freeze, sql: { effects: [write] }, then: deny }]\n')
    assert.equal(decide(file, sql(['write'])).rule, 'freeze')
  })

  it('ask nobody in a file without approvers, so that nothing they ask for runs', () => {
    const text = `version: 1
issuers: { github: { url: https://token.actions.githubusercontent.com, audience: a } }
groups: { release: { issuer: github, when: 'claims.repository_id == "123"' } }
connections: { db: { protocol: postgres, address: db, credential: env://X, groups: [release], use: [careful] } }
`
    const file = parsePolicy(text, 'p')
    const decision = decide(file, sql(['ddl']))
    assert.ok(decision.outcome === 'ask')
    assert.deepEqual([decision.approvers.users, decision.approvers.teams], [[], []])
    assert.match(file.warnings.join(), /nobody is named/)
  })
})

describe('a compiled policy', () => {
  it('has the text of the certificates that the file names, and does not start without', () => {
    const file = parsePolicy(readFileSync(new URL('whole.sallyport.yml', import.meta.url), 'utf8'), 'sallyport.yml')
    assert.equal(compilePolicy(file, name => (name === 'FILE' ? pem : '')).connections.get('prod')?.tls.ca, pem)
    assert.throws(() => compilePolicy(file), invalid)
    assert.throws(() => compilePolicy(file, () => 'no certificate'), invalid)
  })

  it('judges every protocol by the rules of the reference page', () => {
    const file = parsePolicy(readFileSync(new URL('whole.sallyport.yml', import.meta.url), 'utf8'), 'sallyport.yml')
    const policy = compilePolicy(file, () => pem)
    const identity = identityWith(file)
    const of = (to: string, command: Parameters<typeof policy.decide>[2]): string => {
      const connection = policy.connections.get(to)
      assert.ok(connection !== undefined)
      return policy.decide(identity, connection, command, run).outcome
    }
    assert.equal(of('orders-db', sql(['write'])), 'allow')
    assert.equal(of('orders-db', sql(['ddl', 'write'], { unfiltered: true })), 'deny')
    assert.equal(of('web', ssh({ programs: ['systemctl'], argvs: [['systemctl', 'restart', 'x']] })), 'allow')
    assert.equal(of('web', ssh({ request: 'sftp', operation: 'write', paths: ['/srv/app/a/b.js'] })), 'allow')
    assert.equal(of('web', ssh({ request: 'sftp', operation: 'write', paths: ['/etc/passwd'] })), 'deny')
    assert.equal(of('prod', kubernetes()), 'allow')
    assert.equal(of('prod', kubernetes({ verb: 'delete' })), 'ask')
    assert.equal(of('prod', kubernetes({ verb: 'delete', namespace: 'other' })), 'deny')
  })
})

describe('looking at the text of a command', () => {
  const looks = (rules: string, connection = 'db'): boolean | undefined => {
    const policy = compilePolicy(fileThat(`rules:\n${rules}`))
    const known = policy.connections.get(connection)
    assert.ok(known !== undefined)
    return policy.looksAtText?.(known)
  }

  it('is what a condition that names the command may do, whatever else it names', () => {
    assert.equal(looks(`  - { name: a, sql: { effects: [read] }, when: 'command.text.contains("secret")', then: deny }\n`), true)
    assert.equal(
      looks(`  - { name: a, sql: { effects: [read] }, when: 'run.actor == "x" || command.values.exists(v, v == "1")', then: deny }\n`),
      true,
    )
  })

  it('is what no other rule does', () => {
    assert.equal(looks(`  - { name: a, sql: { effects: [read], unfiltered: false }, when: 'run.actor == "x"', then: allow }\n`), false)
    assert.equal(looks(`  - { name: a, on: [web], when: 'command.text == "ls"', then: deny }\n`), false)
    assert.equal(looks(`  - { name: a, on: [web], when: 'command.text == "ls"', then: deny }\n`, 'web'), true)
  })
})

describe('a connection on which everything is allowed', () => {
  function isOpen(rules: string, connection = 'db'): boolean | undefined {
    const policy = compilePolicy(fileThat(`rules:\n${rules}`))
    const known = policy.connections.get(connection)
    assert.ok(known !== undefined)
    return policy.allowsEverything?.(identityWith(fileThat('')), known, run)
  }

  it('has a rule without a condition that takes every command, and none that asks or denies', () => {
    assert.equal(isOpen('  - { name: everything, then: allow }\n'), true)
    assert.equal(isOpen('  - { name: everything, then: allow }\n  - { name: more, sql: { effects: [read] }, then: allow }\n'), true)
    assert.equal(isOpen('  - { name: everything, then: allow }\n  - { name: no-ddl, sql: { effects: [ddl] }, then: deny }\n'), false)
    assert.equal(isOpen('  - { name: everything, when: \'command.text != "x"\', then: allow }\n'), false)
    assert.equal(isOpen('  - { name: understood, sql: { effects: [read, write, unknown] }, then: allow }\n'), false)
    assert.equal(isOpen('  - { name: everything, groups: [pulls], then: allow }\n'), false)
    assert.equal(isOpen('  - { name: everything, on: [web], then: allow }\n'), false)
  })
})
