// The gateway's HTTP client for sources and issuers: https (http on loopback), no redirects, bounded bodies, bounded time,
// proxies by the usual variables, certificates always checked.
import http from 'node:http'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../core/clock.ts'
import { HttpFailure, isLoopback, readEndpoint } from '../../core/http.ts'
import type { Http, HttpAnswer, HttpRequest } from '../../core/http.ts'
import { proxyFor } from './proxy-choice.ts'
import { openTunnel } from './proxy-tunnel.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000

/** @param environment where `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are looked up, in either case. */
export function createHttp(environment: Readonly<Record<string, string>>, clock: Clock): Http {
  return async (request, signal) => {
    const url = readEndpoint(request.url)
    if (url === null) throw new HttpFailure('not_allowed', 'only https, or http on a loopback address, is allowed')
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= request.attempts
      let pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
      try {
        const answer = await exchange(url, request, environment, signal)
        if (isLast || !mayPass(answer.status)) return answer
        pauseMs = Math.max(pauseMs, Math.min(retryAfterMs(answer), LONGEST_PAUSE_MS))
      } catch (error) {
        signal.throwIfAborted()
        if (isLast || !(error instanceof HttpFailure) || (error.kind !== 'network' && error.kind !== 'timeout')) throw error
      }
      await clock.sleep(pauseMs * (0.75 + Math.random() / 2), signal)
    }
  }
}

function mayPass(status: number): boolean {
  return status === 429 || status >= 500
}

function retryAfterMs(answer: HttpAnswer): number {
  const text = answer.headers['retry-after'] ?? ''
  return /^\d{1,4}$/.test(text) ? Number(text) * 1_000 : 0
}

/** One attempt. The time limit covers connecting, the proxy, the TLS handshake and the whole body. */
async function exchange(
  url: URL,
  request: HttpRequest,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const limit = AbortSignal.timeout(request.timeoutMs)
  const either = AbortSignal.any([signal, limit])
  try {
    const proxy = isLoopback(url) ? null : proxyFor(url, environment)
    if (proxy === null) return await send(url, request, null, either)
    const tunnel = await openTunnel(proxy, url, request.ca, either)
    try {
      return await send(url, request, tunnel, either)
    } finally {
      tunnel.destroy()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (limit.aborted) throw new HttpFailure('timeout', `${url.host} did not answer within ${String(request.timeoutMs / 1_000)} s`, error)
    if (error instanceof HttpFailure) throw error
    if (isUntrusted(error)) throw new HttpFailure('untrusted', `the certificate of ${url.host} is not trusted`, error)
    throw new HttpFailure('network', `${url.host} cannot be reached`, error)
  }
}

function send(url: URL, request: HttpRequest, tunnel: TLSSocket | null, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': 'sallyport',
      connection: 'close',
      ...request.headers,
    }
    if (request.body !== null) headers['content-length'] = String(Buffer.byteLength(request.body))
    const options = {
      method: request.method,
      headers,
      signal,
      // One connection for one request; with an agent, Node would open its own past the tunnel.
      ...(tunnel === null ? { agent: false } : { createConnection: () => tunnel }),
      ...(request.ca === null ? {} : { ca: request.ca }),
    }
    const outgoing = url.protocol === 'https:' ? https.request(url, { ...options, rejectUnauthorized: true }) : http.request(url, options)
    outgoing.on('error', reject)
    outgoing.once('response', incoming => {
      const parts: Buffer[] = []
      let length = 0
      incoming.on('data', (part: Buffer) => {
        length += part.length
        if (length > request.maxBytes) {
          const failure = new HttpFailure('too_large', `${url.host} answered more than ${String(request.maxBytes)} bytes`)
          outgoing.destroy(failure)
          reject(failure)
          return
        }
        parts.push(part)
      })
      incoming.on('error', reject)
      incoming.once('close', () => {
        if (incoming.complete) resolve({ status: incoming.statusCode ?? 0, headers: flat(incoming.headers), body: Buffer.concat(parts) })
        else reject(new HttpFailure('network', `${url.host} ended the answer early`))
      })
    })
    outgoing.end(request.body ?? undefined)
  })
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) found[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return found
}

/** Codes of Node for a certificate that does not verify, or is for another name. */
function isUntrusted(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return typeof error.code === 'string' && /CERT|SIGNATURE|ERR_TLS|ERR_SSL|ISSUER/.test(error.code)
}
