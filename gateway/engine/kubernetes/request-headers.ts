// Which headers of a client go on to the API server, and which of an answer come back. Who the client says it is never goes on.
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
])
/** Headers by which an API server, or a proxy in front of it, believes who somebody is; and what a browser keeps. */
const aboutIdentity = /^(?:authorization|cookie|forwarded|impersonate-.*|x-remote-.*|x-forwarded-.*|x-real-ip|x-client-.*|x-original-.*)$/
/** Answers are read, so they come as they are. */
const aboutCoding = new Set(['accept-encoding', 'range', 'if-range'])
const ofAnswer = new Set(['set-cookie', 'www-authenticate', 'alt-svc', 'strict-transport-security'])

export type Headers = Record<string, string | string[]>

/** The client's headers without those that are dropped. @param from names in lower case, as Node gives them. */
export function forwardedHeaders(from: IncomingHttpHeaders): Headers {
  const kept: Headers = {}
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || ofConnection.has(name) || aboutCoding.has(name) || aboutIdentity.test(name)) continue
    kept[name] = value
  }
  return kept
}

/** The server's headers for the client. */
export function answeredHeaders(from: IncomingHttpHeaders): Headers {
  const kept: Headers = {}
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || ofConnection.has(name) || ofAnswer.has(name)) continue
    kept[name] = value
  }
  return kept
}

/**
 * What to accept so that the answer can be read: the client's JSON forms (a Table, partial metadata) in its order, nothing binary.
 * @param accept the client's header, undefined when it has none.
 */
export function readableAccept(accept: string | undefined): string {
  const ranges = (accept ?? '').split(',').map(range => range.trim())
  const readable = ranges.filter(range => /^application\/json(?:;|$)/i.test(range.replaceAll(/\s/g, '')))
  return readable.length === 0 ? 'application/json' : readable.join(',')
}
