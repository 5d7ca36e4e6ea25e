// What conditions may name, and how it becomes values of CEL. A value that is too large is left out, so naming it is an error.
import { celList, celMap } from '@bufbuild/cel'
import type { CelInput } from '@bufbuild/cel'
import type { Command } from '../core/command.ts'
import type { Connection, Protocol } from '../core/connection.ts'
import type { Identity, Run } from '../core/identity.ts'

/** Root name -> its fields; null = any field (claims). */
export type Names = ReadonlyMap<string, ReadonlySet<string> | null>
export type Scope = Record<string, CelInput>

const MAX_LIST = 1000
const MAX_TEXT = 64 * 1024
const MAX_NODES = 10_000
const MAX_DEPTH = 16

const everyCommand = ['protocol', 'verb', 'resources', 'text', 'certainty', 'doubt']
const commandFields: Readonly<Record<Protocol, readonly string[]>> = {
  postgres: ['effects', 'unfiltered', 'values'],
  ssh: ['request', 'programs', 'argvs', 'operation', 'paths'],
  kubernetes: ['resource', 'namespace', 'name', 'dryRun', 'argv', 'argvs', 'powers'],
}
const identityFields = ['issuer', 'iss', 'subject', 'groups']
const connectionFields = ['name', 'protocol', 'host', 'port', 'user', 'database', 'groups']
const runFields = ['id', 'repository', 'workflowRunId', 'attempt', 'job', 'actor', 'event', 'sha', 'pullRequest']

/** Names in a group's condition: the group is what is being found out, so only the token counts. */
export const groupNames: Names = new Map([
  ['claims', null],
  ['identity', new Set(['issuer', 'iss', 'subject'])],
])

/** Names in a rule's condition, for a rule that can meet commands of these protocols. */
export function ruleNames(protocols: Iterable<Protocol>): Names {
  return new Map([
    ['claims', null],
    ['identity', new Set(identityFields)],
    ['connection', new Set(connectionFields)],
    ['run', new Set(runFields)],
    ['command', new Set([...everyCommand, ...[...protocols].flatMap(protocol => commandFields[protocol])])],
  ])
}

/** The scope of a group's condition. */
export function groupScope(issuer: string, claims: Readonly<Record<string, unknown>>): Scope {
  const subject = claims['sub']
  const iss = claims['iss']
  return {
    ...claimsScope(claims),
    identity: record({ issuer, iss: typeof iss === 'string' ? iss : null, subject: typeof subject === 'string' ? subject : null }),
  }
}

/** The part of a rule's scope that stays the same for one identity on one connection. */
export function sessionScope(identity: Identity, connection: Connection, run: Run): Scope {
  return {
    ...claimsScope(identity.claims),
    identity: record({ issuer: identity.issuer, iss: identity.iss, subject: identity.subject, groups: [...identity.groups] }),
    connection: record({ ...pick(connection, connectionFields), port: connection.port }),
    run: record(pick(run, runFields)),
  }
}

/** The session's scope with the command in it. */
export function commandScope(session: Scope, command: Command): Scope {
  const fields = pick(command, [...everyCommand, ...commandFields[command.protocol]])
  if (command.protocol === 'postgres') fields['effects'] = [...command.effects]
  return { ...session, command: record(fields) }
}

function pick(source: object, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(source).filter(([name]) => fields.includes(name)))
}

function record(fields: Readonly<Record<string, unknown>>): CelInput {
  const entries = new Map<string, CelInput>()
  for (const [name, value] of Object.entries(fields)) {
    const converted = convert(value, { nodes: 0 }, 0)
    if (converted !== undefined) entries.set(name, converted)
  }
  return celMap(entries)
}

function claimsScope(claims: Readonly<Record<string, unknown>>): Scope {
  return { claims: record(claims) }
}

/** JSON to CEL: whole numbers become ints. `undefined` for what CEL should not see at all. */
function convert(value: unknown, counter: { nodes: number }, depth: number): CelInput | undefined {
  counter.nodes += 1
  if (depth > MAX_DEPTH || counter.nodes > MAX_NODES) return undefined
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return value.length > MAX_TEXT ? undefined : value
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) {
    if (value.length > MAX_LIST) return undefined
    const items = value.map(item => convert(item, counter, depth + 1))
    const known = items.filter(item => item !== undefined)
    return known.length === items.length ? celList(known) : undefined
  }
  if (typeof value !== 'object') return undefined
  const entries = new Map<string, CelInput>()
  for (const [name, item] of Object.entries(value)) {
    const converted = convert(item, counter, depth + 1)
    if (converted === undefined) return undefined
    entries.set(name, converted)
  }
  return celMap(entries)
}
