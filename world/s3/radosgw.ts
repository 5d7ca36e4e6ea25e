// A real S3 server with Object Lock on this machine: Ceph's object gateway over one monitor and one store in memory, loopback only,
// everything in one folder that is removed at the end. Installs the Debian packages itself where it may.
import { AwsClient } from 'aws4fetch'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort } from '../loopback-port.ts'

const PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw']
const WITHIN_MS = 60_000
const USER = 'sallyport'

export interface Radosgw {
  readonly endpoint: string
  readonly key: { readonly id: string; readonly secret: string }
  /** A signed request; the path starts with the bucket. */
  fetch(method: string, path: string, body?: string, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** The same to the service for roles. */
  call(service: 'iam', parameters: Readonly<Record<string, string>>): Promise<string>
  createBucket(name: string): Promise<void>
  /** Names and versions in a bucket, sorted by name. */
  list(bucket: string): Promise<readonly { readonly name: string; readonly version: string }[]>
  read(bucket: string, name: string): Promise<Buffer>
  /** Kills the gateway; what it stored stays. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

/** Throws where the packages are missing and cannot be installed. */
export async function startRadosgw(): Promise<Radosgw> {
  install()
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-radosgw-'))
  const [monPort, port] = [await freePort(), await freePort()]
  const [fsid, osd] = [randomUUID(), randomUUID()]
  const endpoint = `http://127.0.0.1:${port}`
  for (const name of ['mon', 'osd.0', 'rgw']) mkdirSync(path.join(dir, name))
  writeFileSync(path.join(dir, 'ceph.conf'), configuration(dir, fsid, monPort, port))
  const environment = { ...process.env, CEPH_CONF: path.join(dir, 'ceph.conf') }
  const log = openSync(path.join(dir, 'out.log'), 'a')
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: dir, env: environment, encoding: 'utf8', timeout: 30_000, stdio: ['ignore', 'pipe', log] })
  const daemon = (program: string, ...args: string[]): ChildProcess =>
    spawn(program, [...args, '-f'], { cwd: dir, env: environment, stdio: ['ignore', log, log] })
  const daemons: ChildProcess[] = []
  let gateway: ChildProcess | null = null
  const key = { id: 'AKSALLYPORT', secret: 'a-secret-of-the-test' }
  const client = new AwsClient({ accessKeyId: key.id, secretAccessKey: key.secret, service: 's3', region: 'us-east-1', retries: 0 })

  const start = async (): Promise<void> => {
    gateway = daemon('radosgw', '-n', 'client.rgw')
    await until(async () => (await fetch(endpoint)).ok)
  }
  const kill = async (): Promise<void> => {
    const killed = gateway
    gateway = null
    if (killed === null) return
    killed.kill('SIGKILL')
    await once(killed, 'exit')
  }
  const stop = async (): Promise<void> => {
    await kill()
    for (const each of daemons.toReversed()) {
      if (each.exitCode !== null || each.signalCode !== null) continue
      each.kill('SIGKILL')
      await once(each, 'exit')
    }
    rmSync(dir, { recursive: true, force: true })
  }

  try {
    run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', `[v1:127.0.0.1:${monPort}]`, 'monmap')
    run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', 'monmap')
    daemons.push(daemon('ceph-mon', '-i', 'a'))
    await until(() => Promise.resolve(run('ceph', '--connect-timeout', '5', 'osd', 'create', osd).trim() === '0'))
    run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd)
    run('ceph', 'osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=h1')
    daemons.push(daemon('ceph-osd', '-i', '0'))
    await until(() => Promise.resolve(/1 up/.test(run('ceph', 'osd', 'stat'))))
    await start()
    run(
      'radosgw-admin',
      '-n',
      'client.rgw',
      'user',
      'create',
      `--uid=${USER}`,
      `--display-name=${USER}`,
      `--access-key=${key.id}`,
      `--secret-key=${key.secret}`,
    )
    run('radosgw-admin', '-n', 'client.rgw', 'caps', 'add', `--uid=${USER}`, '--caps=oidc-provider=*;roles=*')
  } catch (error) {
    const words = readFileSync(path.join(dir, 'out.log'), 'utf8').slice(-2000)
    await stop()
    throw new Error(`radosgw did not start: ${words}`, { cause: error })
  }

  const signed: Radosgw['fetch'] = (method, name, body = '', headers = {}) =>
    client.fetch(`${endpoint}/${name}`, { method, headers, ...(method === 'GET' || body === '' ? {} : { body }) })
  return {
    endpoint,
    key,
    fetch: signed,
    call: async (service, parameters) => {
      const body = new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const answer = await client.fetch(`${endpoint}/`, { method: 'POST', body, headers, aws: { service } })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${parameters['Action'] ?? ''}: ${answer.status} ${text}`)
      return text
    },
    createBucket: async name => {
      const made = await signed('PUT', name, '', { 'x-amz-bucket-object-lock-enabled': 'true' })
      if (!made.ok) throw new Error(`the bucket was not made: ${made.status} ${await made.text()}`)
    },
    list: async bucket => {
      const text = await (await signed('GET', `${bucket}?versions&max-keys=1000`)).text()
      const found = [...text.matchAll(/<Version>.*?<Key>([^<]+)<\/Key>.*?<VersionId>([^<]+)<\/VersionId>.*?<\/Version>/gs)]
      return found.map(([, name = '', version = '']) => ({ name, version })).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    },
    read: async (bucket, name) => {
      const answer = await signed('GET', `${bucket}/${name}`)
      if (!answer.ok) throw new Error(`${name}: ${answer.status}`)
      return Buffer.from(await answer.arrayBuffer())
    },
    kill,
    start,
    stop,
  }
}

function install(): void {
  if (PACKAGES.every(program => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0)) return
  process.stderr.write(`installing ${PACKAGES.join(' ')} (apt-get)\n`)
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  for (const args of [
    ['update', '-q'],
    ['install', '-y', '-q', '--no-install-recommends', ...PACKAGES],
  ]) {
    const [program = '', ...rest] = [...asRoot, 'apt-get', ...args]
    execFileSync(program, rest, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  }
}

function configuration(dir: string, fsid: string, monPort: number, port: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v1:127.0.0.1:${monPort}]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
osd pool default pg num = 1
osd pool default pgp num = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
osd objectstore = memstore
memstore device bytes = 1073741824
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
run dir = ${dir}
log file = ${dir}/$name.log
admin socket = ${dir}/$name.asok
pid file = ${dir}/$name.pid
mon data = ${dir}/mon
osd data = ${dir}/osd.$id
rgw data = ${dir}/rgw
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw thread pool size = 32
rgw sts key = abcdefghijklmnop
rgw s3 auth use sts = true
`
}

/** Daemons say nothing when they are ready: they are asked. */
async function until(isReady: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS
  for (;;) {
    const ready = await isReady().catch((error: unknown) => (performance.now() > deadline ? Promise.reject(error) : false))
    if (ready) return
    if (performance.now() > deadline) throw new Error(`not ready after ${WITHIN_MS / 1000} s`)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}
