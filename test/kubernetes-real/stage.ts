// A real API server with a node, and a gateway before it as a user has one: the built bundles, `sallyport exec`, a policy file, its kubeconfig.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { gunzipSync, inflateSync } from 'node:zlib'
import { startIssuer } from '../../world/issuer/issuer.ts'
import { kubectlsOf, kubernetesParts, startApiServer } from '../../world/kubernetes/api-server.ts'
import type { ApiServer } from '../../world/kubernetes/api-server.ts'
import { startNode } from '../../world/kubernetes/node.ts'
import type { Container, WorldNode } from '../../world/kubernetes/node.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** No single command takes so long, unless it waits for what never comes. */
const PATIENCE_MS = 90_000

/** `direct` past the gateway; `prod` hides Secrets and a field of a ConfigMap; `open` hides nothing. Both allow everything. */
export type Way = 'direct' | 'prod' | 'open'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Ends the program when its output fulfils this: for what never ends by itself. */
  readonly until?: (stdout: string) => boolean
  /** Runs beside the program from its start. */
  readonly meanwhile?: () => Promise<void>
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As it came, unpacked when it was packed. */
  readonly body: Buffer
}

export interface RealStage {
  readonly api: ApiServer
  readonly node: WorldNode
  /** A folder for files of the tests; kubectl runs in it. */
  readonly dir: string
  /** Programs of at least two versions, oldest first. */
  readonly kubectls: readonly string[]
  /** The newest of them. */
  readonly kubectl: string
  run(program: string, way: Way, args: readonly string[], options?: RunOptions): Promise<Ran>
  /** @param options.until ends the request when what came so far fulfils it. */
  request(
    way: Way,
    method: string,
    target: string,
    options?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string; readonly until?: (body: Buffer) => boolean },
  ): Promise<Answered>
  write(name: string, text: string): string
  kubeconfig(way: Way): string
  /** A pod on the node that runs, and its one container `app`. */
  pod(name: string, program?: readonly string[]): Promise<Container>
  /** Ends the gateway and seals the recording. @returns its text. */
  seal(): Promise<string>
  verify(): Promise<Ran>
  stop(): Promise<void>
}

export async function openStage(): Promise<RealStage> {
  const parts = kubernetesParts()
  if (parts === null) throw new Error('run this by `npm run kubernetes:real`, which builds the API server')
  const dist = process.env['SALLYPORT_BUNDLES'] ?? path.join(root, 'dist')
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-real-'))
  const write = (name: string, text: string): string => {
    writeFileSync(path.join(dir, name), text)
    return path.join(dir, name)
  }
  const [node, issuer] = await Promise.all([startNode(), startIssuer()])
  const api = await startApiServer(parts, node)
  await api.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  write('ca.pem', api.ca)
  write('direct.json', api.kubeconfig)
  write('token.jwt', issuer.mint({ aud: 'sallyport', repository: 'acme/shop' }))
  write('sallyport.yml', policyText(issuer.url, api.address))
  const options = [
    'exec',
    '--config',
    'sallyport.yml',
    '--token-file',
    'token.jwt',
    '--out',
    'recording',
    '--',
    'sh',
    '-c',
    'echo "$KUBECONFIG"; cat',
  ]
  const gateway = spawn(process.execPath, [path.join(dist, 'cli.mjs'), ...options], {
    cwd: dir,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: dir, CLUSTER_TOKEN: api.token },
  })
  let words = ''
  gateway.stderr.setEncoding('utf8').on('data', (text: string) => (words += text))
  const ended = once(gateway, 'exit')
  const first = await Promise.race([once(createInterface(gateway.stdout), 'line'), ended])
  if (typeof first[0] !== 'string') throw new Error(`the gateway did not start: ${words}`)
  const kubeconfigFile = first[0]
  const config = JSON.parse(readFileSync(kubeconfigFile, 'utf8')) as Kubeconfig
  const kubectls = kubectlsOf(parts)
  let isSealed = false

  const stage: RealStage = {
    api,
    node,
    dir,
    kubectls,
    kubectl: kubectls.at(-1) ?? 'kubectl',
    write,
    kubeconfig: way => (way === 'direct' ? path.join(dir, 'direct.json') : kubeconfigFile),
    run: (program, way, args, options = {}) =>
      new Promise((resolve, reject) => {
        const isHelm = path.basename(program) === 'helm'
        const child = spawn(program, [isHelm ? '--kube-context' : '--context', way, ...args], {
          cwd: dir,
          env: {
            PATH: process.env['PATH'] ?? '',
            HOME: path.join(dir, 'home'),
            LANG: 'C.UTF-8',
            KUBECONFIG: stage.kubeconfig(way),
            ...options.env,
          },
        })
        let [stdout, stderr, wasEnded] = ['', '', false]
        const late = setTimeout(() => {
          stderr += '\n(ended: it took too long)'
          child.kill('SIGKILL')
        }, PATIENCE_MS)
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          stdout += text
          if (options.until?.(stdout) === true) {
            wasEnded = true
            child.kill('SIGINT')
          }
        })
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
        child.once('error', reject)
        child.once('close', status => {
          clearTimeout(late)
          resolve({ status: wasEnded ? 0 : (status ?? -1), stdout, stderr })
        })
        child.stdin.on('error', () => undefined)
        child.stdin.end(options.input ?? '')
        options.meanwhile?.().catch(reject)
      }),
    request: (way, method, target, options = {}) =>
      new Promise((resolve, reject) => {
        const { server, ca, token } = way === 'direct' ? { server: api.address, ca: api.ca, token: api.token } : loginOf(config, way)
        const request = https.request(
          new URL(server),
          {
            method,
            path: target,
            ca,
            agent: false,
            headers: {
              authorization: `Bearer ${token}`,
              ...(options.body === undefined
                ? {}
                : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(options.body) }),
              ...options.headers,
            },
          },
          answer => {
            request.setTimeout(PATIENCE_MS, () => request.destroy(new Error(`${target} took too long`)))
            const pieces: Buffer[] = []
            const done = (): void => {
              const body = unpacked(Buffer.concat(pieces), answer.headers['content-encoding'])
              resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body })
            }
            answer.on('data', (piece: Buffer) => {
              pieces.push(piece)
              if (options.until?.(Buffer.concat(pieces)) !== true) return
              done()
              answer.destroy()
            })
            answer.on('error', reject)
            answer.once('end', done)
          },
        )
        request.once('error', reject)
        request.end(options.body)
      }),
    async pod(name, program) {
      await api.ask('POST', '/api/v1/namespaces/shop/pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'shop', labels: { app: name } },
        spec: { nodeName: node.name, containers: [{ name: 'app', image: 'app', stdin: true }] },
      })
      const started = '2026-01-01T00:00:00Z'
      const status = {
        phase: 'Running',
        podIP: '127.0.0.1',
        startTime: started,
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          {
            name: 'app',
            image: 'app',
            imageID: 'app',
            containerID: 'world://app',
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: started } },
          },
        ],
      }
      await api.ask('PATCH', `/api/v1/namespaces/shop/pods/${name}/status`, { status }, 'application/merge-patch+json')
      return node.addContainer('shop', name, 'app', program)
    },
    async seal() {
      isSealed = true
      gateway.stdin.end()
      const [code] = await ended
      if (code !== 0) throw new Error(`the gateway ended with ${code}: ${words}`)
      return readFileSync(path.join(dir, 'recording', 'events.jsonl'), 'utf8')
    },
    verify: () =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [path.join(dist, 'cli.mjs'), 'verify', 'recording'], { cwd: dir })
        let [stdout, stderr] = ['', '']
        child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
        child.once('error', reject)
        child.once('close', status => resolve({ status: status ?? -1, stdout, stderr }))
      }),
    async stop() {
      if (!isSealed) gateway.stdin.end()
      await ended
      await api.stop()
      await Promise.all([node.stop(), issuer.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return stage
}

interface Kubeconfig {
  readonly clusters: readonly {
    readonly name: string
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string }
  }[]
  readonly users: readonly { readonly name: string; readonly user: { readonly token: string } }[]
  readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[]
}

function loginOf(config: Kubeconfig, way: Way): { readonly server: string; readonly ca: string; readonly token: string } {
  const context = config.contexts.find(({ name }) => name === way)?.context
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster
  const user = config.users.find(({ name }) => name === context?.user)?.user
  if (cluster === undefined || user === undefined) throw new Error(`the kubeconfig has no context ${way}`)
  return { server: cluster.server, ca: Buffer.from(cluster['certificate-authority-data'], 'base64').toString(), token: user.token }
}

function unpacked(body: Buffer, coding: string | undefined): Buffer {
  if (coding === 'gzip') return gunzipSync(body, { finishFlush: 2 })
  return coding === 'deflate' ? inflateSync(body) : body
}

function policyText(issuer: string, address: string): string {
  const login = `protocol: kubernetes, address: "${address}", ca: ca.pem, credential: "env://CLUSTER_TOKEN", groups: [all]`
  return `version: 1
issuers: { github: { url: "${issuer}", audience: sallyport } }
groups: { all: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  prod: { ${login} }
  open: { ${login} }
rules:
  - { name: everything, on: [prod, open], then: allow }
masks:
  - { name: settings, on: [prod], fields: ["configmaps:data.password"] }
  - { name: environment, on: [prod], fields: ["jobs.batch:spec.template.spec.containers.env.value"] }
  - { name: nothing, on: [open], fields: ["secrets:data"], unless: [all] }
`
}
