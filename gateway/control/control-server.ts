// The gateway's second door for its launcher, for when the pipe is gone: loopback HTTP with a secret, two requests.
// It can only end the run or say that it lives. Whoever steals the secret can end the run early, and nothing else.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { SallyportError } from '../core/errors.ts'
import { failedOf } from './gateway-error.ts'
import { lineOf } from './messages.ts'
import type { Finished } from './protocol.ts'

const REQUEST_WITHIN_MS = 5000
const MAX_CONNECTIONS = 16

export interface ControlServer {
  readonly port: number
  readonly secret: string
  /** Stops listening; answers that are under way keep their connection until the process ends. */
  close(): void
}

export interface ControlEvents {
  /** Ends the run. Called for every request; must return the same promise each time. */
  finish(reason: string): Promise<Finished>
  /** Plain data for `status`; nothing secret. */
  status(): Readonly<Record<string, unknown>>
}

/**
 * Listens on a free port of 127.0.0.1.
 * @throws {SallyportError} PORT_IN_USE when the machine has none.
 */
export function openControlServer(events: ControlEvents): Promise<ControlServer> {
  const secret = randomBytes(32).toString('base64url')
  const server = createServer(
    { requestTimeout: REQUEST_WITHIN_MS, headersTimeout: REQUEST_WITHIN_MS, maxHeaderSize: 4096 },
    (request, response) => {
      // A body is never read: what may be asked stands in the path.
      request.resume()
      response.on('error', () => undefined)
      if (!isProven(request, secret)) answer(response, 403, { error: 'the secret of the control listener is missing or wrong' })
      else if (request.method === 'GET' && request.url === '/status') answer(response, 200, events.status())
      else if (request.method === 'POST' && request.url === '/finish') answerFinish(response, events)
      else answer(response, 404, { error: 'there is only GET /status and POST /finish' })
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  return new Promise((resolve, reject) => {
    server.once('error', cause => reject(new SallyportError('PORT_IN_USE', 'the control listener got no port on 127.0.0.1', { cause })))
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      resolve({ port, secret, close: () => void server.close() })
    })
  })
}

function answerFinish(response: ServerResponse, events: ControlEvents): void {
  // The headers go out at once and the connection stays open behind the answer: its end tells the caller that the process is gone.
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.flushHeaders()
  events.finish('the job is over').then(
    finished => response.write(lineOf(finished)),
    (error: unknown) => response.write(lineOf(failedOf(error))),
  )
}

function answer(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(`${JSON.stringify(body)}\n`)
}

/** Constant time: digests of equal length are compared, not the secrets. */
function isProven(request: IncomingMessage, secret: string): boolean {
  return timingSafeEqual(digestOf(request.headers.authorization ?? ''), digestOf(`Bearer ${secret}`))
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
