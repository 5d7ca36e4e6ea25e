// A real PostgreSQL server on loopback for tests and the demo: a new cluster, a random password, gone when stopped.
import { randomBytes } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import { freePort } from '../loopback-port.ts'
import { Client } from 'pg'
import type { QueryArrayResult } from 'pg'
import { makeCertificates } from '../tls/certificates.ts'
import { findPostgres } from './binaries.ts'

export interface PostgresOptions {
  /** Serve TLS with a certificate for `127.0.0.1` and `localhost` of an own authority. */
  readonly tls?: boolean
  /** Method of pg_hba.conf for TCP, default `scram-sha-256`. */
  readonly auth?: 'scram-sha-256' | 'md5' | 'password' | 'trust'
  /** Extra settings, e.g. `{ max_connections: '200' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Major version, 13 to 17, fetched when it is not here; left out = the one in the lock file. */
  readonly version?: number
}

export interface PostgresServer {
  readonly host: '127.0.0.1'
  readonly port: number
  /** The superuser. */
  readonly user: 'postgres'
  readonly password: string
  /** PEM of the authority when `tls` was asked for, else null. */
  readonly ca: string | null
  readonly dataDir: string
  readonly pid: number
  /** A new database, filled by the SQL when given; returns its name. */
  createDatabase(schemaSql?: string): Promise<string>
  dropDatabase(name: string): Promise<void>
  /** Runs SQL as the superuser; rows of the last statement, every value as text. */
  query(database: string, sql: string): Promise<(string | null)[][]>
  stop(): Promise<void>
}

/** An unprivileged user: PostgreSQL refuses to run as root. */
const NOBODY = 65_534

const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_wal_size: '256MB',
  shared_buffers: '64MB',
  max_connections: '150',
}

/** Starts a server and resolves when it takes connections. Takes 1 to 3 s. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const native = findPostgres(options.version ?? null)
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-pg-'))
  const password = randomBytes(18).toString('base64url')
  const isRoot = process.getuid?.() === 0
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  chmodSync(dataDir, 0o700)
  const passwordFile = path.join(dataDir, 'superuser')
  writeFileSync(passwordFile, `${password}\n`)
  if (isRoot) for (const at of [passwordFile, dataDir]) chownSync(at, NOBODY, NOBODY)
  const cluster = path.join(dataDir, 'cluster')
  const auth = options.auth ?? 'scram-sha-256'
  const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', TZ: 'UTC' }
  const made = spawnSync(
    path.join(native, 'bin', 'initdb'),
    [
      '-D',
      cluster,
      '-U',
      'postgres',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      `--auth-host=${auth}`,
      '--auth-local=reject',
      `--pwfile=${passwordFile}`,
      '--no-sync',
    ],
    { ...as, env: environment, cwd: dataDir, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.stdout}`)
  rmSync(passwordFile)
  const ca = options.tls === true ? writeCertificates(cluster, isRoot) : null
  const port = await freePort()
  const settings = {
    ...FAST,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    password_encryption: auth === 'md5' ? 'md5' : 'scram-sha-256',
    ...(ca === null ? {} : { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' }),
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(path.join(native, 'bin', 'postgres'), ['-D', cluster, ...args], {
    ...as,
    env: environment,
    cwd: dataDir,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000)
  })
  const end = (): void => {
    server.kill('SIGQUIT')
    rmSync(dataDir, { recursive: true, force: true })
  }
  process.once('exit', end)
  const address = { host: '127.0.0.1', port, user: 'postgres', password } as const
  try {
    await untilReady(server, address, () => log)
  } catch (error) {
    end()
    throw error
  }
  let databases = 0
  return {
    ...address,
    ca,
    dataDir,
    pid: server.pid ?? -1,
    createDatabase: async schemaSql => {
      databases += 1
      const name = `db${String(databases)}`
      await query(address, 'postgres', `CREATE DATABASE ${name}`)
      if (schemaSql !== undefined) await query(address, name, schemaSql)
      return name
    },
    dropDatabase: async name => {
      await query(address, 'postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
    query: (database, sql) => query(address, database, sql),
    stop: async () => {
      process.off('exit', end)
      if (server.exitCode === null && server.signalCode === null) {
        const gone = once(server, 'exit')
        server.kill('SIGINT')
        const timer = setTimeout(() => server.kill('SIGQUIT'), 5_000)
        await gone
        clearTimeout(timer)
      }
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

type Address = Pick<PostgresServer, 'host' | 'port' | 'user' | 'password'>

async function query(address: Address, database: string, sql: string): Promise<(string | null)[][]> {
  const client = new Client({ ...address, database, types: { getTypeParser: () => (text: string) => text } })
  await client.connect()
  try {
    const answer = (await client.query({ text: sql, rowMode: 'array' })) as unknown as QueryArrayResult | QueryArrayResult[]
    const last = Array.isArray(answer) ? answer.at(-1) : answer
    return (last?.rows ?? []) as (string | null)[][]
  } finally {
    await client.end()
  }
}

async function untilReady(server: ChildProcess, address: Address, log: () => string): Promise<void> {
  const deadline = performance.now() + 60_000
  for (;;) {
    if (server.exitCode !== null) throw new Error(`postgres ended: ${log()}`)
    try {
      await query(address, 'postgres', 'SELECT 1')
      return
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`postgres is not ready: ${log()}`, { cause: error })
      await new Promise(resolve => setTimeout(resolve, 30))
    }
  }
}

function writeCertificates(cluster: string, isRoot: boolean): string {
  const { ca, certificate, key } = makeCertificates(['127.0.0.1', 'localhost'])
  for (const [name, text] of [
    ['server.crt', certificate],
    ['server.key', key],
  ] as const) {
    const at = path.join(cluster, name)
    writeFileSync(at, text, { mode: 0o600 })
    if (isRoot) chownSync(at, NOBODY, NOBODY)
  }
  return ca
}
