import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { sqlEffects } from '../../gateway/core/command.ts'
import type { Command } from '../../gateway/core/command.ts'
import { compilePolicy } from '../../gateway/policy/compile-policy.ts'
import { explainDecision } from '../../gateway/policy/explain-decision.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'
import type { PolicyFile } from '../../gateway/policy/policy-file.ts'
import { PolicyInvalid } from '../../gateway/policy/problems.ts'
import { connections, exec, head, identityWith, kubernetes, people, run, sql, ssh } from './policy-that.ts'

const whole = readFileSync(new URL('whole.sallyport.yml', import.meta.url), 'utf8')
const strictness = { allow: 0, ask: 1, deny: 2 } as const

const effects = fc.uniqueArray(fc.constantFrom(...sqlEffects), { minLength: 1, maxLength: 4 })
const sqlPart = fc.record({ effects, unfiltered: fc.boolean() }, { requiredKeys: ['effects'] })
const sshPart = fc.record(
  {
    requests: fc.uniqueArray(fc.constantFrom('exec', 'shell', 'sftp'), { minLength: 1 }),
    programs: fc.uniqueArray(fc.constantFrom('ls', 'rm', '*'), { minLength: 1 }),
    paths: fc.constantFrom(['/srv/**'], ['/**'], ['/etc/*']),
  },
  { requiredKeys: ['requests'] },
)
const kubernetesPart = fc.record(
  {
    verbs: fc.uniqueArray(fc.constantFrom('get', 'list', 'delete', '*'), { minLength: 1 }),
    resources: fc.constantFrom(['pods'], ['*'], ['pods/exec', 'secrets']),
    namespaces: fc.constantFrom(['shop'], ['*']),
  },
  { requiredKeys: ['verbs'] },
)
const condition = fc.constantFrom(
  'claims.environment == "production"',
  'claims.absent == "x"',
  'command.verb in ["select", "get", "exec"]',
  'command.resources.size() > 0',
  'command.text > 5',
  'identity.groups.exists(g, g == "pulls")',
)
const rule = fc
  .record(
    {
      part: fc.oneof(
        fc.constant({}),
        sqlPart.map(part => ({ sql: part })),
        sshPart.map(part => ({ ssh: part })),
        kubernetesPart.map(part => ({ kubernetes: part })),
      ),
      groups: fc.constantFrom(['release'], ['pulls'], ['release', 'pulls']),
      when: condition,
      outcome: fc.constantFrom('allow', 'deny', 'ask dba', 'ask sre'),
      because: fc.constantFrom('a reason', 'another'),
    },
    { requiredKeys: ['part', 'outcome'] },
  )
  .map(({ part, outcome, ...rest }) => ({ outcome, entry: { ...part, ...rest } }))
const rules = fc.array(rule, { maxLength: 8 })

const certainty = fc.constantFrom('parsed', 'partial', 'opaque' as const)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ effects, unfiltered: fc.boolean(), certainty }).map(({ effects, ...rest }) => sql(effects, rest)),
  certainty.chain(certainty =>
    fc.constantFrom<Command>(
      { ...exec(['ls', '-l']), certainty },
      { ...exec(['ls'], ['/bin/rm', 'x']), certainty },
      ssh({ request: 'shell', certainty }),
      ssh({ request: 'sftp', operation: 'write', paths: ['/srv/x', '/etc/../y'], certainty }),
    ),
  ),
  certainty.chain(certainty =>
    fc.constantFrom<Command>(
      kubernetes({ certainty }),
      kubernetes({ resource: 'pods/exec', certainty }),
      kubernetes({ verb: 'list', namespace: '', name: '', certainty }),
    ),
  ),
)

const addresses: Readonly<Record<Command['protocol'], string>> = { postgres: 'db', ssh: 'web', kubernetes: 'prod' }

interface RandomRule {
  readonly outcome: string
  readonly entry: object
}

function fileOf(entries: readonly RandomRule[], order: readonly number[]): PolicyFile {
  const texts = entries.map(({ outcome, entry }, index) => {
    const [then, approvers] = outcome.split(' ')
    const keys = Object.entries({ name: `r${index}`, ...entry, ...(approvers === undefined ? {} : { approvers }) })
    return `  - { ${keys.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ')}, then: ${then} }\n`
  })
  return parsePolicy(
    `${head}${connections}${people}rules:${order.length === 0 ? ' []' : ''}\n${order.map(index => texts[index]).join('')}`,
    'sallyport.yml',
  )
}

/** The rule takes what is not understood by its own words. */
function saysSo({ outcome, entry }: RandomRule): boolean {
  const hasPart = 'sql' in entry || 'ssh' in entry || 'kubernetes' in entry
  return outcome === 'allow' && (!hasPart || /unknown|shell/.test(JSON.stringify(entry)))
}

function decisionOf(file: PolicyFile, command: Command): ReturnType<ReturnType<typeof compilePolicy>['decide']> {
  const policy = compilePolicy(file)
  const identity = identityWith(file)
  const connection = policy.connections.get(addresses[command.protocol])
  assert.ok(connection !== undefined)
  const decision = policy.decide(identity, connection, command, run)
  const explained = explainDecision(file, policy, identity, connection.name, command, run)
  assert.equal(explained.matched[0]?.rule.name ?? 'default', decision.rule, 'the explanation names the rule that decided')
  return decision
}

describe('any policy', () => {
  it('decides the same, by the same rule, in whatever order its rules stand', () => {
    fc.assert(
      fc.property(
        rules.chain(entries => fc.tuple(fc.constant(entries), fc.shuffledSubarray([...entries.keys()], { minLength: entries.length }))),
        command,
        ([entries, order], command) => {
          assert.deepEqual(decisionOf(fileOf(entries, [...entries.keys()]), command), decisionOf(fileOf(entries, order), command))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('never becomes more permissive by one more deny or ask', () => {
    fc.assert(
      fc.property(rules, rule, command, (entries, extra, command) => {
        fc.pre(extra.outcome !== 'allow')
        const before = decisionOf(fileOf(entries, [...entries.keys()]), command)
        const after = decisionOf(fileOf([...entries, extra], [...entries.keys(), entries.length]), command)
        // An ask may open what only the default denied: asking is what it is for.
        if (before.rule === 'default' && extra.outcome.startsWith('ask')) return
        assert.ok(strictness[after.outcome] >= strictness[before.outcome])
      }),
      { numRuns: 150 },
    )
  })

  it('never allows what is not understood unless a rule says so in so many words', () => {
    fc.assert(
      fc.property(rules, command, (entries, command) => {
        fc.pre(command.certainty !== 'parsed')
        const narrow = entries.filter(entry => !saysSo(entry))
        assert.notEqual(decisionOf(fileOf(narrow, [...narrow.keys()]), command).outcome, 'allow')
      }),
      { numRuns: 150 },
    )
  })
})

describe('a policy file with a mistake in it', () => {
  it('is read or refused with a place, whatever the mistake', () => {
    const lines = whole.split('\n')
    const scraps = [
      '',
      '{',
      '}',
      '[',
      ']',
      ':',
      '"',
      '&a',
      '*a',
      '<<: *a',
      '- ',
      '  ',
      '\t',
      'null',
      '7',
      '!x',
      '|',
      '---',
      '%YAML 1.1',
      '\u0000',
      '\uD800',
      '__proto__: 1',
      'constructor',
    ]
    const mutation = fc.oneof(
      fc
        .tuple(fc.nat(whole.length), fc.nat(30), fc.constantFrom(...scraps))
        .map(([at, length, scrap]) => whole.slice(0, at) + scrap + whole.slice(at + length)),
      fc.tuple(fc.nat(lines.length), fc.nat(lines.length)).map(([from, to]) => lines.toSpliced(from, 1, lines[to] ?? '').join('\n')),
      fc.string({ maxLength: 200 }),
    )
    fc.assert(
      fc.property(mutation, text => {
        try {
          parsePolicy(text, 'sallyport.yml')
        } catch (error) {
          assert.ok(error instanceof PolicyInvalid, String(error))
          assert.ok(error.problems.length > 0 && error.problems.length <= 20)
          for (const line of error.message.split('\n')) assert.match(line, /^sallyport\.yml:(?:\d+:\d+:| and \d+ more)/)
        }
      }),
      { numRuns: 400 },
    )
  })
})
