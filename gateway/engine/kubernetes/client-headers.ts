// The headers of a client's request, read for what the gateway needs of them; those of the request before on the same connection, which
// are nearly always the same, are not read again.
import type { IncomingMessage } from 'node:http'
import { mayHaveBody } from './request-body.ts'
import { forwardedHeaders, readableAccept, wantsToImpersonate } from './request-headers.ts'
import type { Headers } from './request-headers.ts'

export interface ReadHeaders {
  /** For the API server; nobody changes them. */
  readonly forwarded: Readonly<Headers>
  readonly contentType: string
  readonly hasBody: boolean
  readonly isImpersonating: boolean
}

export class ClientHeaders {
  #last: { readonly raw: readonly string[]; readonly isProxied: boolean; readonly read: ReadHeaders } | null = null

  /** @param isProxied behind a `proxy` subresource, where an application reads them. */
  of(request: IncomingMessage, isProxied: boolean): ReadHeaders {
    const raw = request.rawHeaders
    const last = this.#last
    if (last !== null && last.isProxied === isProxied && isSame(last.raw, raw)) return last.read
    const { headers } = request
    const read = {
      forwarded: { ...forwardedHeaders(headers, isProxied), accept: readableAccept(headers.accept) },
      contentType: headers['content-type'] ?? '',
      hasBody: mayHaveBody(request),
      isImpersonating: wantsToImpersonate(headers),
    }
    this.#last = { raw, isProxied, read }
    return read
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false
  return true
}
