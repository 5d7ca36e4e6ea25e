// Kubernetes: HTTPS on loopback with the run's own certificate; a client gets in by its ticket and sees the API as policy and masks leave it.
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureContext, TLSSocket } from 'node:tls'
import { SallyportError } from '../../core/errors.ts'
import type { Engine, FrontDesk } from '../../core/session.ts'
import { answerRequest } from './exchange.ts'
import { RecentRefusals } from './recent-refusals.ts'
import { framingProblem } from './request-framing.ts'
import { sendStatus } from './send-status.ts'
import { statusOf } from './status-answer.ts'
import { answerUpgrade, refuseUpgrade } from './upgrade.ts'
import { KubernetesTarget } from './target.ts'
import { Visit } from './visit.ts'

/** From the connection to the first request with a ticket. */
const LOGIN_TIMEOUT_MS = 20_000
/** Clients keep a connection for their next request; Go's do for 90 s. */
const KEEP_ALIVE_MS = 120_000
const MAX_HEADER_BYTES = 64 * 1_024

export interface KubernetesEngineOptions {
  /** Certificate for 127.0.0.1 and its key, PEM. */
  readonly certificate: string
  readonly key: string
  readonly loginTimeoutMs?: number
}

/** The engine of Kubernetes connections; one keeps the pools of all connections it serves. */
export function createKubernetesEngine(options: KubernetesEngineOptions): Engine {
  const secureContext = createSecureContext({ cert: options.certificate, key: options.key, minVersion: 'TLSv1.2' })
  const targets = new Map<string, KubernetesTarget>()
  const refusals = new RecentRefusals()
  const visits = new WeakMap<object, Visit>()
  const server = http.createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS, requireHostHeader: true })
  server.on('request', (request, response) => void serveRequest(request, response))
  // Go's clients ask for leave to send a body; judging needs the body.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue()
    void serveRequest(request, response)
  })
  server.on('upgrade', (request, socket, head) => {
    const visit = visits.get(socket)
    if (visit === undefined) socket.destroy()
    else {
      const trouble = admitClient(visit, request)
      if (trouble === null) void answerUpgrade(visit, request, socket, head)
      else refuseUpgrade(socket, trouble, visit)
    }
  })
  server.on('connect', (_, socket) => socket.destroy())
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else socket.destroy()
  })

  return {
    protocol: 'kubernetes',
    serve(client, desk, signal) {
      client.on('error', () => client.destroy())
      const socket = new TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
      const leaving = new AbortController()
      const visit = new Visit(desk, targetOf(desk), socket, refusals, leaving.signal)
      visits.set(socket, visit)
      return new Promise(resolve => {
        const patience = setTimeout(() => {
          if (!visit.isOpen) socket.destroy()
        }, options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS)
        const end = (): void => {
          socket.destroy()
        }
        if (signal.aborted) end()
        signal.addEventListener('abort', end, { once: true })
        client.once('close', end)
        socket.on('error', end)
        socket.once('close', () => {
          clearTimeout(patience)
          signal.removeEventListener('abort', end)
          leaving.abort(new SallyportError('COMMAND_CANCELLED', 'the client went away'))
          client.destroy()
          visit.close(signal.aborted ? 'the gateway ended' : 'the client disconnected')
          resolve()
        })
        socket.once('secure', () => server.emit('connection', socket))
      })
    },
  }

  async function serveRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = visits.get(request.socket)
    if (visit === undefined) {
      request.socket.destroy()
      return
    }
    const trouble = admitClient(visit, request)
    if (trouble === null) await answerRequest(visit, request, response)
    else sendStatus(response, statusOf(trouble, { connection: visit.desk.connection.name, command: null }))
  }

  function targetOf(desk: FrontDesk): KubernetesTarget {
    const known = targets.get(desk.connection.name)
    if (known !== undefined) return known
    const target = new KubernetesTarget(desk.connection)
    targets.set(desk.connection.name, target)
    return target
  }
}

/** Every request proves the ticket: a connection may be shared by what stands between. Null when it did. */
function admitClient(visit: Visit, request: IncomingMessage): SallyportError | null {
  const problem = framingProblem(request)
  if (problem !== null) return new SallyportError('PROTOCOL_VIOLATION', `request refused: ${problem}`)
  const proof = request.headers.authorization ?? ''
  // What this very connection has proven it need not prove anew.
  if (visit.hasProven(proof)) return null
  const [, ticket] = /^Bearer ([\w.~+/=-]{1,512})$/i.exec(proof) ?? []
  if (ticket !== undefined && visit.desk.isTicket(Buffer.from(ticket, 'utf8'))) {
    try {
      visit.session(request.headers['user-agent'] ?? '')
      visit.keepProof(proof)
      return null
    } catch (error) {
      return error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'the session cannot be opened')
    }
  }
  return new SallyportError('TICKET_REFUSED', `this is not the ticket of ${visit.desk.connection.name}`, {
    fix: 'use the KUBECONFIG that the job was given',
  })
}
