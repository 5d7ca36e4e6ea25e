// A gateway for tests of ssh: the real engine, front desk, gate and policy in front of a real sshd; people answer as told; a recording in memory.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { sshFiles } from '../../../gateway/control/ssh-door.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import type { Connection } from '../../../gateway/core/connection.ts'
import type { Lease } from '../../../gateway/core/credential.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { createSshEngine } from '../../../gateway/engine/ssh/engine.ts'
import { createSshRunKeys } from '../../../gateway/engine/ssh/run-keys.ts'
import type { SshRunKeys } from '../../../gateway/engine/ssh/run-keys.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { compilePolicy } from '../../../gateway/policy/compile-policy.ts'
import { parsePolicy } from '../../../gateway/policy/parse-policy.ts'
import { openFrontDesk } from '../../../gateway/session/front-desk.ts'
import type { LeaseDesk } from '../../../gateway/session/lease-desk.ts'
import { newTicket } from '../../../gateway/session/ticket.ts'
import type { SshServer } from '../../../world/sshd/server.ts'
import { People } from '../../session/people.ts'
import { identity, run } from '../../session/samples.ts'
import { openDoor } from '../../session/engine-door.ts'
import { MemoryRecorder } from '../../session/memory-recorder.ts'

export interface SshGatewaySettings {
  readonly sshd: SshServer
  /** `rules:` of the policy, one entry a line; left out: everything is allowed. */
  readonly rules?: readonly string[]
  readonly masks?: readonly string[]
  readonly hostKeys?: readonly string[]
  readonly lease?: (keys: SshRunKeys) => Lease
  readonly port?: number
  /** In place of one lease for all. */
  readonly leases?: (keys: SshRunKeys) => LeaseDesk
  /** Reference to the credential, where it matters. */
  readonly credential?: string
}

export interface SshRan {
  readonly status: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface SshGateway {
  readonly port: number
  readonly connection: Connection
  readonly ticket: string
  readonly recorder: MemoryRecorder
  readonly people: People
  /** Folder with the generated configuration. */
  readonly dir: string
  /** Options for ssh, scp and sftp: `-F FILE`. */
  readonly config: readonly string[]
  /** Runs a client program with the generated configuration; the host is called `web`. */
  client(program: 'ssh' | 'scp' | 'sftp', args: readonly string[], input?: string | Buffer | null): Promise<SshRan>
  ssh(command: string, input?: string | Buffer | null): Promise<SshRan>
  stop(): Promise<void>
}

export function keyLease(sshd: SshServer): Lease {
  return {
    username: null,
    kind: 'ssh-key',
    secret: new Secret(sshd.privateKey),
    certificate: null,
    expiresAt: null,
    receipt: 'env://WEB_KEY',
  }
}

export async function sshGatewayThat(settings: SshGatewaySettings): Promise<SshGateway> {
  const { sshd } = settings
  const text = `version: 1
issuers: { github: { url: "https://token.actions.githubusercontent.com", audience: sallyport } }
groups: { release: { issuer: github, when: 'true' } }
sources: { vault: { kind: vault, address: https://vault.internal:8200, auth: { method: jwt, mount: jwt, role: ci, audience: vault } } }
connections:
  web: { protocol: ssh, address: "127.0.0.1:${settings.port ?? sshd.port}", user: ${sshd.user}, host-keys: ${JSON.stringify(settings.hostKeys ?? [sshd.fingerprint])}, credential: "${settings.credential ?? 'env://WEB_KEY'}", groups: [release] }
approvers: { ops: { users: [dana], count: 1, timeout: 10m } }
rules:
${(settings.rules ?? ['{ name: everything, then: allow }']).map(rule => `  - ${rule}\n`).join('')}${settings.masks === undefined ? '' : `masks:\n${settings.masks.map(mask => `  - ${mask}\n`).join('')}`}`
  const file = parsePolicy(text, 'sallyport.yml')
  const policy = compilePolicy(file, () => '')
  const connection = policy.connections.get('web') as Connection
  const keys = createSshRunKeys()
  const recorder = new MemoryRecorder()
  const people = new People()
  const ticket = newTicket()
  const lease = settings.lease?.(keys) ?? keyLease(sshd)
  const desk = openFrontDesk({
    connection,
    ticket,
    identity,
    run,
    policy,
    masker: maskerFor(file.masks, Buffer.alloc(32))(identity, connection),
    recorder,
    approvals: people,
    leases: settings.leases?.(keys) ?? { borrow: async () => lease },
    clock: systemClock,
    keptRows: 100,
  })
  const engine = createSshEngine({ keys })
  const listening = await openDoor(engine, desk)
  const { port } = listening
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-ssh-'))
  const door = { protocol: 'ssh' as const, name: 'web', port, ticket, user: sshd.user, address: 'web-1.internal' }
  for (const made of sshFiles([{ ...door, clientKey: keys.clientKey, hostKey: keys.hostPublic }], dir)) {
    mkdirSync(path.dirname(path.join(dir, made.path)), { recursive: true })
    writeFileSync(path.join(dir, made.path), made.text, { mode: 0o600 })
  }
  const config = ['-F', path.join(dir, 'ssh_config')]
  const gateway: SshGateway = {
    port,
    connection,
    ticket,
    recorder,
    people,
    dir,
    config,
    client: (program, args, input = null) => runProgram(program, [...config, ...args], input),
    ssh: (command, input = null) => gateway.client('ssh', [...(input === null ? ['-n'] : []), 'web', command], input),
    async stop() {
      await listening.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return gateway
}

/** A program with its input, its output as bytes. */
export function runProgram(program: string, args: readonly string[], input: string | Buffer | null, cwd?: string): Promise<SshRan> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', status => resolve({ status, stdout: Buffer.concat(stdout), stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}
