// `sallyport policy explain`: what the policy says of one command for one token, and which rules said so. Asks no server.
import type { Command } from '../gateway/core/command.ts'
import type { Connection } from '../gateway/core/connection.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import type { Identity, Run } from '../gateway/core/identity.ts'
import { visible } from '../gateway/core/visible-text.ts'
import { compilePolicy } from '../gateway/policy/compile-policy.ts'
import { explainDecision } from '../gateway/policy/explain-decision.ts'
import type { Explanation, RuleFinding } from '../gateway/policy/explain-decision.ts'
import { explainGroups, groupsOf, issuerFor } from '../gateway/policy/groups.ts'
import type { GroupFinding } from '../gateway/policy/groups.ts'
import type { PolicyFile } from '../gateway/policy/policy-file.ts'
import { approverWords, commandWords, decisionWords } from '../gateway/policy/words.ts'
import { readText } from './find-config.ts'
import type { Io } from './io.ts'
import { connectionEntry, readPolicy } from './policy-check.ts'
import { printError } from './print-error.ts'
import { readCommands } from './read-command.ts'

export interface PolicyExplainOptions {
  readonly config?: string | undefined
  /** File with the token's claims as JSON. */
  readonly claims: string
  readonly connection: string
  /** Name in the policy; else by the claims' `iss`, else the only one. */
  readonly issuer?: string | undefined
  readonly json?: boolean | undefined
  /** The words after `--`; joined by blanks. */
  readonly command: readonly string[]
}

/** Exit status: 0 explained, whatever the decision; 2 usage or a bad policy file; 3 a file cannot be read. */
export async function policyExplain(options: PolicyExplainOptions, io: Io): Promise<number> {
  try {
    const file = readPolicy(options.config)
    const entry = connectionEntry(file, options.connection)
    const { connection } = entry
    const claims = readClaims(options.claims)
    const issuer = chooseIssuer(file, claims, options.issuer)
    const identity = identityOf(file, issuer, claims)
    const policy = compilePolicy(file, () => '-----BEGIN CERTIFICATE-----')
    const commands = await readCommands(entry, options.command.join(' '))
    const explained = commands.map(command => ({ command, ...explainDecision(file, policy, identity, connection.name, command, noRun) }))
    const groups = explainGroups(file, issuer, claims)
    io.stdout(options.json === true ? asJson(connection, issuer, groups, explained) : asText(connection, issuer, groups, explained))
    return 0
  } catch (error) {
    return printError(error, io)
  }
}

type Explained = Explanation & { readonly command: Command }

/** Conditions on `run` see a run of which nothing is known. */
export const noRun: Run = {
  id: 'none',
  repository: null,
  workflowRunId: null,
  attempt: null,
  job: null,
  actor: null,
  event: null,
  sha: null,
  pullRequest: null,
}

/** The identity that a verified token with these claims would have. */
export function identityOf(file: PolicyFile, issuer: string, claims: Readonly<Record<string, unknown>>): Identity {
  const subject = claims['sub']
  return {
    issuer,
    iss: file.issuers.get(issuer)?.url ?? '',
    subject: typeof subject === 'string' ? subject : '',
    claims,
    groups: groupsOf(file, issuer, claims),
    expiresAt: new Date(0),
    tokenDigest: '',
  }
}

function readClaims(file: string): Readonly<Record<string, unknown>> {
  const text = readText(file)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new SallyportError('USAGE', `${file} is not JSON`, { fix: 'it holds the claims of a token: {"iss": "…", "sub": "…", …}' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SallyportError('USAGE', `${file} is not a JSON object of claims`)
  return Object.fromEntries(Object.entries(value))
}

function chooseIssuer(file: PolicyFile, claims: Readonly<Record<string, unknown>>, named: string | undefined): string {
  const known = [...file.issuers.keys()]
  if (named !== undefined) {
    if (file.issuers.has(named)) return named
    throw new SallyportError('USAGE', `the policy has no issuer ${named}`, { fix: `use one of ${known.join(', ')}` })
  }
  const iss = claims['iss']
  if (typeof iss === 'string') {
    const found = issuerFor(file, iss)
    if (found !== null) return found.name
    throw new SallyportError('USAGE', 'no issuer of the policy has the url that the claims have as iss', {
      fix: `name one with --issuer: ${known.join(', ')}`,
    })
  }
  const [only] = known
  if (only !== undefined && known.length === 1) return only
  throw new SallyportError('USAGE', 'the claims have no iss, and the policy has several issuers', {
    fix: `name one with --issuer: ${known.join(', ')}`,
  })
}

const strictness = { allow: 0, ask: 1, deny: 2 } as const

/** The strictest holds for the whole message; among equals the first. */
export function strictest<Entry extends Pick<Explanation, 'decision'>>(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (best, entry) => (best === undefined || strictness[entry.decision.outcome] > strictness[best.decision.outcome] ? entry : best),
    undefined,
  )
}

function asText(connection: Connection, issuer: string, groups: readonly GroupFinding[], explained: readonly Explained[]): string {
  const inside = groups.filter(finding => finding.matches).map(finding => finding.group.name)
  const lines = [`identity    a token of ${issuer}, ${inside.length === 0 ? 'in no group' : `in ${inside.join(', ')}`}`]
  for (const finding of groups)
    if (!finding.matches) lines.push(...finding.reasons.map(reason => `            not in ${finding.group.name}: ${reason}`))
  const { groups: openTo } = connection
  lines.push(
    `connection  ${connection.name}, opens for ${openTo.join(', ')}${openTo.some(group => inside.includes(group)) ? '' : ': not for this token'}`,
  )
  for (const entry of explained) {
    lines.push('', `command     ${oneLine(entry.command.text)}`, `            ${visible(commandWords(entry.command))}`)
    lines.push(`decision    ${entry.decision.outcome}: ${decisionWords(entry.decision)}`)
    if (entry.decision.outcome === 'ask') lines.push(`            ${approverWords(entry.decision.approvers)}`)
    lines.push(...entry.matched.map(finding => `  takes it   ${ruleWords(finding)}`))
    lines.push(...entry.others.map(finding => `  does not   ${ruleWords(finding)}: ${finding.reasons.join('; ')}`))
  }
  const whole = strictest(explained)
  if (explained.length > 1 && whole !== undefined)
    lines.push('', `message     ${whole.decision.outcome}: the strictest of ${explained.length} commands holds for all`)
  return `${lines.join('\n')}\n`
}

function ruleWords({ rule, note }: RuleFinding): string {
  const place = rule.place === null ? 'built in' : `line ${rule.place.line}`
  return `${rule.outcome.padEnd(5)} ${rule.name} (${place})${note === null ? '' : `: ${note}`}`
}

function oneLine(text: string): string {
  const line = visible(text.replaceAll(/\s+/g, ' ').trim())
  return line.length > 200 ? `${line.slice(0, 200)} …` : line
}

function asJson(connection: Connection, issuer: string, groups: readonly GroupFinding[], explained: readonly Explained[]): string {
  const document = {
    schema: 'sallyport.policy-explain.v1',
    connection: connection.name,
    issuer,
    opens: connection.groups.some(group => groups.some(finding => finding.matches && finding.group.name === group)),
    groups: groups.filter(finding => finding.matches).map(finding => finding.group.name),
    outcome: strictest(explained)?.decision.outcome ?? null,
    commands: explained.map(({ command, decision, matched, others }) => ({
      text: command.text,
      verb: command.verb,
      effects: command.protocol === 'postgres' ? [...command.effects] : [],
      unfiltered: command.protocol === 'postgres' && command.unfiltered,
      resources: command.resources,
      certainty: command.certainty,
      doubt: command.doubt,
      decision: { outcome: decision.outcome, rule: decision.rule, because: decision.because },
      approvers: decision.outcome === 'ask' ? decision.approvers.name : null,
      matched: matched.map(ruleJson),
      others: others.map(ruleJson),
    })),
    notIn: groups.filter(finding => !finding.matches).map(finding => ({ group: finding.group.name, reasons: finding.reasons })),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function ruleJson({ rule, reasons, note }: RuleFinding): object {
  return { rule: rule.name, outcome: rule.outcome, line: rule.place?.line ?? null, reasons, note }
}
