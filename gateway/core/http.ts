// How adapters speak HTTP: a port, so that proxies, authorities and test doubles are wired in one place.
// No implementation follows a redirect: what is sent to a source must never travel on to another one.

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** https; plain http on a loopback address only. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | null
  /** An answer with a longer body is a failure. */
  readonly maxBytes: number
  /** Bound of one attempt, from the first lookup to the last byte. */
  readonly timeoutMs: number
  /** How often at most; only network failures, 429 and 5xx are tried again. */
  readonly attempts: number
  /** PEM of the authorities to trust instead of the system's; null = the system's. */
  readonly ca: string | null
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** @throws {HttpFailure} when no whole answer came; the signal's reason when aborted. */
export type Http = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>

/** No answer. `message` names the host at most, never a path, header or body. */
export class HttpFailure extends Error {
  readonly kind: 'not_allowed' | 'network' | 'untrusted' | 'timeout' | 'too_large'

  constructor(kind: HttpFailure['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HttpFailure'
    this.kind = kind
  }
}

/** True for `localhost`, 127.0.0.0/8 and ::1, as written in a URL. */
export function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(url.hostname)
}

/** The URL when it may be spoken to: https, or http on loopback, without credentials in it; else null. */
export function readEndpoint(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
  return isSafe && url.username === '' && url.password === '' ? url : null
}
