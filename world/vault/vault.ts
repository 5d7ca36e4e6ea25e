// A stateful stand-in for Vault and OpenBao on loopback: JWT login, KV v2, database and SSH and Kubernetes engines, leases,
// policies, namespaces, sealing. It says what the real ones say, down to the words of the errors.
import { once } from 'node:events'
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { randomUUID } from 'node:crypto'
import type { PostgresServer } from '../postgres/server.ts'
import { createDatabaseCredential } from './database-engine.ts'
import type { DatabaseRole } from './database-engine.ts'
import { loginWithJwt } from './jwt-auth.ts'
import type { BoundIssuer, JwtRole } from './jwt-auth.ts'
import { KvEngine } from './kv-engine.ts'
import { LeaseBook, secondsUntil } from './lease-book.ts'
import type { Token } from './lease-book.ts'
import { OneTimePasswords } from './one-time-passwords.ts'
import type { OtpRole } from './one-time-passwords.ts'
import { SshEngine } from './ssh-engine.ts'
import type { SshRole } from './ssh-engine.ts'
import { noHandler, permissionDenied, VaultError } from './vault-error.ts'

export interface KubernetesRole {
  readonly namespaces: readonly string[]
  readonly ttlSec?: number
  /** Makes the token of a service account, and takes it back. */
  readonly mint: (namespace: string) => { readonly token: string; readonly revoke: () => Promise<void> }
}

export interface VaultOptions {
  /** Whose tokens the JWT method takes. */
  readonly issuer: BoundIssuer
  /** Where the database engine makes roles; without it there is no such engine. */
  readonly postgres?: PostgresServer
  /** The only namespace there is; none = the root. */
  readonly namespace?: string
  /** Policy -> paths its tokens may use, `*` at the end as in Vault. A role without policies may use everything. */
  readonly policies?: Readonly<Record<string, readonly string[]>>
}

export interface Vault {
  readonly address: string
  /** Roles of `auth/jwt`. */
  readonly jwtRoles: Map<string, JwtRole>
  /** The engine at `secret/`. */
  readonly secrets: KvEngine
  /** Roles of `database/`. */
  readonly databaseRoles: Map<string, DatabaseRole>
  /** Roles of `ssh/`. */
  readonly sshRoles: Map<string, SshRole>
  /** Roles of `ssh/` that make one-time passwords. */
  readonly otpRoles: Map<string, OtpRole>
  readonly otps: OneTimePasswords
  /** Roles of `kubernetes/`. */
  readonly kubernetesRoles: Map<string, KubernetesRole>
  readonly book: LeaseBook
  /** `METHOD path`, in order. */
  readonly requests: readonly string[]
  readonly state: { isSealed: boolean; /** Answered instead, so often. */ failures: number; failureStatus: number }
  /** What an sshd trusts. Starts the engine when asked first. */
  sshAuthority(): string
  stop(): Promise<void>
}

const DEFAULT_TTL_SEC = 3_600
const DEFAULT_MAX_TTL_SEC = 86_400
/** What every token may do, as Vault's `default` policy says. */
const ownPaths: ReadonlySet<string> = new Set([
  'auth/token/renew-self',
  'auth/token/revoke-self',
  'auth/token/lookup-self',
  'sys/leases/renew',
])

interface Call {
  readonly method: string
  readonly path: string
  readonly steps: readonly string[]
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
}

export async function startVault(options: VaultOptions): Promise<Vault> {
  const book = new LeaseBook()
  const requests: string[] = []
  const secrets = new KvEngine()
  const jwtRoles = new Map<string, JwtRole>()
  const databaseRoles = new Map<string, DatabaseRole>()
  const sshRoles = new Map<string, SshRole>()
  const otpRoles = new Map<string, OtpRole>()
  const otps = new OneTimePasswords()
  const kubernetesRoles = new Map<string, KubernetesRole>()
  const state = { isSealed: false, failures: 0, failureStatus: 500 }
  let ssh: SshEngine | null = null

  async function answer(request: IncomingMessage): Promise<object | null> {
    const call = await readCall(request)
    requests.push(`${call.method} ${call.path}`)
    if (state.failures > 0) {
      state.failures -= 1
      throw new VaultError(state.failureStatus, ['internal error'])
    }
    if (call.path === 'sys/health') return { initialized: true, sealed: state.isSealed, standby: false, version: '1.20.0' }
    if (state.isSealed) throw new VaultError(503, ['Vault is sealed'])
    if ((request.headers['x-vault-namespace'] ?? '') !== (options.namespace ?? '')) throw noHandler(call.path)
    if (call.path === 'auth/jwt/login') return await login(call)
    // Hosts have no token: who holds a password may ask about it.
    if (call.path === 'ssh/verify') return { ...envelope(null), data: otps.verify(textOf(call.body['otp'])) }
    const token = book.find(String(request.headers['x-vault-token'] ?? ''))
    if (token === null || !mayUse(token, call.path)) throw permissionDenied()
    if (call.steps[0] === 'auth' || call.steps[0] === 'sys') return await ownBusiness(call, token)
    return await engine(call, token)
  }

  function mayUse(token: Token, path: string): boolean {
    if (ownPaths.has(path) || token.policies.length === 0) return true
    const allowed = token.policies.flatMap(name => options.policies?.[name] ?? [])
    return allowed.some(rule => (rule.endsWith('*') ? path.startsWith(rule.slice(0, -1)) : path === rule))
  }

  async function login(call: Call): Promise<object> {
    const name = await loginWithJwt(call.body, jwtRoles, options.issuer)
    const role = jwtRoles.get(name)
    const ttlSec = role?.ttlSec ?? DEFAULT_TTL_SEC
    const token = book.issueToken(name, role?.policies ?? [], ttlSec, role?.maxTtlSec ?? DEFAULT_MAX_TTL_SEC)
    const auth = {
      client_token: token.id,
      accessor: randomUUID(),
      policies: ['default', ...token.policies],
      lease_duration: ttlSec,
      renewable: true,
    }
    return { ...envelope(null), auth: { ...auth, token_type: 'service', metadata: { role: name }, orphan: true } }
  }

  async function ownBusiness(call: Call, token: Token): Promise<object | null> {
    const leaseId = textOf(call.body['lease_id'])
    switch (call.path) {
      case 'auth/token/renew-self': {
        const ttlSec = book.renewToken(token, jwtRoles.get(token.role)?.ttlSec ?? DEFAULT_TTL_SEC)
        return { ...envelope(null), auth: { client_token: token.id, lease_duration: ttlSec, renewable: true } }
      }
      case 'auth/token/lookup-self':
        return { ...envelope(null), data: { ttl: secondsUntil(token.endsAtMs), renewable: true, policies: token.policies } }
      case 'auth/token/revoke-self':
        await book.revokeToken(token.id)
        return null
      case 'sys/leases/renew': {
        const lease = book.leases.get(leaseId)
        if (lease === undefined) throw new VaultError(400, ['lease not found'])
        const role = databaseRoles.get(lease.id.split('/')[2] ?? '')
        const ttlSec = await book.renewLease(lease, role?.ttlSec ?? DEFAULT_TTL_SEC)
        return { ...envelope(null), lease_id: lease.id, lease_duration: ttlSec, renewable: true }
      }
      case 'sys/leases/revoke':
        await book.revokeLease(leaseId)
        return null
      default:
        throw noHandler(call.path)
    }
  }

  async function engine(call: Call, token: Token): Promise<object> {
    const [mount, word, name = '', ...below] = call.steps
    if (mount === 'secret' && word === 'data') {
      const version = call.query.get('version')
      return { ...envelope(null), data: secrets.read([name, ...below].join('/'), version === null ? null : Number(version)) }
    }
    if (mount === 'database' && word === 'creds' && options.postgres !== undefined) {
      const role = databaseRoles.get(name)
      if (role === undefined) throw new VaultError(400, [`unknown role: ${name}`])
      const ttlSec = role.ttlSec ?? DEFAULT_TTL_SEC
      const made = await createDatabaseCredential(options.postgres, name, role, new Date(Date.now() + ttlSec * 1_000))
      const lease = book.issueLease(call.path, token, ttlSec, role.maxTtlSec ?? DEFAULT_MAX_TTL_SEC, made)
      const data = { username: made.username, password: made.password }
      return { ...envelope(null), lease_id: lease.id, lease_duration: ttlSec, renewable: true, data }
    }
    if (mount === 'ssh' && (word === 'sign' || word === 'issue') && call.method !== 'GET') {
      const role = sshRoles.get(name)
      if (role === undefined) throw new VaultError(400, [`unknown role: ${name}`])
      ssh ??= new SshEngine()
      return { ...envelope(null), data: word === 'sign' ? ssh.sign(role, call.body) : ssh.issue(role, call.body) }
    }
    if (mount === 'ssh' && word === 'creds' && call.method !== 'GET') {
      const role = otpRoles.get(name)
      if (role === undefined) throw new VaultError(400, [`Role "${name}" not found`])
      const { key, data } = otps.issue(name, role, call.body)
      const revoke = async (): Promise<void> => void otps.unused.delete(key)
      const lease = book.issueLease(call.path, token, DEFAULT_MAX_TTL_SEC, DEFAULT_MAX_TTL_SEC, { renew: async () => undefined, revoke })
      return { ...envelope(null), lease_id: lease.id, lease_duration: DEFAULT_MAX_TTL_SEC, renewable: false, data }
    }
    if (mount === 'kubernetes' && word === 'creds' && call.method !== 'GET') return kubernetes(call, token, name)
    throw noHandler(call.path)
  }

  function kubernetes(call: Call, token: Token, name: string): object {
    const role = kubernetesRoles.get(name)
    if (role === undefined) throw new VaultError(404, [`role '${name}' does not exist`])
    const namespace = textOf(call.body['kubernetes_namespace'])
    if (!role.namespaces.includes(namespace)) {
      throw new VaultError(400, [`kubernetes_namespace '${namespace}' is not present in role's allowed_kubernetes_namespaces`])
    }
    const ttlSec = role.ttlSec ?? DEFAULT_TTL_SEC
    const minted = role.mint(namespace)
    const lease = book.issueLease(call.path, token, ttlSec, ttlSec, { renew: async () => undefined, revoke: minted.revoke })
    const data = { service_account_name: `v-jwt-${name}`, service_account_namespace: namespace, service_account_token: minted.token }
    return { ...envelope(null), lease_id: lease.id, lease_duration: ttlSec, renewable: false, data }
  }

  const server = http.createServer((request, response) => {
    answer(request).then(
      body => send(response, body === null ? 204 : 200, body),
      (error: unknown) => {
        const failure = error instanceof VaultError ? error : new VaultError(500, ['internal error'])
        send(response, failure.status, failure.data === undefined ? { errors: failure.errors } : { ...envelope(null), data: failure.data })
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()

  return {
    address: `http://127.0.0.1:${String(typeof bound === 'object' && bound !== null ? bound.port : 0)}`,
    jwtRoles,
    secrets,
    databaseRoles,
    sshRoles,
    otpRoles,
    otps,
    kubernetesRoles,
    book,
    requests,
    state,
    sshAuthority: () => {
      ssh ??= new SshEngine()
      return ssh.authority
    },
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      await book.close()
      ssh?.close()
    },
  }
}

/** What every answer has around its own part. */
function envelope(data: object | null): Readonly<Record<string, unknown>> {
  return { request_id: randomUUID(), lease_id: '', renewable: false, lease_duration: 0, data, wrap_info: null, warnings: null, auth: null }
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const url = new URL(request.url ?? '/', 'http://vault.invalid')
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const text = Buffer.concat(parts).toString('utf8')
  const path = url.pathname.replace(/^\/v1\//, '')
  const body = text === '' ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>)
  return { method: request.method ?? 'GET', path, steps: path.split('/').map(decodeURIComponent), query: url.searchParams, body }
}

function send(response: ServerResponse, status: number, body: object | null): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(body === null ? undefined : `${JSON.stringify(body)}\n`)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
