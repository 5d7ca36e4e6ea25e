// The API server: the only place that holds its credential. What a client wants goes there with a permit only; the gateway's own
// questions (discovery, the object that a held write would change, a dry run) change nothing.
import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { Connection } from '../../core/connection.ts'
import type { Lease } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import { Permit } from '../../core/permit.ts'
import { readApiCredential } from './credential.ts'
import type { ApiCredential } from './credential.ts'
import type { Headers } from './request-headers.ts'

export interface TargetRequest {
  readonly method: string
  /** `path?query`, the very bytes that were judged. */
  readonly target: string
  readonly headers: Headers
  readonly body: Buffer | null
}

export interface Upgraded {
  readonly answer: IncomingMessage
  /** Null when the server did not switch protocols; `answer` then has a body. */
  readonly socket: Duplex | null
  /** Bytes that came behind the answer's head. */
  readonly head: Buffer
}

/** From a request to the head of its answer. A server under load, or an admission webhook, may take its time. */
const ANSWER_TIMEOUT_MS = 90_000
/** Below the idle time of API servers and of load balancers in front of them. */
const IDLE_MS = 45_000
const MAX_SOCKETS = 256
const MAX_FREE_SOCKETS = 32

type Module = typeof http | typeof https

export class KubernetesTarget {
  readonly #connection: Connection
  #pool: { readonly lease: Lease; readonly credential: ApiCredential; readonly agent: http.Agent } | null = null

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** @throws {SallyportError} TARGET_UNREACHABLE, TARGET_UNTRUSTED, TARGET_LOGIN_REFUSED, CREDENTIAL_UNAVAILABLE. */
  send(permit: Permit, lease: Lease, request: TargetRequest, signal: AbortSignal): Promise<IncomingMessage> {
    if (!Permit.isMinted(permit)) throw new SallyportError('INTERNAL', 'a request without a permit does not go to the target')
    return this.#exchange(lease, request, signal)
  }

  /** The gateway's own question: a GET, or a write that is a dry run. */
  ask(lease: Lease, request: TargetRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const isHarmless = request.method === 'GET' || request.method === 'HEAD' || /[?&]dryRun=All$/.test(request.target)
    if (!isHarmless) throw new SallyportError('INTERNAL', 'a question of the gateway must change nothing')
    return this.#exchange(lease, request, signal)
  }

  /** A request that wants to switch protocols (exec, attach, port-forward). */
  async upgrade(permit: Permit, lease: Lease, request: TargetRequest, protocol: string, signal: AbortSignal): Promise<Upgraded> {
    if (!Permit.isMinted(permit)) throw new SallyportError('INTERNAL', 'a request without a permit does not go to the target')
    const outgoing = this.#open(lease, { ...request, headers: { ...request.headers, connection: 'Upgrade', upgrade: protocol } }, signal)
    const upgraded = await this.#patiently(
      outgoing,
      new Promise<Upgraded>((resolve, reject) => {
        outgoing.once('upgrade', (answer, socket, head) => resolve({ answer, socket, head }))
        outgoing.once('response', answer => resolve({ answer, socket: null, head: Buffer.alloc(0) }))
        outgoing.once('error', reject)
        outgoing.end(request.body ?? undefined)
      }),
    )
    if (upgraded.answer.statusCode === 401) {
      upgraded.answer.destroy()
      throw this.#refused()
    }
    return upgraded
  }

  close(): void {
    this.#pool?.agent.destroy()
    this.#pool = null
  }

  async #exchange(lease: Lease, request: TargetRequest, signal: AbortSignal, isAgain = false): Promise<IncomingMessage> {
    const outgoing = this.#open(lease, request, signal)
    try {
      const answer = await this.#patiently(
        outgoing,
        new Promise<IncomingMessage>((resolve, reject) => {
          outgoing.once('response', resolve)
          outgoing.once('error', reject)
          outgoing.end(request.body ?? undefined)
        }),
      )
      if (answer.statusCode === 401) {
        answer.destroy()
        throw this.#refused()
      }
      return answer
    } catch (error) {
      // The server may close an idle connection while a request is on its way; only what changes nothing is sent again.
      const isStale = outgoing.reusedSocket && error instanceof SallyportError && error.code === 'TARGET_UNREACHABLE'
      if (isStale && !isAgain && request.method === 'GET' && !signal.aborted) return await this.#exchange(lease, request, signal, true)
      throw error
    }
  }

  #open(lease: Lease, request: TargetRequest, signal: AbortSignal): http.ClientRequest {
    const { host, port, impersonate } = this.#connection
    const { credential, agent } = this.#poolFor(lease)
    const headers: Headers = { ...request.headers, host: `${net.isIPv6(host) ? `[${host}]` : host}:${port}` }
    if (credential.kind === 'token') headers['authorization'] = `Bearer ${credential.token}`
    // The last word: nothing that a client sent has one of these names.
    if (impersonate !== undefined) {
      headers['impersonate-user'] = impersonate.user
      if (impersonate.groups.length > 0) headers['impersonate-group'] = [...impersonate.groups]
    }
    if (request.body !== null) headers['content-length'] = String(request.body.length)
    return this.#module().request({ host, port, method: request.method, path: request.target, headers, agent, signal })
  }

  async #patiently<T>(outgoing: http.ClientRequest, answered: Promise<T>): Promise<T> {
    const late = setTimeout(() => outgoing.destroy(new Error('no answer in time')), ANSWER_TIMEOUT_MS)
    try {
      return await answered
    } catch (error) {
      throw this.#troubleOf(error)
    } finally {
      clearTimeout(late)
      // Later errors belong to the answer or to the socket; without a listener they would end the process.
      outgoing.on('error', () => outgoing.destroy())
    }
  }

  /** One pool per lease: a renewed certificate must not ride on connections of the old one. */
  #poolFor(lease: Lease): { readonly credential: ApiCredential; readonly agent: http.Agent } {
    if (this.#pool?.lease === lease) return this.#pool
    const credential = readApiCredential(lease.secret.reveal().toString('utf8'), lease.certificate)
    if (credential === null) {
      throw new SallyportError('CREDENTIAL_UNAVAILABLE', `${this.#connection.credential.text} is no credential for an API server`, {
        why: 'a bearer token, PEM text with a certificate and its key, or an ExecCredential is expected',
        fix: 'correct the reference, or what the source holds',
      })
    }
    const old = this.#pool?.agent
    const { tls, host } = this.#connection
    const pool = {
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      maxFreeSockets: MAX_FREE_SOCKETS,
      timeout: IDLE_MS,
      scheduling: 'lifo' as const,
    }
    const agent =
      tls.mode === 'disable'
        ? new http.Agent(pool)
        : new https.Agent({
            ...pool,
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2',
            ALPNProtocols: ['http/1.1'],
            ...(net.isIP(host) === 0 ? { servername: host } : {}),
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(credential.kind === 'certificate' ? { cert: credential.certificate, key: credential.key } : {}),
          })
    this.#pool = { lease, credential, agent }
    // Requests that are under way on the old pool end there; its idle connections run out by themselves.
    if (old !== undefined) setTimeout(() => old.destroy(), IDLE_MS * 2).unref()
    return this.#pool
  }

  #module(): Module {
    return this.#connection.tls.mode === 'disable' ? http : https
  }

  #refused(): SallyportError {
    return new SallyportError('TARGET_LOGIN_REFUSED', `the API server of ${this.#connection.name} refused the credential`, {
      why: 'it answered 401 to what the credential source gave',
      fix: `check ${this.#connection.credential.text}: is it a token or certificate of this cluster, and still valid?`,
    })
  }

  #troubleOf(error: unknown): SallyportError {
    if (error instanceof SallyportError) return error
    const { name, host, port } = this.#connection
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
    if (/CERT|SIGNATURE|ERR_TLS|ERR_SSL|ISSUER|HOSTNAME/.test(code)) {
      return new SallyportError('TARGET_UNTRUSTED', `the certificate of ${name} (${host}:${port}) is not trusted`, {
        why: `the TLS handshake failed with ${code}`,
        fix: 'set ca: of the connection to the authority of the cluster',
        cause: error,
      })
    }
    return new SallyportError('TARGET_UNREACHABLE', `${name} (${host}:${port}) cannot be reached${code === '' ? '' : `: ${code}`}`, {
      fix: 'check the address, and that the runner may reach it',
      cause: error,
    })
  }
}
