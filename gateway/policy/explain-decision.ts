// Why a command was decided as it was: the rules that take it, and of the others what keeps each from it.
import type { Command } from '../core/command.ts'
import type { Decision } from '../core/decision.ts'
import type { Identity, Run } from '../core/identity.ts'
import type { Policy } from '../core/policy.ts'
import { applies, holdsFor, rulesOn } from './compile-policy.ts'
import { commandScope, sessionScope } from './condition-scope.ts'
import type { Scope } from './condition-scope.ts'
import { effectBits } from './match-sql.ts'
import type { PolicyFile, Rule } from './policy-file.ts'
import { ruleMatcher } from './rule-match.ts'
import { mismatchWords } from './words.ts'

export interface RuleFinding {
  readonly rule: Rule
  /** What keeps it from the command, in words; empty = the rule takes it. */
  readonly reasons: readonly string[]
  /** Set when the rule takes the command because its condition could not be evaluated. */
  readonly note: string | null
}

export interface Explanation {
  readonly decision: Decision
  /** Rules that take the command, strictest first; the first one decides. */
  readonly matched: readonly RuleFinding[]
  /** The others on this connection, those with the fewest reasons first. */
  readonly others: readonly RuleFinding[]
}

/**
 * Explains one decision.
 *
 * @param policy made from the same file by `compilePolicy`.
 * @param name of a connection of the file.
 */
export function explainDecision(
  file: PolicyFile,
  policy: Policy,
  identity: Identity,
  name: string,
  command: Command,
  run: Run,
): Explanation {
  const entry = file.connections.get(name)
  if (entry === undefined) throw new TypeError(`no connection ${name}`)
  const scope = commandScope(sessionScope(identity, entry.connection, run), command)
  const findings = rulesOn(file, entry).map(rule => findingOf(rule, identity, command, scope))
  return {
    decision: policy.decide(identity, entry.connection, command, run),
    matched: findings.filter(finding => finding.reasons.length === 0),
    others: findings.filter(finding => finding.reasons.length > 0).toSorted((a, b) => a.reasons.length - b.reasons.length),
  }
}

function findingOf(rule: Rule, identity: Identity, command: Command, scope: Scope): RuleFinding {
  const reasons: string[] = []
  let note: string | null = null
  if (!holdsFor(rule, identity)) reasons.push(`it is for groups ${rule.groups?.join(', ')}`)
  const mismatch = ruleMatcher(rule)(command, effectBits(command))
  if (mismatch !== null) reasons.push(mismatchWords(mismatch, rule, command))
  // A condition is written for commands the other parts let through; on others its words would mislead.
  if (rule.when !== null && mismatch === null) {
    const value = rule.when.evaluate(scope)
    if (!applies(rule, value)) reasons.push(...rule.when.failing(scope).map(term => `not true: ${term}`))
    else if (value === null) note = 'its condition could not be evaluated, so the rule applies'
  }
  return { rule, reasons, note }
}
