// Which headers of a client go on to the API server, and which of an answer come back. Who the client says it is never goes on: only headers
// that are known to say nothing of it do. Behind a proxy an application may read any header, so there the rest goes on, without those.
import type { IncomingHttpHeaders } from 'node:http'

/** Of one connection only (RFC 9110, 7.6.1), or made anew by the sender. */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
  'http2-settings',
])
/** What an API server reads of a request, and what clients say of themselves for its audit log. */
const known = new Set([
  'accept',
  'accept-language',
  'audit-id',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'kubectl-command',
  'kubectl-session',
  'origin',
  'pragma',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
  'traceparent',
  'tracestate',
  'user-agent',
  'warning',
  'x-stream-protocol-version',
])
/**
 * Headers by which an API server, or a proxy in front of it, believes who somebody is; and what a browser keeps. An underscore is a hyphen
 * to many a server.
 */
const aboutIdentity =
  /^(?:authorization|cookie2?|forwarded|via|true-client-ip|impersonate-.*|x-remote-.*|x-forwarded-.*|x-real-ip|x-client-.*|x-original-.*|x-auth-.*|x-amzn-.*|x-goog-.*|x-ms-.*|x-user.*|x-group.*|x-kubernetes-.*|remote-.*|x-http-method.*|x-method-.*)$/
const impersonation = /^impersonate-/
/** Answers are read, so they come as they are. */
const aboutCoding = new Set(['accept-encoding', 'range', 'if-range'])
const ofAnswer = new Set(['set-cookie', 'www-authenticate', 'alt-svc', 'strict-transport-security'])

export type Headers = Record<string, string | string[]>

/**
 * The client's headers without those that are dropped.
 * @param from names in lower case, as Node gives them. @param isProxied behind a `proxy` subresource, where an application reads them.
 */
export function forwardedHeaders(from: IncomingHttpHeaders, isProxied = false): Headers {
  const kept: Headers = {}
  const ofHop = listedHeaders(from.connection)
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || ofConnection.has(name) || aboutCoding.has(name) || ofHop.has(name)) continue
    if (isProxied ? !aboutIdentity.test(plain(name)) : known.has(name)) kept[name] = value
  }
  // One line each, as the client sent them: older kubelets do not look for commas.
  const versions = kept['x-stream-protocol-version']
  if (typeof versions === 'string') kept['x-stream-protocol-version'] = versions.split(',').map(version => version.trim())
  return kept
}

/** True when the client wants to be somebody else: those headers are dropped, and it is told. */
export function wantsToImpersonate(from: IncomingHttpHeaders): boolean {
  return Object.keys(from).some(name => impersonation.test(plain(name)))
}

/** The server's headers for the client. */
export function answeredHeaders(from: IncomingHttpHeaders): Headers {
  const kept: Headers = {}
  const ofHop = listedHeaders(from.connection)
  for (const name of Object.keys(from)) {
    const value = from[name]
    if (value === undefined || ofConnection.has(name) || ofAnswer.has(name) || ofHop.has(name)) continue
    kept[name] = value
  }
  return kept
}

/** For `writeHead`: name and value in turn, a repeated header once for each value. @param length of the body, where it is known. */
export function headerList(headers: Headers, length: number | null = null): string[] {
  const list: string[] = []
  for (const name of Object.keys(headers)) {
    const value = headers[name] ?? []
    if (typeof value === 'string') list.push(name, value)
    else for (const one of value) list.push(name, one)
  }
  if (length !== null) list.push('content-length', String(length))
  return list
}

/**
 * What to accept so that the answer can be read: the client's JSON forms (a Table, partial metadata) in its order, nothing binary. Where it
 * would take something else as well, plain JSON stands for that: a form that this server does not know must not be all that is asked for.
 * @param accept the client's header, undefined when it has none.
 */
export function readableAccept(accept: string | undefined): string {
  const ranges = (accept ?? '').split(',').map(range => range.replaceAll(/\s/g, ''))
  const readable = ranges.filter(range => /^application\/json(?:;|$)/i.test(range))
  const isPlainMissing = readable.length < ranges.length && !readable.some(range => /^application\/json$/i.test(range))
  return [...readable, ...(isPlainMissing ? ['application/json'] : [])].join(',')
}

/** Names that `Connection:` lists are for this hop only. */
function listedHeaders(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined) return none
  return new Set((connection ?? '').split(',').map(name => name.trim().toLowerCase()))
}

const none: ReadonlySet<string> = new Set()

function plain(name: string): string {
  return name.replaceAll('_', '-')
}
