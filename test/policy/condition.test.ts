import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileCondition } from '../../gateway/policy/condition.ts'
import type { Condition } from '../../gateway/policy/condition.ts'
import { commandScope, groupNames, groupScope, ruleNames, sessionScope } from '../../gateway/policy/condition-scope.ts'
import { compilePolicy } from '../../gateway/policy/compile-policy.ts'
import { fileThat, identityWith, kubernetes, run, sql } from './policy-that.ts'
import { cpuMsOf } from '../cpu-time.ts'

const names = ruleNames(['postgres', 'ssh', 'kubernetes'])

function conditionOf(source: string): Condition {
  const compiled = compileCondition(source, names)
  assert.ok('condition' in compiled, 'problems' in compiled ? compiled.problems.join('; ') : '')
  return compiled.condition
}

function problemsIn(source: string, scope = names): string {
  const compiled = compileCondition(source, scope)
  return 'problems' in compiled ? compiled.problems.join('; ') : ''
}

function valueFor(source: string, claims: Readonly<Record<string, unknown>>): boolean | null {
  return conditionOf(source).evaluate(groupScope('github', claims))
}

describe('a condition', () => {
  it('reads claims of any shape, whole numbers as ints, names with dots by index', () => {
    const claims = {
      a: 'x',
      n: 5,
      f: 1.5,
      yes: true,
      nothing: null,
      list: ['p', 'q'],
      deep: { inner: ['z'] },
      'oidc.circleci.com/project-id': '9',
    }
    assert.equal(valueFor('claims.a == "x" && claims.n == 5 && claims.n + 1 == 6 && claims.f < 2.0', claims), true)
    assert.equal(valueFor('"q" in claims.list && claims.deep.inner[0] == "z" && claims.nothing == null', claims), true)
    assert.equal(valueFor('claims["oidc.circleci.com/project-id"] == "9"', claims), true)
    assert.equal(valueFor('claims.list.exists(x, x.startsWith("q")) && !claims.list.all(x, x == "q")', claims), true)
    assert.equal(valueFor('claims.a.matches("^x$") && has(claims.a) && !has(claims.absent)', claims), true)
    assert.equal(valueFor('claims.n == "5"', claims), false)
  })

  it('is null where it cannot be told: a missing claim, another type, no boolean', () => {
    assert.equal(valueFor('claims.absent == "x"', {}), null)
    assert.equal(valueFor('claims.a.startsWith("x")', { a: 7 }), null)
    assert.equal(valueFor('claims.a', { a: 'text' }), null)
    assert.equal(valueFor('claims.a', { a: true }), true)
    assert.equal(valueFor('claims.absent == "x" || claims.a == "y"', { a: 'y' }), true)
    assert.equal(valueFor('claims.absent == "x" && claims.a == "y"', { a: 'z' }), false)
  })

  it('sees nothing of JavaScript behind a claim', () => {
    for (const field of ['constructor', '__proto__', 'toString', 'length', 'hasOwnProperty']) {
      assert.equal(valueFor(`has(claims.${field})`, { a: 'x' }), false, field)
      assert.equal(valueFor(`claims.a.${field} == "x"`, { a: 'x' }), null, field)
    }
  })

  for (const [source, expected] of [
    ['clams.a == "x"', 'unknown name "clams" (did you mean "claims"?)'],
    ['command.namspace == "x"', 'unknown name "command.namspace" (did you mean "namespace"?)'],
    ['command["namspace"] == "x"', 'unknown name "command.namspace" (did you mean "namespace"?)'],
    ['command[claims.x] == "x"', 'command[…] needs a literal name'],
    ['has(identity.name)', 'unknown name "identity.name"'],
    ['claims.list.exists(x, y == x)', 'unknown name "y"'],
    ['identity.groups.exists(g, g == claims.a) && g == "x"', 'unknown name "g"'],
    ['claims.a.matches(claims.b)', 'the expression of matches() must be a literal text'],
    ['claims.a.matches("(")', 'this is not a regular expression that RE2 reads (no look-around, no back-references)'],
    ['claims.a.matches("(a)\\\\1")', 'this is not a regular expression that RE2 reads (no look-around, no back-references)'],
    ['claims.a.startWith("x")', 'unknown function "startWith"'],
    ['lookup(claims.a)', 'unknown function "lookup"'],
    ['"text"', 'the condition must be true or false, this is neither'],
    ['size(claims.a)', 'the condition must be true or false, this is neither'],
    ['claims', 'the condition must be true or false, this is neither'],
    ['claims.a + "x"', 'the condition must be true or false, this is neither'],
    ['google.protobuf.Duration{seconds: 1} == 1', 'unknown type "google.protobuf.Duration"'],
    ['[1].all(a, [2].all(b, [3].all(c, true)))', 'exists, all, map and filter may be nested 2 deep'],
  ] as const) {
    it(`is refused when it is loaded: ${source}`, () => {
      assert.equal(problemsIn(source), expected)
    })
  }

  it('is refused when it is not CEL, too long or too deep', () => {
    assert.match(problemsIn('claims.a == '), /^the condition is not CEL/)
    assert.match(problemsIn(''), /^the condition is not CEL/)
    assert.equal(problemsIn(`claims.a == "${'x'.repeat(2100)}"`), 'the condition is longer than 2048 bytes')
    assert.match(problemsIn(`${'size('.repeat(150)}claims.a${')'.repeat(150)} == 1`), /nested too deeply/)
    assert.notEqual(problemsIn('['.repeat(2000)), '')
  })

  it('of a group sees the token and nothing else', () => {
    assert.equal(problemsIn('identity.issuer == "github" && claims.a == "x"', groupNames), '')
    assert.equal(problemsIn('identity.groups.size() > 0', groupNames), 'unknown name "identity.groups"')
    assert.match(problemsIn('run.actor == "x"', groupNames), /unknown name "run"/)
    assert.match(problemsIn('command.verb == "x"', groupNames), /unknown name "command"/)
  })

  it('ends work that grows with what it is given, and is null then', () => {
    const big = Array.from({ length: 1000 }, (_, index) => index)
    const spentMs = cpuMsOf(() => {
      assert.equal(valueFor('claims.a.all(x, claims.a.all(y, x + y >= 0))', { a: big }), null)
      assert.equal(valueFor('claims.a.all(x, x >= 0)', { a: big }), true)
      assert.equal(valueFor('claims.a.all(x, x >= 0)', { a: [...big, 1000] }), null)
    })
    assert.ok(spentMs < 3000, `${spentMs} ms`)
  })

  it('matches in time linear in the text, and refuses texts that are too long', () => {
    const spentMs = cpuMsOf(() => {
      assert.equal(valueFor('claims.a.matches("^(a+)+$")', { a: `${'a'.repeat(5000)}!` }), false)
      assert.equal(valueFor('claims.a.matches("x")', { a: 'x'.repeat(70_000) }), null)
    })
    assert.ok(spentMs < 3000, `${spentMs} ms`)
  })

  it('knows the identity, the connection, the run and the command', () => {
    const file = fileThat('')
    const identity = identityWith(file)
    const connection = compilePolicy(file).connections.get('db')
    assert.ok(connection !== undefined)
    const scope = commandScope(
      sessionScope(identity, connection, run),
      sql(['write', 'read'], { verb: 'delete', unfiltered: true, values: ['1', null] }),
    )
    for (const source of [
      'identity.issuer == "github" && identity.subject == "repo:acme/shop" && "release" in identity.groups',
      'connection.name == "db" && connection.port == 5432 && connection.database == "app" && connection.user == null',
      'run.pullRequest == 42 && run.actor == "sam" && run.workflowRunId == "7"',
      'command.protocol == "postgres" && command.verb == "delete" && command.unfiltered && "write" in command.effects',
      'command.values[0] == "1" && command.values[1] == null && command.resources == ["public.t"] && command.doubt == null',
    ]) {
      assert.equal(conditionOf(source).evaluate(scope), true, source)
    }
    assert.equal(conditionOf('command.namespace == "shop"').evaluate(scope), null)
    assert.equal(conditionOf('command.namespace == "shop" && !command.dryRun').evaluate(commandScope(scope, kubernetes())), true)
    assert.equal(conditionOf('command.text.contains("x")').evaluate(commandScope(scope, sql(['read'], { text: 'x'.repeat(70_000) }))), null)
  })

  it('bound to a session says the same as evaluated whole', () => {
    const file = fileThat('')
    const connection = compilePolicy(file).connections.get('db')
    assert.ok(connection !== undefined)
    const session = sessionScope(identityWith(file), connection, run)
    const terms = [
      'claims.environment == "production"',
      'claims.environment == "x"',
      'claims.absent == "x"',
      'command.verb == "select"',
      'command.verb == "x"',
      'command.text > 5',
    ]
    for (const a of terms) {
      for (const b of terms) {
        for (const operator of ['&&', '||']) {
          const condition = conditionOf(`${a} ${operator} ${b}`)
          const bound = condition.bind(session)
          const whole = commandScope(session, sql(['read']))
          assert.equal(bound.kind === 'fixed' ? bound.value : bound.evaluate(whole), condition.evaluate(whole), condition.source)
          if (!condition.facts.roots.has('command')) assert.equal(bound.kind, 'fixed')
        }
      }
    }
  })

  it('says which of its parts are not true', () => {
    const condition = conditionOf('claims.a == "x" && claims.b == "y" && claims.c.exists(x, x == "z")')
    assert.deepEqual(condition.failing(groupScope('github', { a: 'x', b: 'n' })), ['claims.b == "y"', 'claims.c.exists(x, x == "z")'])
    assert.deepEqual([...condition.facts.claims].toSorted(), ['a', 'b', 'c'])
  })
})
