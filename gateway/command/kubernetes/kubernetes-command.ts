// From one HTTP request to the command that policy, people and recording see. What cannot be one thing to every reader is refused here.
import type { Certainty, KubernetesCommand } from '../../core/command.ts'
import { isProtobuf, readProtobufObject } from '../../wire/kubernetes/protobuf-object.ts'
import { pathProblem } from './canonical-path.ts'
import { readExecWords, unreadableIn } from './exec-words.ts'
import type { ExecReading } from './exec-words.ts'
import { powersOf } from './powers.ts'
import { Query } from './query.ts'
import { readRequestInfo } from './request-info.ts'
import type { RequestInfo } from './request-info.ts'

/** A request as it came: the target is `path?query` of the request line, byte for byte. */
export interface KubernetesRequest {
  readonly method: string
  readonly target: string
  /** Body of a write; null = none, or not read yet. */
  readonly body: Buffer | null
}

export type KubernetesReading =
  | { readonly kind: 'refused'; readonly reason: string }
  /** What every client must see before it can ask for anything: kinds and schemas, no objects. */
  | { readonly kind: 'discovery' }
  | { readonly kind: 'command'; readonly command: KubernetesCommand; readonly info: RequestInfo; readonly query: Query }

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const writes = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])
/** Subresources of the API itself; those of others mean whatever their server likes. */
const knownSubresources = new Set([
  '',
  'approval',
  'attach',
  'binding',
  'ephemeralcontainers',
  'eviction',
  'exec',
  'finalize',
  'log',
  'portforward',
  'proxy',
  'resize',
  'rollback',
  'scale',
  'status',
  'token',
])
/** Paths outside of the resources that are known to be read only and to hold no objects. */
const knownPaths = /^\/(?:healthz|livez|readyz|metrics|version)(?:\/|$)/
/** Kinds and schemas: Kubernetes gives them to everybody who can log in (role system:discovery). */
const discovery =
  /^\/$|^\/(?:api|apis|openapi|version)\/?$|^\/api\/[a-z0-9]+$|^\/apis\/[a-z0-9.-]+(?:\/[a-z0-9]+)?$|^\/openapi\/v[23](?:\/|$)/

export function readKubernetesRequest({ method, target, body }: KubernetesRequest): KubernetesReading {
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  const queryText = mark === -1 ? '' : target.slice(mark + 1)
  const problem = pathProblem(path)
  if (problem !== null) return { kind: 'refused', reason: `the path is not canonical: ${problem}` }
  // oxlint-disable-next-line no-control-regex -- characters a request line cannot have are what this looks for
  if (/[^\u0021-\u007e]|#/.test(queryText)) return { kind: 'refused', reason: 'the query has a character that no URL has' }
  const query = Query.read(queryText)
  if (query === null) return { kind: 'refused', reason: 'the query can be read in more than one way' }
  const info = readRequestInfo(method, path, query)
  if (info === null) return { kind: 'refused', reason: 'the path names no kind' }
  // The root of an application behind a proxy is written with a slash at its end.
  if (info.kind === 'resource' && path.endsWith('/') && info.rest.length === 0 && info.subresource !== 'proxy') {
    return { kind: 'refused', reason: 'the path is not canonical: it ends with a slash' }
  }
  if (info.kind === 'non-resource' && (method === 'GET' || method === 'HEAD') && discovery.test(path)) return { kind: 'discovery' }
  const unreadable = info.kind === 'resource' && info.subresource === 'exec' ? unreadableIn(query.all('command')) : null
  if (unreadable !== null) return { kind: 'refused', reason: `the command holds a character that cannot be shown (${unreadable})` }
  return { kind: 'command', command: commandOf(method, target, info, query, body), info, query }
}

function commandOf(method: string, target: string, info: RequestInfo, query: Query, body: Buffer | null): KubernetesCommand {
  const inside = insideOf(info, query)
  const outer = doubtOf(method, info)
  const doubt = outer ?? inside.doubt
  // The request is understood where only what happens in the container is not.
  const certainty: Certainty = doubt === null ? 'parsed' : outer === null ? 'partial' : 'opaque'
  const base = { protocol: 'kubernetes' as const, certainty, doubt, text: `${method} ${target}`, powers: powersOf(info) }
  if (info.kind === 'non-resource') {
    const { verb, path } = info
    return { ...base, verb, resources: [path], resource: path, namespace: '', name: '', dryRun: false, argv: [], argvs: [] }
  }
  const { verb, group, namespace, name, subresource } = info
  const plain = group === '' ? info.resource : `${info.resource}.${group}`
  return {
    ...base,
    verb,
    resources: [[namespace, plain, name, subresource].filter(part => part !== '').join('/')],
    resource: subresource === '' ? plain : `${plain}/${subresource}`,
    namespace,
    name,
    dryRun: writes.has(verb) && isDryRun(verb, query, body),
    argv: subresource === 'exec' ? query.all('command') : [],
    argvs: inside.argvs,
  }
}

/** What would run in the container. */
function insideOf(info: RequestInfo, query: Query): ExecReading {
  const nothing: ExecReading = { argvs: [], doubt: null }
  if (info.kind === 'non-resource') return nothing
  if (info.subresource === 'exec') return readExecWords(query.all('command'))
  return info.subresource === 'attach' && query.isOn('stdin') ? { argvs: [], doubt: 'what will be typed is not known' } : nothing
}

function doubtOf(method: string, info: RequestInfo): string | null {
  if (!methods.has(method)) return `the method ${method} means nothing to the API`
  if (info.kind === 'non-resource') {
    return knownPaths.test(info.path) && (method === 'GET' || method === 'HEAD')
      ? null
      : 'this path is no part of the API that is known here'
  }
  if (info.verb === 'watch' && method !== 'GET' && method !== 'HEAD') return `a watch is no ${method}`
  if (info.verb === 'proxy') return 'it passes on to a pod, service or node, which may do anything'
  if (!knownSubresources.has(info.subresource)) return `the subresource ${info.subresource} is not one of the API`
  if (info.rest.length > 0 && info.subresource !== 'proxy') return 'the path goes on behind the subresource'
  return null
}

/** A deletion with a body takes its options from there, and forgets those of the query. */
function isDryRun(verb: string, query: Query, body: Buffer | null): boolean {
  if ((verb === 'delete' || verb === 'deletecollection') && body !== null && body.length > 0) return isAll(optionsOf(body))
  return isAll(query.all('dryRun'))
}

function isAll(values: unknown): boolean {
  return Array.isArray(values) && values.length > 0 && values.every(value => value === 'All')
}

function optionsOf(body: Buffer): unknown {
  try {
    const parsed: unknown = isProtobuf(body) ? readProtobufObject(body).object : JSON.parse(body.toString('utf8'))
    return typeof parsed === 'object' && parsed !== null && 'dryRun' in parsed ? parsed.dryRun : null
  } catch {
    return null
  }
}
