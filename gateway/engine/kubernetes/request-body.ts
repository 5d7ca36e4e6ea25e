// The body of a request, whole: what is judged and shown must be all of what is sent.
import type { IncomingMessage } from 'node:http'
import { SallyportError } from '../../core/errors.ts'

/** API servers take 3 MiB. */
const MAX_BODY_BYTES = 4 * 1_024 * 1_024

/** False when the head of the request says that nothing comes behind it (RFC 9112, 6.3). */
export function mayHaveBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** Null when there is none. @throws {SallyportError} PROTOCOL_VIOLATION when it is too large or ends early. */
export async function readBody(request: IncomingMessage, signal: AbortSignal): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let length = 0
  const abort = (): void => {
    request.destroy()
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    for await (const part of request) {
      if (!(part instanceof Buffer)) continue
      length += part.length
      if (length > MAX_BODY_BYTES) {
        throw new SallyportError('PROTOCOL_VIOLATION', `the body has more than ${MAX_BODY_BYTES} bytes`, {
          fix: 'API servers take no more than 3 MiB in one request',
        })
      }
      parts.push(part)
    }
  } finally {
    signal.removeEventListener('abort', abort)
  }
  return length === 0 ? null : Buffer.concat(parts, length)
}
