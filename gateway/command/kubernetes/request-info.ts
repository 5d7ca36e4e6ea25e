// From method, path and query to the attributes that the API server itself would authorise: its own rules, followed step by step.
// @see Kubernetes apiserver, pkg/endpoints/request/requestinfo.go, RequestInfoFactory.NewRequestInfo
import { pinnedName } from './field-selector.ts'
import { selectedLabels } from './label-selector.ts'
import { isInteger } from './query.ts'
import type { Query } from './query.ts'

export type RequestInfo =
  | { readonly kind: 'non-resource'; readonly verb: string; readonly path: string }
  | {
      readonly kind: 'resource'
      readonly verb: string
      readonly group: string
      readonly version: string
      readonly resource: string
      readonly subresource: string
      readonly namespace: string
      readonly name: string
      /** Segments behind the subresource: the rest of a proxy's path. */
      readonly rest: readonly string[]
    }

const methodVerbs: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
])

/** Below a namespace these are parts of the namespace itself, not resources in it. */
const namespaceSubresources = new Set(['status', 'finalize'])

/**
 * @param path canonical.
 * @returns null where the server answers with an error of its own (`/api/v1/watch` without a kind).
 */
export function readRequestInfo(method: string, path: string, query: Query): RequestInfo | null {
  const outside: RequestInfo = { kind: 'non-resource', verb: method.toLowerCase(), path }
  let parts = path.split('/').filter(part => part !== '')
  if (parts.length < 3) return outside
  const [prefix] = parts
  if (prefix !== 'api' && prefix !== 'apis') return outside
  parts = parts.slice(1)
  let group = ''
  if (prefix === 'apis') {
    if (parts.length < 3) return outside
    group = parts[0] ?? ''
    parts = parts.slice(1)
  }
  const version = parts[0] ?? ''
  parts = parts.slice(1)
  let verb = methodVerbs.get(method) ?? ''
  // The prefix wins over the method.
  if (parts[0] === 'proxy' || parts[0] === 'watch') {
    if (parts.length < 2) return null
    verb = parts[0]
    parts = parts.slice(1)
  }
  let namespace = ''
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1] ?? ''
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] ?? '')) parts = parts.slice(2)
  }
  const [resource = '', named = '', third = ''] = parts
  const hasSubresource = verb !== 'proxy'
  let name = named
  if (name === '' && verb === 'get') {
    verb = query.isOn('watch') ? 'watch' : 'list'
    name = isDecodable(query) ? pinnedName(query.first('fieldSelector') ?? '') : ''
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection'
  return {
    kind: 'resource',
    verb,
    group,
    version,
    resource,
    subresource: hasSubresource ? third : '',
    namespace,
    name,
    rest: parts.slice(hasSubresource ? 3 : 2),
  }
}

/** One option that the server cannot decode makes it forget all of them but `watch`. */
function isDecodable(query: Query): boolean {
  if (selectedLabels(query.first('labelSelector') ?? '') === null) return false
  return ['limit', 'timeoutSeconds'].every(name => {
    const value = query.first(name)
    return value === null || isInteger(value)
  })
}
