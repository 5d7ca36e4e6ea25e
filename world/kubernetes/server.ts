// A stand-in for a Kubernetes API server on loopback: TLS, bearer tokens, discovery, objects, lists, tables, watches, every kind of patch.
// Good enough for real kubectl; it writes down every request that reached it.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { isProtobuf, readProtobufObject } from '../../gateway/wire/kubernetes/protobuf-object.ts'
import { makeCertificates } from '../tls/certificates.ts'
import { discover } from './discovery.ts'
import { apiVersionOf, kindOf, kinds } from './kinds.ts'
import type { ApiObject, Kind } from './kinds.ts'
import { jsonPatch, mergePatch, strategicMerge } from './merge.ts'
import { Store } from './store.ts'
import type { Change } from './store.ts'
import { tableOf } from './table.ts'

export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

export interface KubernetesServer {
  readonly address: string
  readonly port: number
  /** PEM of its authority. */
  readonly ca: string
  /** What it takes; another one makes the old one refused, as an expired token is. */
  token: string
  readonly store: Store
  /** Every request that got here, with its own headers. */
  readonly seen: SeenRequest[]
  /** What `serviceaccounts/token` gives out. */
  mintedToken: string
  /** Text of `pods/log`. */
  logs: string
  /** Adds to it, and tells those who follow. */
  log(text: string): void
  /** Ends every answer that follows the logs, as the end of the container does. */
  endLogs(): void
  /** Takes requests that switch protocols; null = there is no kubelet. */
  kubelet: ((request: http.IncomingMessage, socket: Duplex, head: Buffer) => void) | null
  put(kind: string, object: Record<string, unknown>): ApiObject
  stop(): Promise<void>
}

interface Wish {
  readonly kind: Kind
  readonly namespace: string
  readonly name: string
  readonly subresource: string
  readonly query: URLSearchParams
}

/** @param options.isPlain http, for benchmarks of the gateway alone. */
export async function startKubernetes(
  options: {
    readonly token?: string
    readonly isPlain?: boolean
    /** Whose client certificates it takes. */
    readonly clientCa?: string
  } = {},
): Promise<KubernetesServer> {
  const token = options.token ?? `canary-token-${Math.random().toString(36).slice(2)}`
  const certificates = makeCertificates(['127.0.0.1', 'localhost'])
  const store = new Store()
  const seen: SeenRequest[] = []
  const followers = new Set<http.ServerResponse>()
  const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => void serve(request, response)
  const server =
    options.isPlain === true
      ? http.createServer(listener)
      : https.createServer(
          {
            cert: certificates.certificate,
            key: certificates.key,
            ...(options.clientCa === undefined ? {} : { ca: options.clientCa, requestCert: true, rejectUnauthorized: false }),
          },
          listener,
        )
  const isKnown = ({ headers, socket }: http.IncomingMessage): boolean =>
    headers.authorization === `Bearer ${world.token}` ||
    (options.clientCa !== undefined && socket instanceof TLSSocket && socket.authorized)
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    seen.push({ method: request.method ?? '', target: request.url ?? '', headers: request.headers, body: '' })
    if (!isKnown(request)) socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    else if (world.kubelet === null) socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    else world.kubelet(request, socket, head)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const world: KubernetesServer = {
    address: `${options.isPlain === true ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    ca: certificates.ca,
    token,
    store,
    seen,
    mintedToken: 'minted.service.account-token',
    logs: 'started\n',
    log(text) {
      world.logs += text
      for (const follower of followers) follower.write(text)
    },
    endLogs() {
      for (const follower of followers) follower.end()
    },
    kubelet: null,
    put(name, object) {
      const kind = kinds.find(known => known.kind === name)
      if (kind === undefined) throw new Error(`no kind ${name}`)
      const full = { apiVersion: apiVersionOf(kind), kind: name, ...object } as unknown as ApiObject
      return store.put(kind, full.metadata.namespace ?? 'default', full, false)
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  for (const name of ['default', 'shop']) world.put('Namespace', { metadata: { name } })
  return world

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    seen.push({ method: request.method ?? '', target: request.url ?? '', headers: request.headers, body: body.toString() })
    if (!isKnown(request)) return fail(response, 401, 'Unauthorized', 'Unauthorized')
    const url = new URL(request.url ?? '/', 'http://x')
    const found = discover(url.pathname)
    if (found !== undefined) return send(response, 200, found)
    if (url.pathname === '/healthz' || url.pathname === '/readyz') {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.end('ok')
      return
    }
    if (url.pathname.startsWith('/apis/authorization.k8s.io/')) {
      return send(response, 201, {
        kind: 'SelfSubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: {},
        status: { allowed: true },
      })
    }
    const wish = wishOf(url)
    if (wish === null) return fail(response, 404, 'NotFound', 'the server could not find the requested resource')
    try {
      answer(request, response, wish, body)
    } catch (error) {
      fail(response, 422, 'Invalid', String(error))
    }
  }

  function answer(request: http.IncomingMessage, response: http.ServerResponse, wish: Wish, body: Buffer): void {
    const { kind, namespace, name, subresource, query } = wish
    const accept = request.headers.accept ?? ''
    const isDryRun = query.get('dryRun') === 'All'
    const show = (status: number, object: ApiObject): void => {
      if (accept.startsWith('application/vnd.kubernetes.protobuf')) {
        response.writeHead(status, { 'content-type': 'application/vnd.kubernetes.protobuf' })
        response.end(Buffer.concat([Buffer.from('k8s\0'), Buffer.from(JSON.stringify(object))]))
      } else send(response, status, /as=Table/.test(accept) ? tableOf(kind, [object], query.get('includeObject')) : object)
    }
    if (request.method === 'GET' && name === '') {
      if (query.has('watch') && query.get('watch') !== 'false') return watch(response, wish, accept)
      const items = store.list(kind, namespace).filter(object => selected(object, query))
      return send(
        response,
        200,
        /as=Table/.test(accept)
          ? tableOf(kind, items, query.get('includeObject'), String(store.version))
          : /as=PartialObjectMetadataList/.test(accept)
            ? {
                kind: 'PartialObjectMetadataList',
                apiVersion: 'meta.k8s.io/v1',
                metadata: { resourceVersion: String(store.version) },
                items: items.map(({ metadata }) => ({ metadata })),
              }
            : {
                kind: `${kind.kind}List`,
                apiVersion: apiVersionOf(kind),
                metadata: { resourceVersion: String(store.version) },
                items: items.map(object =>
                  Object.fromEntries(Object.entries(object).filter(([key]) => key !== 'kind' && key !== 'apiVersion')),
                ),
              },
      )
    }
    if (subresource === 'log') {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write(world.logs)
      if (query.get('follow') !== 'true') {
        response.end()
        return
      }
      followers.add(response)
      response.once('close', () => followers.delete(response))
      return
    }
    if (request.method === 'POST' && kind.kind === 'ServiceAccount' && subresource === 'token') {
      const status = { token: world.mintedToken, expirationTimestamp: '2030-01-01T00:00:00Z' }
      return send(response, 201, {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace },
        spec: {},
        status,
      })
    }
    const known = store.get(kind, namespace, name)
    if (request.method === 'POST' && name === '') {
      const object = objectOf(body)
      if (store.get(kind, namespace, object.metadata.name) !== undefined) {
        return fail(response, 409, 'AlreadyExists', `${kind.resource} "${object.metadata.name}" already exists`)
      }
      return show(201, store.put(kind, namespace, managed(object, query), isDryRun))
    }
    const isApply = request.headers['content-type'] === 'application/apply-patch+yaml'
    if (known === undefined && !isApply) return fail(response, 404, 'NotFound', `${kind.resource} "${name}" not found`, kind, name)
    switch (request.method ?? '') {
      case 'GET':
        if (known !== undefined) show(200, known)
        return
      case 'PUT': {
        const object = objectOf(body)
        const wanted = object.metadata.resourceVersion ?? ''
        if (wanted !== '' && wanted !== known?.metadata.resourceVersion)
          return fail(response, 409, 'Conflict', 'the object has been modified')
        return show(200, store.put(kind, namespace, managed(object, query), isDryRun))
      }
      case 'PATCH':
        return show(
          known === undefined ? 201 : 200,
          store.put(kind, namespace, managed(patched(known, request, body, name), query), isDryRun),
        )
      case 'DELETE': {
        const inBody = body.length === 0 ? [] : ((objectOf(body) as unknown as { dryRun?: string[] }).dryRun ?? [])
        if (!(body.length === 0 ? isDryRun : inBody.includes('All'))) store.delete(kind, namespace, name)
        return send(response, 200, {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Success',
          details: { name, kind: kind.resource, uid: known?.metadata.uid },
        })
      }
      default:
        return fail(response, 405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
    }
  }

  function watch(response: http.ServerResponse, wish: Wish, accept: string): void {
    const { kind, namespace, query } = wish
    const isTable = /as=Table/.test(accept)
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' })
    const tell = (change: Change): void => {
      if (change.kind !== kind || (namespace !== '' && change.object.metadata.namespace !== namespace) || !selected(change.object, query))
        return
      const object = isTable ? tableOf(kind, [change.object], query.get('includeObject')) : change.object
      response.write(`${JSON.stringify({ type: change.type, object })}\n`)
    }
    const from = query.get('resourceVersion') ?? ''
    if (from === '' || from === '0') for (const object of store.list(kind, namespace)) tell({ type: 'ADDED', kind, object, version: 0 })
    else for (const change of store.since(Number(from))) tell(change)
    store.changed.on('change', tell)
    response.once('close', () => store.changed.off('change', tell))
    response.flushHeaders()
  }
}

/** JSON, or as much of protobuf as the gateway reads: Secrets, ConfigMaps, options. */
function objectOf(body: Buffer): ApiObject {
  if (!isProtobuf(body)) return JSON.parse(body.toString()) as ApiObject
  const { object, isWhole } = readProtobufObject(body)
  if (!isWhole) throw new Error('this kind is not read as protobuf here')
  return object as unknown as ApiObject
}

function patched(known: ApiObject | undefined, request: http.IncomingMessage, body: Buffer, name: string): ApiObject {
  const patch: unknown = JSON.parse(body.toString())
  switch (request.headers['content-type'] ?? '') {
    case 'application/json-patch+json':
      return jsonPatch(known, patch as Parameters<typeof jsonPatch>[1]) as ApiObject
    case 'application/merge-patch+json':
      return mergePatch(known, patch) as ApiObject
    case 'application/apply-patch+yaml':
      return strategicMerge(known ?? { metadata: { name } }, patch) as ApiObject
    default:
      return strategicMerge(known, patch) as ApiObject
  }
}

function managed(object: ApiObject, query: URLSearchParams): ApiObject {
  const manager = query.get('fieldManager') ?? 'unknown'
  const fieldsV1 = { 'f:data': Object.fromEntries(Object.keys(object['data'] ?? {}).map(name => [`f:${name}`, {}])) }
  return {
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: [{ manager, operation: 'Update', apiVersion: object.apiVersion, fieldsType: 'FieldsV1', fieldsV1 }],
    },
  }
}

function selected(object: ApiObject, query: URLSearchParams): boolean {
  const name = /(?:^|,)metadata\.name=([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1]
  if (name !== undefined && object.metadata.name !== name) return false
  return (query.get('labelSelector') ?? '')
    .split(',')
    .filter(term => term.includes('='))
    .every(term => {
      const [label = '', value] = term.split(/==?/)
      return object.metadata.labels?.[label] === value
    })
}

function wishOf(url: URL): Wish | null {
  const parts = url.pathname.split('/').filter(part => part !== '')
  const isCore = parts[0] === 'api'
  const [group, version, rest] = isCore ? ['', parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)]
  const query = url.searchParams
  if (rest[0] === 'watch') {
    rest.shift()
    query.set('watch', 'true')
  }
  let namespace = ''
  let path = rest
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '')) {
    namespace = rest[1] ?? ''
    path = rest.slice(2)
  }
  const [resource = '', name = '', subresource = ''] = path
  const kind = kindOf(group ?? '', version ?? '', resource)
  return kind === undefined ? null : { kind, namespace, name, subresource, query }
}

function send(response: http.ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}

function fail(response: http.ServerResponse, code: number, reason: string, message: string, kind?: Kind, name?: string): void {
  send(response, code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details: { name, kind: kind?.resource },
    code,
  })
}
