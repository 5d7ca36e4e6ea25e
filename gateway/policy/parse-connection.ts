// Entries of `connections:` and `sources:` -> types. Shape is known to be right; here addresses, references and names are.
import type { Connection, Protocol } from '../core/connection.ts'
import type { ApproverGroup } from '../core/decision.ts'
import { isLoopback, parseAddress, urlProblem } from './address.ts'
import { templateProblem } from '../core/identity-template.ts'
import { parseCredentialRef } from './credential-ref.ts'
import type { KnownNames } from './known-names.ts'
import { parseFunctionName } from './mask-target.ts'
import type { Authority, ConnectionEntry, Source } from './policy-file.ts'
import type { Problems } from './problems.ts'
import type { ConnectionShape, SourceShape } from './schema.ts'
import type { Path } from './yaml-tree.ts'

interface Surroundings {
  readonly problems: Problems
  readonly names: KnownNames
  readonly sources: Readonly<Record<string, SourceShape>>
  readonly approvers: ReadonlyMap<string, ApproverGroup>
  /** `functions.trust` of the whole file. */
  readonly trustedFunctions: ReadonlySet<string>
}

/** One connection; null when it has a problem, which is then in `problems`. */
export function parseConnection(name: string, shape: ConnectionShape, surroundings: Surroundings): ConnectionEntry | null {
  const { problems, names } = surroundings
  const path = ['connections', name]
  names.checkAll('groups', shape.groups, [...path, 'groups'])
  if (shape.approvers !== undefined) names.check('approvers', shape.approvers, [...path, 'approvers'])
  const address = parseAddress(shape.protocol, shape.address)
  const credential = parseCredentialRef(shape.credential)
  const trusted = parseTrusted(shape.protocol === 'postgres' ? shape.functions?.trust : undefined, [...path, 'functions'], problems)
  if (typeof address === 'string') problems.add([...path, 'address'], address)
  if ('problem' in credential) problems.add([...path, 'credential'], credential.problem)
  else checkSource(credential.ref.scheme, credential.ref.source, credential.ref.path, [...path, 'credential'], surroundings)
  if (typeof address === 'string' || 'problem' in credential) return null

  const tls = tlsOf(shape, address.isPlain)
  const authority = parseAuthority(tls.ca, [...path, ...(shape.protocol === 'postgres' ? ['tls', 'ca'] : ['ca'])], problems)
  if (authority !== null && (tls.mode === 'disable' || tls.mode === 'require')) {
    problems.add([...path, 'tls'], `ca has no meaning with tls ${tls.mode}: use verify-ca or verify-full`)
  }
  if (tls.mode === 'disable' && shape.protocol === 'postgres' && !isLoopback(address.host)) {
    problems.warn([...path, 'tls'], 'tls: disable sends every row, and what logs in, over the network as it is')
  }
  if (shape.use !== undefined && shape.protocol === 'ssh') {
    problems.add([...path, 'use'], 'the built-in rule sets are for postgres and kubernetes; write rules for this connection')
  }
  if (shape.use?.includes('admin') === true && shape.protocol === 'postgres') {
    problems.add([...path, 'use'], 'the rule set admin is for kubernetes')
  }
  const impersonate = shape.protocol === 'kubernetes' && shape.impersonate !== undefined ? shape.impersonate : null
  if (impersonate !== null) checkImpersonation(impersonate, [...path, 'impersonate'], problems)
  warnHostKeys(shape, path, problems)
  const connection: Connection = {
    name,
    protocol: shape.protocol,
    host: address.host,
    port: address.port,
    user: shape.user ?? null,
    credential: credential.ref,
    tls: { mode: tls.mode, ca: authority?.kind === 'pem' ? authority.text : null },
    database: shape.protocol === 'postgres' ? (shape.database ?? null) : null,
    hostKeys: shape.protocol === 'ssh' ? shape['host-keys'] : [],
    groups: shape.groups,
    ...(impersonate === null ? {} : { impersonate: { user: impersonate.user, groups: impersonate.groups ?? [] } }),
  }
  const approvers = approversOf(shape.approvers, surroundings.approvers)
  const asks = shape.default === 'ask' || shape.use?.includes('careful') === true
  if (asks && approvers === null) {
    const text = 'it asks people, but nobody is named: add approvers, and say `approvers:` here when there are several'
    // A first policy with `use: [careful]` works without people: what it asks for is then never answered, and does not run.
    if (shape.default === 'ask' || surroundings.approvers.size > 1) problems.add(path, text)
    else problems.warn([...path, 'use'], text)
  }
  return {
    connection,
    authority,
    use: shape.use ?? [],
    default: shape.default,
    approvers: asks || shape.approvers !== undefined ? approvers : null,
    trustedFunctions: new Set([...surroundings.trustedFunctions, ...trusted]),
  }
}

function checkImpersonation(shape: { user: string; groups?: string[] | undefined }, path: Path, problems: Problems): void {
  const texts = [['user', shape.user] as const, ...(shape.groups ?? []).map((group, index) => [index, group] as const)]
  for (const [key, text] of texts) {
    const place = typeof key === 'number' ? [...path, 'groups', key] : [...path, key]
    const problem = templateProblem(text)
    if (problem !== null) problems.add(place, problem)
    // Masters pass every check of the cluster, its own audit rules too.
    if (text === 'system:masters')
      problems.add(place, 'system:masters is nobody to stand for a workflow: bind a role to a group of your own')
  }
}

/** The entry that is named, or the only one there is. */
export function approversOf(name: string | undefined, approvers: ReadonlyMap<string, ApproverGroup>): ApproverGroup | null {
  if (name !== undefined) return approvers.get(name) ?? null
  const [only, second] = approvers.values()
  return only !== undefined && second === undefined ? only : null
}

export function parseTrusted(functions: readonly string[] | undefined, path: Path, problems: Problems): ReadonlySet<string> {
  const trusted = new Set<string>()
  for (const [index, text] of (functions ?? []).entries()) {
    const name = parseFunctionName(text)
    if (name === null) problems.add([...path, 'trust', index], 'a function is written schema.name')
    else trusted.add(name)
  }
  return trusted
}

function tlsOf(shape: ConnectionShape, isPlain: boolean): { readonly mode: Connection['tls']['mode']; readonly ca: string | undefined } {
  switch (shape.protocol) {
    case 'postgres':
      return typeof shape.tls === 'string' ? { mode: shape.tls, ca: undefined } : { mode: shape.tls.mode, ca: shape.tls.ca }
    case 'kubernetes':
      return { mode: isPlain ? 'disable' : 'verify-full', ca: shape.ca }
    case 'ssh':
      return { mode: 'disable', ca: undefined }
  }
}

function parseAuthority(text: string | undefined, path: Path, problems: Problems): Authority | null {
  if (text === undefined) return null
  if (text.includes('-----BEGIN')) {
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) problems.add(path, 'a private key never stands in a policy')
    else if (!/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(text)) problems.add(path, 'these are not PEM certificates')
    return { kind: 'pem', text }
  }
  if (/[\p{Cc}]/u.test(text) || text.startsWith('/') || text.split('/').includes('..')) {
    problems.add(path, 'name a file beside the policy, or below its folder')
  }
  return { kind: 'file', path: text }
}

/** References name sources; which scheme needs one, and of which kind. */
function checkSource(scheme: string, source: string, refPath: string, path: Path, { problems, names, sources }: Surroundings): void {
  const wanted = scheme === 'exec' ? refPath : source
  if (scheme === 'env' || scheme === 'file') return
  const isNamed = source !== scheme || scheme === 'vault' || scheme === 'exec'
  if (isNamed) names.check('sources', wanted, path)
  const found = Object.hasOwn(sources, wanted) ? sources[wanted] : undefined
  if (found !== undefined && found.kind !== scheme) problems.add(path, `source "${wanted}" is of kind ${found.kind}, not ${scheme}`)
}

function warnHostKeys(shape: ConnectionShape, path: Path, problems: Problems): void {
  if (shape.protocol !== 'ssh') return
  for (const [index, key] of shape['host-keys'].entries()) {
    if (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(key)) continue
    problems.warn([...path, 'host-keys', index], 'no server can have this fingerprint: SHA256: and 43 characters of base64 are expected')
  }
}

/** One entry of `sources:`. */
export function parseSource(name: string, shape: SourceShape, problems: Problems): Source {
  if (shape.kind === 'exec') return { kind: 'exec', name, command: shape.command }
  const problem = urlProblem(shape.address)
  if (problem !== null) problems.add(['sources', name, 'address'], problem)
  return {
    kind: 'vault',
    name,
    address: shape.address,
    namespace: shape.namespace ?? null,
    ca: parseAuthority(shape.ca, ['sources', name, 'ca'], problems),
    auth: shape.auth,
  }
}

/** Names that would give two connections the same variable (`SALLYPORT_ORDERS_DB_URL`). */
export function checkVariableNames(names: Iterable<string>, problems: Problems): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    const variable = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
    const other = seen.get(variable)
    if (other !== undefined) problems.addAtKey(['connections', name], `"${name}" and "${other}" would both be SALLYPORT_${variable}_URL`)
    seen.set(variable, name)
  }
}

export function protocolsOf(
  connections: Readonly<Record<string, ConnectionShape>>,
  on: readonly string[] | undefined,
): ReadonlySet<Protocol> {
  const found = Object.entries(connections).filter(([name]) => on === undefined || on.includes(name))
  return new Set(found.map(([, shape]) => shape.protocol))
}
