// A gateway for tests: the real engine, front desk and gate before a stand-in API server; a policy and people that answer as told.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { kubernetesFiles } from '../../../gateway/control/kubernetes-door.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import type { KubernetesCommand } from '../../../gateway/core/command.ts'
import type { Connection } from '../../../gateway/core/connection.ts'
import type { Lease } from '../../../gateway/core/credential.ts'
import type { MaskRule } from '../../../gateway/core/mask-rule.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { createKubernetesEngine } from '../../../gateway/engine/kubernetes/engine.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { openFrontDesk } from '../../../gateway/session/front-desk.ts'
import type { FrontDeskParts } from '../../../gateway/session/front-desk.ts'
import type { FrontDesk } from '../../../gateway/core/session.ts'
import { newTicket } from '../../../gateway/session/ticket.ts'
import { makeRunCertificate } from '../../../gateway/wire/kubernetes/run-certificate.ts'
import { startKubernetes } from '../../../world/kubernetes/server.ts'
import type { KubernetesServer } from '../../../world/kubernetes/server.ts'
import { People } from '../postgres/gateway-that.ts'
import { openDoor } from '../../session/engine-door.ts'
import { MemoryRecorder } from '../../session/memory-recorder.ts'
import { dba, identity, policyThat, run } from '../../session/samples.ts'

export type Outcome = 'allow' | 'ask' | 'deny'

export interface KubernetesGateway {
  readonly world: KubernetesServer
  readonly recorder: MemoryRecorder
  readonly people: People
  readonly port: number
  readonly ticket: string
  readonly authority: string
  /** Of a client in the job. */
  readonly environment: Record<string, string>
  /** What the policy says; may be replaced while it runs. */
  decide: (command: KubernetesCommand) => Outcome
  kubectl(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string>; readonly program?: string },
  ): Promise<Ran>
  /** A raw request with the ticket. */
  request(method: string, target: string, options?: RequestOptions): Promise<Answered>
  /** Everything that was recorded, as text. */
  recorded(): string
  stop(): Promise<void>
}

export interface RequestOptions {
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly ticket?: string
  /** Only the head: for answers that do not end, such as watches. */
  readonly isHeadOnly?: boolean
}
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}
export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export async function kubernetesGateway(
  settings: {
    readonly decide?: (command: KubernetesCommand) => Outcome
    readonly masks?: readonly MaskRule[]
    readonly lease?: (world: KubernetesServer) => Lease
    readonly plain?: boolean
    readonly connection?: Partial<Connection>
    /** Replaces the lending of one lease for ever. */
    readonly borrow?: (world: KubernetesServer, refused?: Lease) => Promise<Lease>
    /** Authority of client certificates that the API server takes. */
    readonly clientCa?: string
  } = {},
): Promise<KubernetesGateway> {
  const world = await startKubernetes({
    isPlain: settings.plain ?? false,
    ...(settings.clientCa === undefined ? {} : { clientCa: settings.clientCa }),
  })
  const connection: Connection = {
    name: 'prod',
    protocol: 'kubernetes',
    host: '127.0.0.1',
    port: world.port,
    user: null,
    credential: { scheme: 'env', source: 'env', path: 'X', params: {}, field: null, text: 'env://X' },
    tls: settings.plain === true ? { mode: 'disable', ca: null } : { mode: 'verify-full', ca: world.ca },
    database: null,
    hostKeys: [],
    groups: ['release'],
    ...settings.connection,
  }
  const recorder = new MemoryRecorder()
  const people = new People()
  const ticket = newTicket()
  const lease: Lease = settings.lease?.(world) ?? {
    username: null,
    kind: 'password',
    secret: new Secret(world.token),
    certificate: null,
    expiresAt: null,
    receipt: 'env://X',
  }
  const desk = await opened(world, {
    connection,
    ticket,
    identity,
    run,
    policy: policyThat(command => {
      if (command.protocol !== 'kubernetes') throw new Error('no request')
      const outcome = gateway.decide(command)
      if (outcome === 'ask') return { outcome, rule: 'asks', because: null, approvers: dba }
      return {
        outcome,
        rule: outcome === 'allow' ? 'allows' : 'no-writes',
        because: outcome === 'allow' ? null : 'Nothing is written here.',
      }
    }),
    masker: maskerFor(settings.masks ?? [], Buffer.alloc(32, 7))(identity, connection),
    recorder,
    approvals: people,
    leases: { borrow: async (_, __, refused) => (await settings.borrow?.(world, refused)) ?? lease },
    clock: systemClock,
    keptRows: 100,
  })
  const certificate = makeRunCertificate(new Date())
  const engine = createKubernetesEngine(certificate)
  const door = await openDoor(engine, desk)
  const { port } = door
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-k8s-'))
  const [config] = kubernetesFiles([{ protocol: 'kubernetes', name: 'prod', port, ticket, authority: certificate.authority }])
  writeFileSync(path.join(dir, 'kubeconfig'), config?.text ?? '')
  const gateway: KubernetesGateway = {
    world,
    recorder,
    people,
    port,
    ticket,
    authority: certificate.authority,
    environment: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', HOME: dir, KUBECONFIG: path.join(dir, 'kubeconfig') },
    decide: settings.decide ?? ((): Outcome => 'allow'),
    kubectl: (args, options = {}) =>
      runProgram(
        options.program ?? 'kubectl',
        args,
        dir,
        { KUBECONFIG: path.join(dir, 'kubeconfig'), HOME: dir, ...options.env },
        options.input ?? '',
      ),
    request: (method, target, options = {}) =>
      new Promise((resolve, reject) => {
        const request = https.request(
          {
            host: '127.0.0.1',
            port,
            ca: certificate.authority,
            method,
            path: target,
            agent: false,
            headers: {
              authorization: `Bearer ${options.ticket ?? ticket}`,
              ...(options.body === undefined ? {} : { 'content-length': Buffer.byteLength(options.body) }),
              ...options.headers,
            },
          },
          answer => {
            const parts: Buffer[] = []
            if (options.isHeadOnly === true) {
              answer.destroy()
              resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: '' })
              return
            }
            answer.on('data', (part: Buffer) => parts.push(part))
            answer.once('error', reject)
            answer.once('end', () =>
              resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(parts).toString() }),
            )
          },
        )
        request.once('error', reject)
        request.end(options.body)
      }),
    recorded: () => JSON.stringify(recorder.kept),
    async stop() {
      await door.close()
      await world.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return gateway
}

/** A desk that does not open leaves nothing behind. */
async function opened(world: KubernetesServer, parts: FrontDeskParts): Promise<FrontDesk> {
  try {
    return openFrontDesk(parts)
  } catch (error) {
    await world.stop()
    throw error
  }
}

export function runProgram(program: string, args: readonly string[], cwd: string, env: Record<string, string>, input = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', ...env } })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', status => resolve({ status: status ?? -1, stdout, stderr }))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
