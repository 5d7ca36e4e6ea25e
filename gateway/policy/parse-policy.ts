// sallyport.yml -> PolicyFile. All that is wrong is said at once, with line and column; nothing is ignored.
// Pure: a `ca: FILE` stays a name here, and `compilePolicy` gets its text from whoever may read files.
import { createHash } from 'node:crypto'
import type { ApproverGroup } from '../core/decision.ts'
import type { TrustedIssuer } from '../core/token.ts'
import { urlProblem } from './address.ts'
import { groupNames } from './condition-scope.ts'
import { parseDuration } from './duration.ts'
import { KnownNames } from './known-names.ts'
import { checkVariableNames, parseConnection, parseSource, parseTrusted, protocolsOf } from './parse-connection.ts'
import { parseCondition, parseMask, parseRule } from './parse-rule.ts'
import type { Group, PolicyFile, PolicyTest } from './policy-file.ts'
import { Problems, throwProblems } from './problems.ts'
import { policySchema } from './schema.ts'
import type { PolicyShape } from './schema.ts'
import { withoutFaulty } from './salvage.ts'
import type { PlaceIn } from './salvage.ts'
import { addShapeProblems } from './shape-problems.ts'
import { warnOf } from './warnings.ts'
import { readYaml } from './yaml-tree.ts'
import type { YamlTree } from './yaml-tree.ts'

/**
 * Reads a policy file.
 *
 * @param name what problems are called by, such as `.github/sallyport.yml`.
 * @throws {PolicyInvalid} POLICY_INVALID with the first 20 problems, each `name:line:column: text`.
 */
export function parsePolicy(text: string, name: string): PolicyFile {
  const { tree, problems: unreadable } = readYaml(text)
  throwProblems(name, unreadable)
  if (tree === null) throw new TypeError('a tree that cannot be read has problems')
  const problems = new Problems(tree)
  const names = new KnownNames(tree.value, problems)
  const read = readShape(tree, problems)
  const file = read === null ? null : resolve(read, name, text, problems, names)
  problems.throwIfAny(name)
  if (file === null) throw new TypeError('a shape that cannot be read has problems')
  return { ...file, warnings: [...warnOf(file, problems), ...problems.warnings(name)] }
}

interface ReadShape {
  readonly shape: PolicyShape
  readonly placeIn: PlaceIn
}

/** The file's shape. With faulty entries left out, so that what stands in the others is still checked; null = nothing to check. */
function readShape(tree: YamlTree, problems: Problems): ReadShape | null {
  const read = policySchema.safeParse(tree.value)
  if (read.success) return { shape: read.data, placeIn: (_, index) => index }
  addShapeProblems(problems, read.error.issues, tree.value)
  const { value, placeIn } = withoutFaulty(tree.value, read.error.issues)
  const again = policySchema.safeParse(value)
  return again.success ? { shape: again.data, placeIn } : null
}

function resolve({ shape, placeIn }: ReadShape, name: string, text: string, problems: Problems, names: KnownNames): PolicyFile {
  const approvers = mapOf(shape.approvers ?? {}, (key, entry): ApproverGroup => {
    if (entry.users === undefined && entry.teams === undefined) problems.addAtKey(['approvers', key], 'nobody is named: add users or teams')
    if (entry.teams === undefined && entry.users !== undefined && new Set(entry.users).size < entry.count) {
      problems.add(['approvers', key, 'count'], `${entry.count} people must approve, but fewer are named`)
    }
    const timeoutMs = parseDuration(entry.timeout)
    if (timeoutMs > MAX_TIMEOUT_MS) problems.add(['approvers', key, 'timeout'], 'a command is held for at most 24h')
    return { name: key, users: entry.users ?? [], teams: entry.teams ?? [], count: entry.count, timeoutMs }
  })
  const sources = shape.sources ?? {}
  const trustedFunctions = parseTrusted(shape.functions?.trust, ['functions'], problems)
  const surroundings = {
    problems,
    names,
    sources,
    approvers,
    trustedFunctions,
    protocols: (on: readonly string[] | undefined) => protocolsOf(shape.connections, on),
  }
  checkVariableNames(Object.keys(shape.connections), problems)
  const file: PolicyFile = {
    name,
    digest: `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`,
    issuers: parseIssuers(shape, problems),
    groups: mapOf(shape.groups, (key, entry): Group | null => {
      names.check('issuers', entry.issuer, ['groups', key, 'issuer'])
      const when = parseCondition(entry.when, groupNames, ['groups', key, 'when'], problems)
      return when === null ? null : { name: key, issuer: entry.issuer, when }
    }),
    sources: mapOf(sources, (key, entry) => parseSource(key, entry, problems)),
    connections: mapOf(shape.connections, (key, entry) => parseConnection(key, entry, surroundings)),
    rules: (shape.rules ?? []).map((entry, index) => parseRule(placeIn('rules', index), entry, surroundings)),
    masks: (shape.masks ?? []).map((entry, index) => parseMask(placeIn('masks', index), entry, surroundings)),
    approvers,
    recording: {
      rows: shape.recording?.rows ?? 100,
      encryptTo: shape.recording?.['encrypt-to'] ?? [],
      sinks: shape.recording?.sinks ?? ['artifact'],
    },
    tests: (shape.tests ?? []).map((entry, index) => parseTest(placeIn('tests', index), entry, problems, names)),
    warnings: [],
  }
  checkUnique('rules', file.rules, placeIn, problems)
  checkUnique('masks', file.masks, placeIn, problems)
  return file
}

const MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000

function parseIssuers(shape: PolicyShape, problems: Problems): ReadonlyMap<string, TrustedIssuer> {
  const seen = new Map<string, string>()
  return mapOf(shape.issuers, (key, entry): TrustedIssuer => {
    const path = ['issuers', key, 'url']
    const problem = urlProblem(entry.url)
    if (problem !== null) problems.add(path, problem)
    const other = seen.get(entry.url)
    if (other !== undefined) problems.add(path, `issuer "${other}" has the same url; a token could not tell which is meant`)
    seen.set(entry.url, key)
    return { name: key, url: entry.url, audience: entry.audience, algorithms: entry.algorithms ?? ['RS256'] }
  })
}

function parseTest(index: number, entry: NonNullable<PolicyShape['tests']>[number], problems: Problems, names: KnownNames): PolicyTest {
  const path = ['tests', index]
  names.check('issuers', entry.as.issuer, [...path, 'as', 'issuer'])
  names.check('connections', entry.to, [...path, 'to'])
  return {
    name: entry.name,
    issuer: entry.as.issuer,
    claims: entry.as.claims,
    to: entry.to,
    run: entry.run,
    expect: entry.expect,
    place: problems.placeOf(path),
  }
}

function checkUnique(block: 'rules' | 'masks', entries: readonly { readonly name: string }[], placeIn: PlaceIn, problems: Problems): void {
  const seen = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    if (seen.has(entry.name)) problems.add([block, placeIn(block, index), 'name'], `"${entry.name}" is the name of an earlier one`)
    seen.add(entry.name)
  }
}

/** An entry that has problems is null, and left out. */
function mapOf<Shape, Entry>(
  shapes: Readonly<Record<string, Shape>>,
  parse: (key: string, shape: Shape) => Entry | null,
): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>()
  for (const [key, shape] of Object.entries(shapes)) {
    const entry = parse(key, shape)
    if (entry !== null) entries.set(key, entry)
  }
  return entries
}
