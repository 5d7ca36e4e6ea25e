// The gateway of the benchmark: the built bundle, started by `sallyport exec` as a user would, with policy, recording and one mask.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { startIssuer } from '../world/issuer/issuer.ts'
import type { Login } from './login.ts'

const root = path.resolve(import.meta.dirname, '..')

export interface BenchExec {
  /** First line that the command said. */
  readonly said: string
  readonly pid: number
  /** From the start of `sallyport exec` to the start of its command: issuer, policy, gateway and endpoints. */
  readonly readyMs: number
  /** Kilobytes of the bundles, by name. */
  readonly sizes: ReadonlyMap<string, number>
  stop(): Promise<void>
}

export interface ExecSettings {
  /** A folder of the benchmark's own. */
  readonly dir: string
  readonly policy: (issuer: string) => string
  readonly environment: Readonly<Record<string, string>>
  /** Shell that says on one line what the benchmark needs to know. */
  readonly say: string
}

export interface BenchGateway extends Omit<BenchExec, 'said'> {
  readonly login: Login
}

/** @param target the login that the gateway gets as its credential. @param dir a folder of the benchmark's own. */
export async function startGateway(target: Login, dir: string): Promise<BenchGateway> {
  const { said, ...exec } = await startExec({
    dir,
    policy: issuer => policyText(issuer, target),
    environment: { BENCH_PASSWORD: target.password },
    say: 'echo "$DATABASE_URL"',
  })
  const url = new URL(said)
  return {
    ...exec,
    login: {
      port: Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: target.database,
    },
  }
}

/** Builds the bundles and starts `sallyport exec` with a command that stays. */
export async function startExec({ dir, policy, environment, say }: ExecSettings): Promise<BenchExec> {
  const dist = path.join(dir, 'dist')
  const [built] = await once(spawn(process.execPath, [path.join(root, 'tools/build.mjs'), dist], { stdio: 'ignore' }), 'exit')
  if (built !== 0) throw new Error('the bundles cannot be built')
  const issuer = await startIssuer()
  const [config, token] = [path.join(dir, 'sallyport.yml'), path.join(dir, 'token.jwt')]
  writeFileSync(token, issuer.mint({ aud: 'sallyport', repository: 'acme/shop' }))
  writeFileSync(config, policy(issuer.url))
  const options = ['--config', config, '--token-file', token, '--out', path.join(dir, 'recording')]
  const startedMs = performance.now()
  // The command says what it got, and ends with its input.
  const child = spawn(process.execPath, [path.join(dist, 'cli.mjs'), 'exec', ...options, '--', 'sh', '-c', `${say}; cat`], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', HOME: os.homedir(), ...environment },
  })
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    said,
    pid: childOf(child.pid ?? 0, 'gateway.mjs'),
    readyMs: performance.now() - startedMs,
    sizes: new Map(readdirSync(dist).map(name => [name, Math.round(statSync(path.join(dist, name)).size / 1000)])),
    async stop() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await Promise.all([ended, issuer.stop()])
    },
  }
}

function policyText(issuer: string, { port, database, user }: Login): string {
  return `version: 1
issuers: { github: { url: "${issuer}", audience: sallyport } }
groups: { all: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  bench: { protocol: postgres, address: "127.0.0.1:${port}", database: ${database}, user: ${user}, tls: disable, credential: "env://BENCH_PASSWORD", groups: [all] }
rules:
  - { name: everyday, on: [bench], sql: { effects: [read, write, session, transaction, lock] }, then: allow }
  - { name: unfiltered, sql: { unfiltered: true }, then: deny }
  - { name: no-privileges, sql: { effects: [privilege, program, admin] }, then: deny }
masks:
  - { name: pii, on: [bench], columns: [public.people.email], with: redact }
`
}

/** The process that was started by `parent` and runs this script. */
function childOf(parent: number, script: string): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const parentId = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      if (parentId === parent && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(script)) return Number(name)
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error('the gateway is not running')
}
