// `npm run bench -- ssh`: real clients and a real server, direct and through the built gateway with policy and recording; rounds are
// interleaved and medians shown. `SALLYPORT_BENCH_MB` takes smaller files than 500 MB. Direct with the same cipher is what is judged by.
import { spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startSshd } from '../world/sshd/server.ts'
import type { SshServer } from '../world/sshd/server.ts'
import { startExec } from './gateway.ts'
import { cpuUs, forgetHighest, highestMb, residentMb } from './process-cost.ts'
import { SshTable } from './ssh-table.ts'

const ROUNDS = 5
const SETUPS = 15
const EXECS = 31
const STALLED_MS = 3_000
const memory = '/dev/shm'

/** How a client reaches the server: options for ssh, scp and sftp, and the host's name. */
interface Way {
  readonly options: string
  readonly host: string
}

const workloads: readonly {
  readonly name: string
  readonly least: number
  readonly line: (way: Way, from: string, to: string) => string
}[] = [
  { name: 'download', least: 0.65, line: ({ options, host }, from) => `ssh ${options} -n ${host} 'cat ${from}' >/dev/null` },
  { name: 'upload', least: 0.5, line: ({ options, host }, from) => `ssh ${options} ${host} 'cat >/dev/null' <${from}` },
  { name: 'scp, download', least: 0.4, line: ({ options, host }, from, to) => `scp ${options} -q ${host}:${from} ${to}` },
  { name: 'scp, upload', least: 0.4, line: ({ options, host }, from, to) => `scp ${options} -q ${from} ${host}:${to}` },
  {
    name: 'sftp, get',
    least: 0.4,
    line: ({ options, host }, from, to) => `echo 'get ${from} ${to}' | sftp ${options} -q -b - ${host} >/dev/null`,
  },
  {
    name: 'sftp, put',
    least: 0.4,
    line: ({ options, host }, from, to) => `echo 'put ${from} ${to}' | sftp ${options} -q -b - ${host} >/dev/null`,
  },
]

/** Prints the table of SSH's figures. */
export async function benchSsh(megabytes = Number(process.env['SALLYPORT_BENCH_MB'] ?? 500)): Promise<void> {
  if (!existsSync('/usr/sbin/sshd') || !existsSync('/usr/bin/ssh')) {
    console.log('SSH: left out, because OpenSSH is not installed (Debian: openssh-client and openssh-server).')
    return
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-ssh-'))
  // In memory, where there is such a place: a disk would be what is measured.
  const files = mkdtempSync(path.join(existsSync(memory) ? memory : dir, 'sallyport-bench-'))
  const sshd = await startSshd()
  const stops: (() => Promise<void>)[] = [() => sshd.stop()]
  try {
    const [from, to] = [path.join(files, 'from'), path.join(files, 'to')]
    writeFileSync(from, randomFillSync(Buffer.allocUnsafe(megabytes * 1_000_000)))
    const gateway = await startExec({
      dir,
      policy: issuer => policyText(issuer, sshd),
      environment: { BENCH_KEY: sshd.privateKey },
      // The generated configuration, which the command's own clients find by way of ~/.ssh/config.
      say: `sed -n 's/^Include //p' ~/.ssh/config | head -n 1`,
    })
    stops.push(() => gateway.stop())
    const config = directConfig(sshd, dir)
    const same: Way = { options: `-F ${config} -o Ciphers=aes128-gcm@openssh.com -o KexAlgorithms=curve25519-sha256`, host: 'direct' }
    const through: Way = { options: `-F ${gateway.said.replaceAll('"', '')}`, host: 'bench' }
    const table = new SshTable()
    table.begin(
      `Medians of ${ROUNDS} interleaved rounds of ${megabytes} MB, whole runs of the client with its login. Direct: OpenSSH as it comes, and with the cipher that the gateway speaks; the goal is a part of the latter. Gateway: the built bundle with policy and recording. CPU: of the gateway.`,
    )
    await shell(workloads[0]?.line(through, from, to) ?? '')
    const idleMb = residentMb(gateway.pid)
    forgetHighest(gateway.pid)
    for (const { name, least, line } of workloads) {
      const ways: readonly Way[] = [{ options: `-F ${config}`, host: 'direct' }, same, through]
      const speeds: number[][] = ways.map(() => [])
      const costs: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        for (const [index, way] of ways.entries()) {
          const before = cpuUs(gateway.pid)
          speeds[index]?.push(megabytes / ((await shell(line(way, from, to))) / 1000))
          if (way === through) costs.push((cpuUs(gateway.pid) - before) / megabytes)
        }
      }
      const [plain = NaN, equal = NaN, gated = NaN] = speeds.map(median)
      table.speed(name, { plain, same: equal, gateway: gated, cost: median(costs), least })
    }
    const busyMb = highestMb(gateway.pid)
    const setUp = await interleaved(SETUPS, [same, through], ({ options, host }) => `ssh ${options} -n ${host} true`)
    table.latency('login and `true`, ms', setUp, 60)
    const held = await Promise.all([same, through].map((way, index) => holdConnection(way, path.join(dir, `control-${index}`))))
    const exec = await interleaved(EXECS, held, ({ options, host }) => `ssh ${options} -n ${host} true`)
    table.latency('`true` on a connection that is open (ControlMaster), ms', exec, 5)
    for (const { options, host } of held) await shell(`ssh ${options} -O exit ${host} 2>/dev/null`)
    forgetHighest(gateway.pid)
    const stalled = spawn('bash', ['-c', `ssh ${through.options} -n ${through.host} 'cat ${from}' | sleep ${STALLED_MS / 1000}`], {
      stdio: 'ignore',
    })
    await once(stalled, 'exit')
    table.memory('idle, after the first transfer', idleMb, null)
    table.memory('most, while all of the above passed, over idle', busyMb - idleMb, 64)
    table.memory('most, while a client did not read on, over idle', highestMb(gateway.pid) - idleMb, 64)
    table.end()
  } finally {
    for (const stop of stops.toReversed()) await stop()
    rmSync(files, { recursive: true, force: true })
    rmSync(dir, { recursive: true, force: true })
  }
}

function policyText(issuer: string, { port, user, fingerprint }: SshServer): string {
  return `version: 1
issuers: { github: { url: "${issuer}", audience: sallyport } }
groups: { all: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  bench: { protocol: ssh, address: "127.0.0.1:${port}", user: ${user}, host-keys: ["${fingerprint}"], credential: "env://BENCH_KEY", groups: [all] }
rules:
  - { name: programs, on: [bench], ssh: { requests: [exec], programs: [cat, "true"] }, then: allow }
  - { name: files, on: [bench], ssh: { operations: [read, write, setstat, list], paths: ["/**"] }, then: allow }
  - { name: no-removing, on: [bench], ssh: { operations: [remove, rmdir, rename] }, then: deny }
`
}

function directConfig(sshd: SshServer, dir: string): string {
  const [known, config] = [path.join(dir, 'known_hosts'), path.join(dir, 'ssh_config')]
  writeFileSync(known, `target ${sshd.hostKey}\n`)
  const settings = [
    'HostName 127.0.0.1',
    `Port ${sshd.port}`,
    `User ${sshd.user}`,
    `IdentityFile ${sshd.dir}/login`,
    'IdentitiesOnly yes',
    'HostKeyAlias target',
    `UserKnownHostsFile ${known}`,
    'LogLevel ERROR',
  ]
  writeFileSync(config, `Host direct\n${settings.map(line => `  ${line}\n`).join('')}`)
  return config
}

/** The way by a connection that stays open until it is told to exit. */
async function holdConnection({ options, host }: Way, control: string): Promise<Way> {
  await shell(`ssh ${options} -o ControlMaster=yes -o ControlPersist=yes -o ControlPath=${control} -n ${host} true`)
  return { options: `${options} -o ControlPath=${control}`, host }
}

async function interleaved(rounds: number, ways: readonly Way[], line: (way: Way) => string): Promise<readonly [number, number]> {
  const found: number[][] = ways.map(() => [])
  for (let round = 0; round < rounds; round++) for (const [index, way] of ways.entries()) found[index]?.push(await shell(line(way)))
  const [direct = NaN, gateway = NaN] = found.map(median)
  return [direct, gateway]
}

/** Milliseconds. @throws {Error} when the line fails. */
async function shell(line: string): Promise<number> {
  const startedMs = performance.now()
  const child = spawn('sh', ['-c', line], { stdio: 'ignore' })
  const [status] = (await once(child, 'exit')) as [number | null]
  if (status !== 0) throw new Error(`status ${String(status)} of ${line}`)
  return performance.now() - startedMs
}

function median(figures: readonly number[]): number {
  return figures.toSorted((left, right) => left - right)[Math.floor(figures.length / 2)] ?? NaN
}
