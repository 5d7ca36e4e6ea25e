// A server of the PostgreSQL that the system has installed: pg_dump refuses servers newer than itself, so its test needs one of its own age.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort } from '../../world/loopback-port.ts'

const root = '/usr/lib/postgresql'
const nobody = { uid: 65_534, gid: 65_534 }

export interface InstalledPostgres {
  readonly bin: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  stop(): Promise<void>
}

/** The folder of the newest programs that can both serve and dump; null where there are none. */
export function installedPrograms(): string | null {
  const versions = existsSync(root) ? readdirSync(root).toSorted((left, right) => Number(right) - Number(left)) : []
  const folders = versions.map(version => path.join(root, version, 'bin'))
  return folders.find(folder => ['initdb', 'postgres', 'pg_dump', 'psql'].every(program => existsSync(path.join(folder, program)))) ?? null
}

/** @param login `trust` = every name is let in on loopback, as PostgreSQL's own regression suite expects it. */
export async function startInstalled(bin: string, login: 'scram-sha-256' | 'trust' = 'scram-sha-256'): Promise<InstalledPostgres> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-installed-'))
  const as = process.getuid?.() === 0 ? nobody : {}
  if (process.getuid?.() === 0) chownSync(dir, nobody.uid, nobody.gid)
  const password = 'only-for-this-test'
  const secret = path.join(dir, 'password')
  const cluster = path.join(dir, 'cluster')
  writeFileSync(secret, `${password}\n`)
  execFileSync(
    path.join(bin, 'initdb'),
    ['-D', cluster, '-U', 'postgres', '-N', '-E', 'UTF8', '--locale=C.UTF-8', `--auth=${login}`, `--pwfile=${secret}`],
    { ...as, stdio: 'ignore' },
  )
  const port = await freePort()
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='].flatMap(one => ['-c', one])
  const child = spawn(path.join(bin, 'postgres'), ['-D', cluster, ...settings], { ...as, stdio: ['ignore', 'ignore', 'pipe'] })
  for await (const chunk of child.stderr) if (String(chunk).includes('ready to accept connections')) break
  return {
    bin,
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await ended
      rmSync(dir, { recursive: true })
    },
  }
}
