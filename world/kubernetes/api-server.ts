// A real kube-apiserver with its etcd on loopback, from the programs that tools/kubernetes-parts.sh builds. There is no controller, scheduler
// or kubelet: what they would do, a test does by hand, and node.ts stands in for a node.
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { freePorts } from '../loopback-port.ts'
import { makeCertificates } from '../tls/certificates.ts'
import type { WorldNode } from './node.ts'

const script = path.resolve(import.meta.dirname, '../../tools/kubernetes-parts.sh')
const START_MS = 90_000

/** What the server wrote about one stage of a request. */
export interface AuditEvent {
  readonly auditID: string
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'
  readonly requestURI: string
  readonly verb: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: { readonly username: string; readonly groups?: readonly string[] }
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
    readonly apiGroup?: string
    readonly apiVersion?: string
  }
  readonly responseStatus?: { readonly code?: number }
}

export interface ApiServer {
  readonly host: string
  readonly port: number
  readonly address: string
  /** PEM of the authority of its certificate. */
  readonly ca: string
  /** Bearer token of a cluster's administrator. */
  readonly token: string
  /** Bearer token of the user `dev` in group `devs`, who may do nothing yet. */
  readonly devToken: string
  /** Client certificate of the user `cert-admin`, who may do nothing yet. */
  readonly person: { readonly certificate: string; readonly key: string }
  /** A kubeconfig of the administrator: the way past the gateway. */
  readonly kubeconfig: string
  readonly pid: number
  /** Everything in the audit log so far. */
  audit(): readonly AuditEvent[]
  /** The administrator's own request. @throws {Error} unless the status is 2xx. */
  ask(method: string, target: string, body?: unknown, type?: string): Promise<unknown>
  stop(): Promise<void>
}

/** Folder of the programs: `kube-apiserver etcd kubectl-oldest kubectl-older kubectl-newest`; null where they are not built. */
export function kubernetesParts(): string | null {
  const ran = spawnSync(script, ['--built'], { encoding: 'utf8' })
  return ran.status === 0 ? ran.stdout.trim() : null
}

/** The kubectls that the parts hold, oldest first. */
export function kubectlsOf(parts: string): readonly string[] {
  return ['kubectl-oldest', 'kubectl-older', 'kubectl-newest'].map(name => path.join(parts, name)).filter(file => existsSync(file))
}

/** @param node is registered, and gets what pods on it are asked for. @param settings more arguments of the server. */
export async function startApiServer(parts: string, node: WorldNode | null = null, settings: readonly string[] = []): Promise<ApiServer> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-apiserver-'))
  const write = (name: string, text: string): string => {
    writeFileSync(path.join(dir, name), text, { mode: 0o600 })
    return path.join(dir, name)
  }
  const own = makeCertificates(['127.0.0.1', 'localhost', '10.0.0.1', 'kubernetes'])
  const person = makeCertificates(['cert-admin'])
  const signing = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const [token, devToken] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
  const [etcdPort = 0, port = 0] = await freePorts(2)
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const auditFile = path.join(dir, 'audit.log')
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const log = openSync(path.join(dir, `${program}.log`), 'a')
    const child = spawn(path.join(parts, program), args, { cwd: dir, stdio: ['ignore', log, log] })
    closeSync(log)
    return child
  }
  const etcd = start('etcd', [
    '--data-dir=etcd',
    '--unsafe-no-fsync',
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    '--listen-peer-urls=http://127.0.0.1:0',
  ])
  const server = start('kube-apiserver', [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--insecure-port=0',
    `--tls-cert-file=${write('server.crt', own.certificate)}`,
    `--tls-private-key-file=${write('server.key', own.key)}`,
    `--client-ca-file=${write('clients.crt', person.ca)}`,
    `--service-account-key-file=${write('signing.pub', signing.publicKey)}`,
    `--service-account-signing-key-file=${write('signing.key', signing.privateKey)}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    `--token-auth-file=${write('tokens.csv', `${token},admin,1,system:masters\n${devToken},dev,2,devs\n`)}`,
    '--allow-privileged=true',
    '--disable-admission-plugins=ServiceAccount',
    `--audit-policy-file=${write('audit.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: Metadata }]\n')}`,
    `--audit-log-path=${auditFile}`,
    ...settings,
  ])
  const agent = new https.Agent({ ca: own.ca, keepAlive: true })
  const request = (method: string, target: string, body: unknown, type: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const sent = https.request({ host: '127.0.0.1', port, method, path: target, agent }, answer => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString() }))
        answer.once('error', reject)
      })
      sent.once('error', reject)
      sent.setHeader('authorization', `Bearer ${token}`)
      sent.setHeader('accept', 'application/json')
      if (body !== undefined) sent.setHeader('content-type', type)
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })
  const api: ApiServer = {
    host: '127.0.0.1',
    port,
    address: `https://127.0.0.1:${port}`,
    ca: own.ca,
    token,
    devToken,
    person: { certificate: person.certificate, key: person.key },
    kubeconfig: kubeconfigOf(`https://127.0.0.1:${port}`, own.ca, token),
    pid: server.pid ?? 0,
    audit: () =>
      readFileSync(auditFile, 'utf8')
        .split('\n')
        .filter(line => line.endsWith('}'))
        .map(line => JSON.parse(line) as AuditEvent),
    async ask(method, target, body, type = 'application/json') {
      const { status, text } = await request(method, target, body, type)
      if (status < 200 || status > 299) throw new Error(`${method} ${target}: ${status} ${text.slice(0, 300)}`)
      return text.startsWith('{') ? (JSON.parse(text) as unknown) : text
    },
    async stop() {
      agent.destroy()
      // With etcd gone first the server would linger and keep its port.
      for (const child of [server, etcd]) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
        await ended
        clearTimeout(late)
      }
      rmSync(dir, { recursive: true, force: true })
    },
  }
  try {
    await untilReady(async () => (await request('GET', '/readyz', undefined, '')).status, server, path.join(dir, 'kube-apiserver.log'))
    if (node !== null) await register(api, node)
    return api
  } catch (error) {
    await api.stop()
    throw error
  }
}

async function untilReady(status: () => Promise<number>, server: ChildProcess, log: string): Promise<void> {
  const untilMs = performance.now() + START_MS
  for (;;) {
    if ((await status().catch(() => 0)) === 200) return
    if (server.exitCode !== null || performance.now() > untilMs) throw new Error(`the API server did not start:\n${tailOf(log)}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/** What a kubelet says of itself, as far as the API server needs it to find the way. */
async function register(api: ApiServer, node: WorldNode): Promise<void> {
  const metadata = { name: node.name }
  await api.ask('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata })
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: node.port } },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'it is' }],
  }
  await api.ask('PATCH', `/api/v1/nodes/${node.name}/status`, { status }, 'application/merge-patch+json')
}

function kubeconfigOf(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'direct', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'direct', user: { token } }],
    contexts: [{ name: 'direct', context: { cluster: 'direct', user: 'direct' } }],
    'current-context': 'direct',
  })
}

function tailOf(file: string): string {
  return readFileSync(file, 'utf8').slice(-4_096)
}
