// Entries of `rules:` and `masks:` -> types. Shape is known to be right; here patterns, conditions and names are.
import type { Protocol } from '../core/connection.ts'
import type { ApproverGroup } from '../core/decision.ts'
import type { MaskRule } from '../core/mask-rule.ts'
import { compileCondition } from './condition.ts'
import type { Condition } from './condition.ts'
import { ruleNames } from './condition-scope.ts'
import type { Names } from './condition-scope.ts'
import { compileGlob } from './glob.ts'
import type { KnownNames } from './known-names.ts'
import { parseColumn, parseField, parseMaskKind, parseMaskPattern } from './mask-target.ts'
import { approversOf } from './parse-connection.ts'
import type { ArgvPattern, KubernetesPart, Rule, SqlPart, SshPart } from './policy-file.ts'
import type { Problems } from './problems.ts'
import type { MaskShape, RuleShape } from './schema.ts'
import type { Path } from './yaml-tree.ts'

interface Surroundings {
  readonly problems: Problems
  readonly names: KnownNames
  readonly approvers: ReadonlyMap<string, ApproverGroup>
  readonly protocols: (on: readonly string[] | undefined) => ReadonlySet<Protocol>
}

/** Names that stand for decisions no rule made. */
const reserved = new Set(['default', 'groups'])

export function parseRule(index: number, shape: RuleShape, surroundings: Surroundings): Rule {
  const { problems, names } = surroundings
  const path = ['rules', index]
  if (reserved.has(shape.name)) problems.add([...path, 'name'], `"${shape.name}" is what decisions without a rule are called`)
  names.checkAll('connections', shape.on, [...path, 'on'])
  names.checkAll('groups', shape.groups, [...path, 'groups'])
  if (shape.approvers !== undefined) names.check('approvers', shape.approvers, [...path, 'approvers'])
  const met = checkProtocols(shape, path, surroundings)
  return {
    name: shape.name,
    on: shape.on === undefined ? null : new Set(shape.on),
    groups: shape.groups ?? null,
    sql: shape.sql === undefined ? null : parseSql(shape.sql, [...path, 'sql'], problems),
    ssh: shape.ssh === undefined ? null : parseSsh(shape.ssh, [...path, 'ssh'], problems),
    kubernetes: shape.kubernetes === undefined ? null : parseKubernetes(shape.kubernetes, [...path, 'kubernetes'], problems),
    when: shape.when === undefined ? null : parseCondition(shape.when, ruleNames(met), [...path, 'when'], problems),
    outcome: shape.then,
    approvers: approversOfRule(shape, path, surroundings),
    because: shape.because ?? null,
    place: problems.placeOf(path),
  }
}

/** The protocols of commands the rule can meet; a part for a protocol it can never meet is a mistake. */
function checkProtocols(shape: RuleShape, path: Path, { problems, protocols }: Surroundings): ReadonlySet<Protocol> {
  const met = protocols(shape.on)
  const parts: readonly (readonly [string, Protocol])[] = [
    ['sql', 'postgres'],
    ['ssh', 'ssh'],
    ['kubernetes', 'kubernetes'],
  ]
  const named = parts.filter(([key]) => Object.hasOwn(shape, key))
  for (const [key, protocol] of named) {
    if (shape.on !== undefined && met.size > 0 && !met.has(protocol))
      problems.add([...path, key], `no connection of this rule speaks ${protocol}`)
  }
  return named.length === 0 ? met : new Set(named.map(([, protocol]) => protocol))
}

function approversOfRule(shape: RuleShape, path: Path, { problems, approvers, names }: Surroundings): ApproverGroup | null {
  if (shape.then !== 'ask') {
    if (shape.approvers !== undefined) problems.add([...path, 'approvers'], 'nobody is asked by this rule: approvers go with then: ask')
    return null
  }
  const found = approversOf(shape.approvers, approvers)
  if (found === null && (shape.approvers === undefined || names.of('approvers').length === 0)) {
    problems.add(path, 'this rule asks people: name an entry of approvers')
  }
  return found
}

export function parseCondition(source: string, names: Names, path: Path, problems: Problems): Condition | null {
  const compiled = compileCondition(source, names)
  if ('condition' in compiled) return compiled.condition
  for (const problem of compiled.problems) problems.add(path, problem)
  return null
}

function parseSql(shape: NonNullable<RuleShape['sql']>, path: Path, problems: Problems): SqlPart {
  refuseEmpty(shape, path, problems)
  return { effects: shape.effects ?? null, unfiltered: shape.unfiltered ?? null }
}

function parseSsh(shape: NonNullable<RuleShape['ssh']>, path: Path, problems: Problems): SshPart {
  refuseEmpty(shape, path, problems)
  for (const [index, text] of (shape.paths ?? []).entries()) {
    if (!text.startsWith('/') && !text.startsWith('**')) problems.add([...path, 'paths', index], 'a path begins with "/" (or "**")')
  }
  return {
    requests: shape.requests ?? null,
    programs: shape.programs?.map(text => compileGlob(text, '/')) ?? null,
    commands: shape.commands?.map(parseArgv) ?? null,
    operations: shape.operations ?? null,
    paths: shape.paths?.map(text => compileGlob(text, '/')) ?? null,
  }
}

function parseKubernetes(shape: NonNullable<RuleShape['kubernetes']>, path: Path, problems: Problems): KubernetesPart {
  refuseEmpty(shape, path, problems)
  for (const [index, text] of (shape.resources ?? []).entries()) {
    if (!/^[a-z0-9*?.-]+(?:\/[a-z0-9*?.-]+)*$/.test(text)) {
      problems.add([...path, 'resources', index], 'a resource is written resource[.group][/subresource], in lower case: deployments.apps')
    }
  }
  if (shape.dryRun !== undefined && shape['dry-run'] !== undefined) problems.add([...path, 'dryRun'], 'dryRun and dry-run are the same')
  return {
    verbs: shape.verbs ?? null,
    resources: shape.resources?.map(text => compileGlob(text, '/')) ?? null,
    namespaces: shape.namespaces?.map(text => compileGlob(text, null)) ?? null,
    names: shape.names?.map(text => compileGlob(text, null)) ?? null,
    dryRun: shape['dry-run'] ?? shape.dryRun ?? null,
    commands: shape.commands?.map(parseArgv) ?? null,
  }
}

function parseArgv(pattern: string | readonly string[]): ArgvPattern {
  const words = typeof pattern === 'string' ? pattern.split(/\s+/).filter(word => word !== '') : pattern
  const isOpen = words.at(-1) === '**'
  return { words: (isOpen ? words.slice(0, -1) : words).map((word, index) => compileGlob(word, index === 0 ? '/' : null)), isOpen }
}

function refuseEmpty(part: object, path: Path, problems: Problems): void {
  if (Object.keys(part).length === 0) problems.addAtKey(path, 'this part says nothing; leave it out to mean every command')
}

export function parseMask(index: number, shape: MaskShape, { problems, names, protocols }: Surroundings): MaskRule {
  const path = ['masks', index]
  names.checkAll('connections', shape.on, [...path, 'on'])
  names.checkAll('groups', shape.unless, [...path, 'unless'])
  if (shape.columns === undefined && shape.patterns === undefined && shape.fields === undefined) {
    problems.add(path, 'this mask hides nothing: name columns, patterns or fields')
  }
  const met = protocols(shape.on)
  if (shape.on !== undefined && met.size > 0) {
    if (shape.columns !== undefined && !met.has('postgres'))
      problems.add([...path, 'columns'], 'no connection of this mask speaks postgres')
    if (shape.fields !== undefined && !met.has('kubernetes'))
      problems.add([...path, 'fields'], 'no connection of this mask speaks kubernetes')
  }
  const parsed = <Target>(key: string, texts: readonly string[] | undefined, parse: (text: string) => Target | string): Target[] =>
    (texts ?? []).flatMap((text, place) => {
      const target = parse(text)
      if (typeof target !== 'string') return [target]
      problems.add([...path, key, place], target)
      return []
    })
  return {
    name: shape.name,
    on: shape.on ?? null,
    columns: parsed('columns', shape.columns, parseColumn),
    patterns: parsed('patterns', shape.patterns, parseMaskPattern),
    fields: parsed('fields', shape.fields, parseField),
    with: parseMaskKind(shape.with),
    unless: shape.unless ?? [],
    inference: shape.inference,
  }
}
