// `npm run bench -- kubernetes`: one real API server, reached directly, through `kubectl proxy`, through nginx and through the built gateway
// with policy, recording and Secrets hidden; rounds are interleaved and medians shown.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { kubectlsOf, kubernetesParts, startApiServer } from '../world/kubernetes/api-server.ts'
import type { ApiServer } from '../world/kubernetes/api-server.ts'
import { startExec } from './gateway.ts'
import { KubernetesTable } from './kubernetes-table.ts'
import type { Way } from './kubernetes-table.ts'
import { startNginx } from './nginx.ts'
import { cpuUs, forgetHighest, highestMb, residentMb } from './process-cost.ts'

const wrk = '/usr/bin/wrk'
const ROUNDS = 5
const SECONDS = 3
const WATCH_EVENTS = 60
const LIST_MB = 20
const LIST_ROUNDS = 3
const objects = '/api/v1/namespaces/bench'

/** Where requests go, and what proves who sends them. */
interface Door {
  readonly url: string
  readonly token: string
  /** The processes in between; none for the direct way. */
  readonly pids: readonly number[]
}

/** Prints the table of Kubernetes' figures. */
export async function benchKubernetes(): Promise<void> {
  const parts = kubernetesParts()
  if (parts === null || !existsSync(wrk)) {
    console.log('Kubernetes: left out, because the API server (tools/kubernetes-parts.sh) is not built, or wrk is not installed.')
    return
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-kubernetes-'))
  const stops: (() => Promise<void>)[] = []
  try {
    const api = await startApiServer(parts, null, ['--max-requests-inflight=2000'])
    stops.push(() => api.stop())
    await furnish(api)
    const doors = new Map<Way, Door>([['direct', { url: api.address, token: api.token, pids: [] }]])
    const proxy = await startProxy(kubectlsOf(parts).at(-1) ?? 'kubectl', api, dir)
    stops.unshift(proxy.stop)
    doors.set('proxy', { url: proxy.url, token: '', pids: [proxy.pid] })
    const nginx = await startNginx(api)
    if (nginx !== null) {
      stops.unshift(() => nginx.stop())
      doors.set('nginx', { url: `https://127.0.0.1:${nginx.port}`, token: '', pids: nginx.pids })
    }
    writeFileSync(path.join(dir, 'ca.pem'), api.ca)
    const gateway = await startExec({
      dir,
      policy: issuer => policyText(issuer, api.address),
      environment: { CLUSTER_TOKEN: api.token },
      say: 'echo "$KUBECONFIG"',
    })
    stops.unshift(() => gateway.stop())
    doors.set('gateway', { ...doorOf(gateway.said), pids: [gateway.pid] })
    const table = new KubernetesTable()
    const without = nginx === null ? ' nginx is not installed (Debian: nginx-light), so its column is empty.' : ''
    table.begin(
      `All four reach one kube-apiserver on this machine; kubectl proxy takes plain HTTP, the others TLS. Medians of ${ROUNDS} rounds.${without}`,
    )
    // What is compiled as it runs is compiled by then.
    for (const door of doors.values()) await load(door, `${objects}/configmaps/one`, 8)
    for (const door of doors.values()) await load(door, `${objects}/secrets/one`, 8)
    await benchRequests(table, doors)
    await benchLatency(table, doors)
    await benchWatch(table, api, doors)
    await benchList(table, doors, gateway.pid)
    table.end()
  } finally {
    for (const stop of stops) await stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function furnish(api: ApiServer): Promise<void> {
  const make = (target: string, object: object): Promise<unknown> => api.ask('POST', target, { apiVersion: 'v1', ...object })
  await make('/api/v1/namespaces', { kind: 'Namespace', metadata: { name: 'bench' } })
  await make('/api/v1/namespaces', { kind: 'Namespace', metadata: { name: 'large' } })
  await make(`${objects}/configmaps`, { kind: 'ConfigMap', metadata: { name: 'one' }, data: { mode: 'fast', text: 'x'.repeat(500) } })
  await make(`${objects}/secrets`, {
    kind: 'Secret',
    metadata: { name: 'one' },
    stringData: { password: 'hunter2', text: 'x'.repeat(500) },
  })
  // Many objects of a usual size.
  const text = 'a line of some configuration\n'.repeat(690)
  const count = Math.round((LIST_MB * 1_000_000) / text.length)
  for (let made = 0; made < count; made += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, count - made) }, (_, index) =>
        make('/api/v1/namespaces/large/configmaps', { kind: 'ConfigMap', metadata: { name: `part-${made + index}` }, data: { text } }),
      ),
    )
  }
}

async function benchRequests(table: KubernetesTable, doors: ReadonlyMap<Way, Door>): Promise<void> {
  for (const [name, target] of [
    ['get a ConfigMap, 8 clients, requests/s', `${objects}/configmaps/one`],
    ['get a Secret, 8 clients, requests/s', `${objects}/secrets/one`],
  ] as const) {
    const costs = new Map<Way, number[]>()
    const figures = await interleaved(doors, async (door, way) => {
      const beforeUs = costUs(door)
      const { perSecond, requests } = await load(door, target, 8)
      if (door.pids.length > 0) costs.set(way, [...(costs.get(way) ?? []), (costUs(door) - beforeUs) / requests])
      return perSecond
    })
    const [gateway = 0, proxy = 0] = [figures.get('gateway'), figures.get('proxy')]
    table.row(name, figures, 0, { words: '>= kubectl proxy', isMet: gateway >= proxy })
    table.row('&nbsp; processor time in between, us/request', medians(costs), 0, null)
  }
}

async function benchLatency(table: KubernetesTable, doors: ReadonlyMap<Way, Door>): Promise<void> {
  for (const [name, target, most] of [
    ['get a ConfigMap, 1 client, p50 ms', `${objects}/configmaps/one`, 2],
    ['get a Secret, masked, 1 client, p50 ms', `${objects}/secrets/one`, 3],
  ] as const) {
    const figures = await interleaved(doors, async door => (await load(door, target, 1)).p50Ms)
    const added = (figures.get('gateway') ?? 0) - (figures.get('direct') ?? 0)
    table.row(`${name} (adds ${added.toFixed(2)})`, figures, 2, { words: `adds <= ${most}`, isMet: added <= most })
  }
}

/** Watchers at every door see the same events; the time is from the answer to the change. */
async function benchWatch(table: KubernetesTable, api: ApiServer, doors: ReadonlyMap<Way, Door>): Promise<void> {
  const seen = new Map<Way, Map<string, number>>()
  const watches: (() => void)[] = []
  for (const [way, door] of doors) {
    const times = new Map<string, number>()
    seen.set(way, times)
    watches.push(
      await watch(door, `${objects}/configmaps?watch=1`, line => {
        const step = /"step":"(\d+)"/.exec(line)?.[1]
        if (step !== undefined) times.set(step, performance.now())
      }),
    )
  }
  for (let step = 0; step < WATCH_EVENTS; step += 1) {
    await api.ask('PATCH', `${objects}/configmaps/one`, { data: { step: String(step) } }, 'application/merge-patch+json')
    const untilMs = performance.now() + 5_000
    while ([...seen.values()].some(times => !times.has(String(step))) && performance.now() < untilMs) {
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }
  for (const end of watches) end()
  const direct = seen.get('direct') ?? new Map<string, number>()
  const figures = new Map<Way, number>()
  for (const [way, times] of seen) figures.set(way, median([...times].map(([step, at]) => at - (direct.get(step) ?? at))))
  const added = figures.get('gateway') ?? Number.NaN
  table.row('watch, ms behind direct', figures, 2, { words: '<= 5', isMet: added <= 5 })
}

async function benchList(table: KubernetesTable, doors: ReadonlyMap<Way, Door>, pid: number): Promise<void> {
  const seconds = new Map<Way, number[]>()
  const first = new Map<Way, number[]>()
  const above: number[] = []
  for (let round = 0; round < LIST_ROUNDS; round += 1) {
    for (const [way, door] of doors) {
      const idle = residentMb(pid)
      forgetHighest(pid)
      const { firstMs, allMs } = await fetchAll(door, '/api/v1/namespaces/large/configmaps')
      seconds.set(way, [...(seconds.get(way) ?? []), allMs / 1_000])
      first.set(way, [...(first.get(way) ?? []), firstMs])
      if (way === 'gateway') above.push(highestMb(pid) - idle)
    }
  }
  table.row(`list of ${LIST_MB} MB, s`, medians(seconds), 2, null)
  table.row(`list of ${LIST_MB} MB, first byte ms`, medians(first), 0, null)
  const most = Math.max(...above)
  table.row(`list of ${LIST_MB} MB, memory over idle, MB`, new Map([['gateway', most]]), 0, { words: '<= 64', isMet: most <= 64 })
}

function costUs({ pids }: Door): number {
  return pids.reduce((sum, pid) => sum + cpuUs(pid), 0)
}

async function interleaved(
  doors: ReadonlyMap<Way, Door>,
  measure: (door: Door, way: Way) => Promise<number>,
): Promise<ReadonlyMap<Way, number>> {
  const all = new Map<Way, number[]>()
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [way, door] of doors) all.set(way, [...(all.get(way) ?? []), await measure(door, way)])
  }
  return medians(all)
}

/** wrk in its own process, for some seconds. @throws {Error} unless every answer is a success. */
async function load(
  { url, token }: Door,
  target: string,
  clients: number,
): Promise<{ readonly perSecond: number; readonly requests: number; readonly p50Ms: number }> {
  const args = [
    '-t1',
    `-c${clients}`,
    `-d${SECONDS}s`,
    '--latency',
    ...(token === '' ? [] : ['-H', `Authorization: Bearer ${token}`]),
    url + target,
  ]
  const child = spawn(wrk, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  if (/Non-2xx|Socket errors/.test(said)) throw new Error(said)
  const [, figure = '', unit = ''] = /50%\s+([\d.]+)(us|ms|s)/.exec(said) ?? []
  return {
    requests: Number(/(\d+) requests in/.exec(said)?.[1]),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]),
    p50Ms: Number(figure) * (unit === 'us' ? 0.001 : unit === 's' ? 1_000 : 1),
  }
}

function open({ url, token }: Door, target: string, take: (piece: Buffer) => void, done: () => void): () => void {
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
  const at = new URL(url + target)
  // The figures are about time; who is trusted is settled elsewhere.
  const request =
    at.protocol === 'http:' ? http.get(at, { headers, agent: false }) : https.get(at, { headers, agent: false, rejectUnauthorized: false })
  request.on('response', answer => {
    answer.on('data', take)
    answer.once('end', done)
  })
  request.on('error', done)
  return () => request.destroy()
}

function watch(door: Door, target: string, onLine: (line: string) => void): Promise<() => void> {
  return new Promise(resolve => {
    let ahead = ''
    const end = open(
      door,
      target,
      piece => {
        const lines = (ahead + piece.toString()).split('\n')
        ahead = lines.pop() ?? ''
        for (const line of lines) onLine(line)
        // It has begun with what is there.
        resolve(end)
      },
      () => undefined,
    )
  })
}

function fetchAll(door: Door, target: string): Promise<{ readonly firstMs: number; readonly allMs: number }> {
  return new Promise(resolve => {
    const startedMs = performance.now()
    let firstMs: number | null = null
    open(
      door,
      target,
      () => (firstMs ??= performance.now() - startedMs),
      () => resolve({ firstMs: firstMs ?? 0, allMs: performance.now() - startedMs }),
    )
  })
}

async function startProxy(
  kubectl: string,
  api: ApiServer,
  dir: string,
): Promise<{ readonly url: string; readonly pid: number; readonly stop: () => Promise<void> }> {
  const file = path.join(dir, 'direct.json')
  writeFileSync(file, api.kubeconfig)
  const child = spawn(kubectl, ['--kubeconfig', file, 'proxy', '--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    pid: child.pid ?? 0,
    url: `http://${/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? ''}`,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

function doorOf(file: string): Omit<Door, 'pids'> {
  const config = JSON.parse(readFileSync(file, 'utf8')) as {
    clusters: { cluster: { server: string } }[]
    users: { user: { token: string } }[]
  }
  return { url: config.clusters[0]?.cluster.server ?? '', token: config.users[0]?.user.token ?? '' }
}

function medians(all: ReadonlyMap<Way, readonly number[]>): ReadonlyMap<Way, number> {
  return new Map([...all].map(([way, figures]) => [way, median(figures)]))
}

function median(figures: readonly number[]): number {
  return figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)] ?? Number.NaN
}

function policyText(issuer: string, address: string): string {
  return `version: 1
issuers: { github: { url: "${issuer}", audience: sallyport } }
groups: { all: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  prod: { protocol: kubernetes, address: "${address}", ca: ca.pem, credential: "env://CLUSTER_TOKEN", groups: [all] }
rules:
  - { name: looking, kubernetes: { verbs: [get, list, watch], namespaces: [bench, large] }, then: allow }
  - { name: changes, kubernetes: { verbs: [create, update, patch, delete], namespaces: [bench] }, then: deny }
`
}
