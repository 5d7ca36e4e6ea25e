// The API server: the only place that holds its credential. What a client wants goes there with a permit only; the gateway's own
// questions (discovery, the object that a held write would change, a dry run) change nothing.
import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { createSecureContext } from 'node:tls'
import type { Connection } from '../../core/connection.ts'
import type { Lease } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import { Permit } from '../../core/permit.ts'
import { HttpError } from '../../wire/http/http-error.ts'
import { requestHead } from '../../wire/http/request-head.ts'
import { readApiCredential } from './credential.ts'
import type { ApiCredential } from './credential.ts'
import type { Headers } from './request-headers.ts'
import type { TargetAnswer } from './target-answer.ts'
import { TargetPool } from './target-pool.ts'

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
/** Without a body their length goes unsaid (RFC 9110, 8.6). */
const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

interface Access {
  readonly lease: Lease
  readonly credential: ApiCredential
  /** null = without TLS. */
  readonly tls: ConnectionOptions | null
  readonly pool: TargetPool
}

export class KubernetesTarget {
  readonly #connection: Connection
  readonly #authority: string
  #access: Access | null = null

  constructor(connection: Connection) {
    this.#connection = connection
    const { host, port } = connection
    this.#authority = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`
  }

  /** @throws {SallyportError} TARGET_UNREACHABLE, TARGET_UNTRUSTED, TARGET_LOGIN_REFUSED, CREDENTIAL_UNAVAILABLE. */
  send(permit: Permit, lease: Lease, request: TargetRequest, signal: AbortSignal): Promise<TargetAnswer> {
    if (!Permit.isMinted(permit)) throw new SallyportError('INTERNAL', 'a request without a permit does not go to the target')
    return this.#exchange(lease, request, signal)
  }

  /** The gateway's own question: a GET, or a write that is a dry run. */
  ask(lease: Lease, request: TargetRequest, signal: AbortSignal): Promise<TargetAnswer> {
    const isHarmless = request.method === 'GET' || request.method === 'HEAD' || /[?&]dryRun=All$/.test(request.target)
    if (!isHarmless) throw new SallyportError('INTERNAL', 'a question of the gateway must change nothing')
    return this.#exchange(lease, request, signal)
  }

  /** A request that wants to switch protocols (exec, attach, port-forward). */
  async upgrade(permit: Permit, lease: Lease, request: TargetRequest, protocol: string, signal: AbortSignal): Promise<Upgraded> {
    if (!Permit.isMinted(permit)) throw new SallyportError('INTERNAL', 'a request without a permit does not go to the target')
    const access = this.#accessBy(lease)
    const outgoing = this.#open(access, { ...request, headers: { ...request.headers, connection: 'Upgrade', upgrade: protocol } }, signal)
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
    this.#access?.pool.close()
    this.#access = null
  }

  async #exchange(lease: Lease, request: TargetRequest, signal: AbortSignal): Promise<TargetAnswer> {
    const { method, target, body } = request
    let answer: TargetAnswer
    try {
      const access = this.#accessBy(lease)
      const head = requestHead({ method, target, headers: this.#headersOf(access, request) })
      answer = await access.pool.ask({ method, head, body }, signal)
    } catch (error) {
      throw this.#troubleOf(error)
    }
    if (answer.statusCode !== 401) return answer
    answer.destroy()
    throw this.#refused()
  }

  #headersOf({ credential }: Access, { method, headers: given, body }: TargetRequest): Headers {
    const { impersonate } = this.#connection
    const headers: Headers = { connection: 'keep-alive', ...given, host: this.#authority }
    if (credential.kind === 'token') headers['authorization'] = `Bearer ${credential.token}`
    // The last word: nothing that a client sent has one of these names.
    if (impersonate !== undefined) {
      headers['impersonate-user'] = impersonate.user
      if (impersonate.groups.length > 0) headers['impersonate-group'] = [...impersonate.groups]
    }
    if (body !== null) headers['content-length'] = String(body.length)
    else if (!bodiless.has(method)) headers['content-length'] = '0'
    return headers
  }

  #open(access: Access, request: TargetRequest, signal: AbortSignal): http.ClientRequest {
    const { host, port } = this.#connection
    const options = { host, port, method: request.method, path: request.target, headers: this.#headersOf(access, request), signal }
    return access.tls === null ? http.request({ ...options, agent: false }) : https.request({ ...options, ...access.tls, agent: false })
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
  #accessBy(lease: Lease): Access {
    if (this.#access?.lease === lease) return this.#access
    const credential = readApiCredential(lease.secret.reveal().toString('utf8'), lease.certificate)
    if (credential === null) {
      throw new SallyportError('CREDENTIAL_UNAVAILABLE', `${this.#connection.credential.text} is no credential for an API server`, {
        why: 'a bearer token, PEM text with a certificate and its key, or an ExecCredential is expected',
        fix: 'correct the reference, or what the source holds',
      })
    }
    const old = this.#access
    const { host, port } = this.#connection
    const tls = this.#tlsBy(credential)
    this.#access = { lease, credential, tls, pool: new TargetPool({ host, port, tls, answerMs: ANSWER_TIMEOUT_MS, idleMs: IDLE_MS }) }
    // Requests that are under way on the old pool end there.
    old?.pool.close()
    return this.#access
  }

  #tlsBy(credential: ApiCredential): ConnectionOptions | null {
    const { tls, host } = this.#connection
    if (tls.mode === 'disable') return null
    return {
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      // Made once: reading certificates anew for each connection costs more than its handshake.
      secureContext: createSecureContext({
        minVersion: 'TLSv1.2',
        ...(tls.ca === null ? {} : { ca: tls.ca }),
        ...(credential.kind === 'certificate' ? { cert: credential.certificate, key: credential.key } : {}),
      }),
    }
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
    if (error instanceof HttpError) {
      return new SallyportError('TARGET_UNREACHABLE', `${name} (${host}:${port}) gave no answer that can be read`, {
        why: error.message,
        cause: error,
      })
    }
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
