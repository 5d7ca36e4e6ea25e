// PolicyFile -> Policy: what the gate asks. Everything that is fixed for one identity on one connection is worked out once;
// a command then meets its rules strictest first, and the first that takes it decides. Pure and synchronous.
import { SallyportError } from '../core/errors.ts'
import type { Command } from '../core/command.ts'
import type { Connection } from '../core/connection.ts'
import type { ApproverGroup, Decision } from '../core/decision.ts'
import type { Identity, Run } from '../core/identity.ts'
import type { Policy } from '../core/policy.ts'
import { commandScope, sessionScope } from './condition-scope.ts'
import type { Scope } from './condition-scope.ts'
import type { ConnectionEntry, Outcome, PolicyFile, Rule } from './policy-file.ts'
import { effectBits } from './match-sql.ts'
import { presetRules } from './presets.ts'
import { ruleMatcher, speaks } from './rule-match.ts'
import type { RuleMatcher } from './rule-match.ts'

interface Judge {
  readonly decide: (command: Command) => Decision
  /** No command is asked about or denied. */
  readonly isOpen: boolean
}

/**
 * Makes the policy that decides.
 *
 * @param readAuthority text of a `ca:` file, by its name as in `authorityFiles(file)`.
 * @throws {SallyportError} POLICY_INVALID when a `ca:` file is needed and was not given, or holds no certificate.
 */
export function compilePolicy(file: PolicyFile, readAuthority?: (path: string) => string): Policy {
  const connections = new Map([...file.connections].map(([name, entry]) => [name, withAuthority(file, entry, readAuthority)]))
  const rules = new Map([...file.connections].map(([name, entry]) => [name, rulesOn(file, entry).map(compileRule)]))
  const looking = new Set([...rules].filter(([, own]) => own.some(({ rule }) => namesCommand(rule))).map(([name]) => name))
  const judges = new WeakMap<Identity, { readonly run: Run; readonly byConnection: Map<string, Judge> }>()

  const judgeOf = (identity: Identity, name: string, run: Run): Judge => {
    let known = judges.get(identity)
    if (known?.run !== run) {
      known = { run, byConnection: new Map() }
      judges.set(identity, known)
    }
    const existing = known.byConnection.get(name)
    if (existing !== undefined) return existing
    const entry = file.connections.get(name)
    const connection = connections.get(name)
    const judge =
      entry === undefined || connection === undefined ? shut(name) : makeJudge(entry, connection, rules.get(name) ?? [], identity, run)
    known.byConnection.set(name, judge)
    return judge
  }
  return {
    digest: file.digest,
    connections,
    opens: identity => [...connections.values()].filter(connection => mayOpen(identity, connection)).map(connection => connection.name),
    decide: (identity, connection, command, run) => judgeOf(identity, connection.name, run).decide(command),
    allowsEverything: (identity, connection, run) => judgeOf(identity, connection.name, run).isOpen,
    looksAtText: connection => looking.has(connection.name) || !connections.has(connection.name),
  }
}

/** Its condition may look at the text or the values of a command; everything else about SQL is the same for all of one shape. */
function namesCommand(rule: Rule): boolean {
  return rule.when?.facts.roots.has('command') ?? false
}

function withAuthority(
  file: PolicyFile,
  { connection, authority }: ConnectionEntry,
  read: ((path: string) => string) | undefined,
): Connection {
  if (authority?.kind !== 'file') return connection
  const ca = read?.(authority.path)
  if (ca?.includes('-----BEGIN CERTIFICATE-----') !== true) {
    const text = ca === undefined ? 'could not be read' : 'holds no PEM certificate'
    throw new SallyportError('POLICY_INVALID', `${file.name}: the file ${authority.path} of connection ${connection.name} ${text}`)
  }
  return { ...connection, tls: { ...connection.tls, ca } }
}

/** The file's rules that hold on the connection, and those of its built-in sets. */
export function rulesOn(file: PolicyFile, entry: ConnectionEntry): readonly Rule[] {
  return [...file.rules.filter(rule => rule.on?.has(entry.connection.name) ?? true), ...presetRules(entry)].toSorted(strictestFirst)
}

const strictness: Readonly<Record<Outcome, number>> = { deny: 0, ask: 1, allow: 2 }

/**
 * The order in which rules are tried. It depends on what they say, never on where they stand: deny, ask, allow; among asks more
 * people first, then the shorter time; the file's own before built-in ones; those with a reason first; then by name.
 */
function strictestFirst(a: Rule, b: Rule): number {
  return (
    strictness[a.outcome] - strictness[b.outcome] ||
    (b.approvers?.count ?? 0) - (a.approvers?.count ?? 0) ||
    (a.approvers?.timeoutMs ?? 0) - (b.approvers?.timeoutMs ?? 0) ||
    Number(a.place === null) - Number(b.place === null) ||
    Number(a.because === null) - Number(b.because === null) ||
    (a.name < b.name ? -1 : 1)
  )
}

interface Step extends CompiledRule {
  /** null = it holds for every command here; else it needs the command. */
  readonly when: ((scope: Scope) => boolean | null) | null
}

interface CompiledRule {
  readonly rule: Rule
  readonly mismatch: RuleMatcher
  readonly decision: Decision
  /** Of a command that was not understood, and may be what the rule is about. */
  readonly perhaps: Decision
}

function compileRule(rule: Rule): CompiledRule {
  const { name, outcome, because, approvers } = rule
  return {
    rule,
    mismatch: ruleMatcher(rule),
    decision: decisionOf(outcome, name, because, approvers),
    perhaps: decisionOf(
      outcome,
      name,
      `it was not understood, and may be what the rule is about${because === null ? '' : `: ${because}`}`,
      approvers,
    ),
  }
}

/** An ask that names nobody cannot be answered, so it is a deny. */
function decisionOf(outcome: Outcome, rule: string, because: string | null, approvers: ApproverGroup | null): Decision {
  if (outcome !== 'ask') return { outcome, rule, because }
  return approvers === null
    ? { outcome: 'deny', rule, because: 'it asks people, and nobody is named' }
    : { outcome, rule, because, approvers }
}

function mayOpen(identity: Identity, connection: Connection): boolean {
  return connection.groups.some(group => identity.groups.has(group))
}

function shut(name: string): Judge {
  const decision: Decision = { outcome: 'deny', rule: 'groups', because: `this identity is in no group that may open ${name}` }
  return { decide: () => decision, isOpen: false }
}

/** True when a rule holds for the identity, whatever the command. */
export function holdsFor(rule: Rule, identity: Identity): boolean {
  return rule.groups?.some(group => identity.groups.has(group)) ?? true
}

/** An error in a condition: an allow rule does not apply, ask and deny do. */
export function applies(rule: Rule, value: boolean | null): boolean {
  return value ?? rule.outcome !== 'allow'
}

function makeJudge(entry: ConnectionEntry, connection: Connection, rules: readonly CompiledRule[], identity: Identity, run: Run): Judge {
  if (!mayOpen(identity, connection)) return shut(connection.name)
  const session = sessionScope(identity, connection, run)
  const steps = rules.flatMap((compiled): Step[] => {
    const { rule } = compiled
    if (!holdsFor(rule, identity) || !speaks(rule, connection.protocol)) return []
    const when = rule.when?.bind(session)
    if (when === undefined) return [{ ...compiled, when: null }]
    if (when.kind === 'varying') return [{ ...compiled, when: when.evaluate }]
    return applies(rule, when.value) ? [{ ...compiled, when: null }] : []
  })
  const fallback = defaultDecision(entry)
  const notUnderstood = decisionOf('deny', 'default', 'it was not understood', null)
  const isOpen = steps.every(({ rule }) => rule.outcome === 'allow') && steps.some(step => step.when === null && takesEverything(step.rule))
  const decide = (command: Command): Decision => {
    const bits = effectBits(command)
    let scope: Scope | null = null
    /** The strictest rule that may be about a command which nobody understood: people may decide on it, an allow rule may not. */
    let perhaps: Decision | null = null
    for (const step of steps) {
      const mismatch = step.mismatch(command, bits)
      const isPerhaps = mismatch === 'perhaps' && step.rule.outcome !== 'allow'
      if (mismatch !== null && !isPerhaps) continue
      if (step.when !== null) {
        scope ??= commandScope(session, command)
        if (!applies(step.rule, step.when(scope))) continue
      }
      if (isPerhaps) perhaps ??= step.perhaps
      else return step.decision.outcome === 'allow' && perhaps !== null ? perhaps : step.decision
    }
    return fallback.outcome === 'allow' && !isUnderstood(command) ? notUnderstood : fallback
  }
  return { decide, isOpen }
}

function takesEverything(rule: Rule): boolean {
  return rule.sql === null && rule.ssh === null && rule.kubernetes === null
}

function defaultDecision(entry: ConnectionEntry): Decision {
  return decisionOf(entry.default, 'default', entry.default === 'allow' ? null : 'no rule allows it', entry.approvers)
}

function isUnderstood(command: Command): boolean {
  return (
    command.certainty === 'parsed' && !(command.protocol === 'postgres' && (command.effects.size === 0 || command.effects.has('unknown')))
  )
}
