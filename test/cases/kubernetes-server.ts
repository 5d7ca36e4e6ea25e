// The Kubernetes cases against a real API server: each request goes through the real engine with an audit id of its own, and what was judged
// must be what the server wrote in its audit log. Of what is refused the log must have no trace.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'
import { readKubernetesRequest } from '../../gateway/command/kubernetes/kubernetes-command.ts'
import type { KubernetesCommand } from '../../gateway/core/command.ts'
import { Secret } from '../../gateway/core/secret.ts'
import { startApiServer } from '../../world/kubernetes/api-server.ts'
import type { ApiServer, AuditEvent } from '../../world/kubernetes/api-server.ts'
import { ownRequests } from '../command/kubernetes/own-requests.ts'
import { kubernetesGateway } from '../engine/kubernetes/kubernetes-gateway.ts'
import type { KubernetesGateway } from '../engine/kubernetes/kubernetes-gateway.ts'
import type { CaseRow } from './case-row.ts'

export interface ServerRow {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  /** The request as bytes, with `{TICKET}` and `{AUDIT}` in their places; null = made of the other fields. */
  readonly raw: string | null
  readonly isHostile: boolean
}

const REFUSED = 'refused, and the server’s audit log has no trace of it'
const SAME = 'judged as the server’s audit log says, sent as itself'
const PATIENCE_MS = 15_000

/** Our own rows: named by what they try, and the readings that the unit tests hold us to. */
export function ownServerRows(): readonly ServerRow[] {
  const named = readFileSync(path.join(import.meta.dirname, 'k8s-own.jsonl'), 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(
      line =>
        JSON.parse(line) as {
          id: string
          method: string
          path: string
          query: string
          headers?: Record<string, string>
          raw?: string
          expect: string
        },
    )
    .map(row => ({
      id: row.id,
      method: row.method,
      target: row.query === '' ? row.path : `${row.path}?${row.query}`,
      headers: row.headers ?? {},
      raw: row.raw ?? null,
      isHostile: row.expect === 'refused',
    }))
  const readings = ownRequests
    .map(([request, wanted], index) => {
      const [method = '', target = ''] = request.split(' ')
      return { id: `reading ${index + 1}: ${request}`, method, target, headers: {}, raw: null, isHostile: wanted === 'refused' }
    })
    // Methods that HTTP itself does not carry to the judge.
    .filter(({ method }) => /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method))
  return [...named, ...readings]
}

/** @param parts folder of the real server's programs. */
export async function playAgainstServer(parts: string, rows: readonly ServerRow[]): Promise<readonly CaseRow[]> {
  const api = await startApiServer(parts)
  let gateway: KubernetesGateway | null = null
  try {
    await furnish(api)
    const judged: KubernetesCommand[] = []
    gateway = await kubernetesGateway({
      connection: { port: api.port, tls: { mode: 'verify-full', ca: api.ca } },
      lease: () => ({
        username: null,
        kind: 'password',
        secret: new Secret(api.token),
        certificate: null,
        expiresAt: null,
        receipt: 'env://X',
      }),
      decide: command => {
        judged.push(command)
        return 'allow'
      },
    })
    const played: CaseRow[] = []
    for (const row of rows) {
      judged.length = 0
      const auditId = randomUUID()
      const status = await send(gateway, row, auditId)
      const events = api.audit().filter(({ auditID }) => auditID === auditId)
      const got = comparison(row, status, judged, events)
      const expected = row.isHostile ? REFUSED : SAME
      played.push({
        id: `${row.id}/real`,
        expected,
        got,
        ok: got === expected,
        note: row.raw === null ? `${row.method} ${row.target.slice(0, 200)}` : 'bytes',
      })
    }
    return played
  } finally {
    await gateway?.stop()
    await api.stop()
  }
}

async function furnish(api: ApiServer): Promise<void> {
  for (const name of ['other', 'a', 'shop']) {
    await api.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    for (const secret of ['foo', 'one']) {
      const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret }, stringData: { password: 'hunter2' } }
      await api.ask('POST', `/api/v1/namespaces/${name}/secrets`, object)
    }
  }
}

function comparison(row: ServerRow, status: number, judged: readonly KubernetesCommand[], events: readonly AuditEvent[]): string {
  const [event] = events
  const [command] = judged
  if (event === undefined) {
    const isRefused = status === 0 || (status >= 400 && status < 500)
    return isRefused && (judged.length === 0 || status === 403) ? REFUSED : `status ${status}, and the server did not see it`
  }
  if (event.user.username !== 'admin' || event.impersonatedUser !== undefined) return 'it ran as somebody else'
  if (event.requestURI !== row.target) return `sent as ${event.requestURI}`
  const reading = readKubernetesRequest({ method: row.method, target: row.target, body: null })
  if (reading.kind === 'discovery') {
    return event.objectRef === undefined && event.verb === row.method.toLowerCase() ? SAME : `${said(event)}, not kinds`
  }
  if (command === undefined || reading.kind === 'refused') return `sent without a judgement: ${said(event)}`
  if (reading.info.kind === 'non-resource')
    return event.objectRef === undefined && event.verb === command.verb ? SAME : differing(command, event)
  const { verb, namespace, name } = command
  const version = reading.info.version
  return said(event) === [verb, `${command.resource}@${version}`, namespace, name].join(' ') ? SAME : differing(command, event)
}

/** The server's attributes, in our words. */
function said({ verb, objectRef }: AuditEvent): string {
  if (objectRef === undefined) return verb
  const { resource = '', subresource = '', namespace = '', name = '', apiGroup = '', apiVersion = '' } = objectRef
  const plain = apiGroup === '' ? resource : `${resource}.${apiGroup}`
  return [verb, `${subresource === '' ? plain : `${plain}/${subresource}`}@${apiVersion}`, namespace, name].join(' ')
}

function differing({ verb, resource, namespace, name }: KubernetesCommand, event: AuditEvent): string {
  return `judged ${verb} ${resource} ${namespace} ${name}, the server says ${said(event)}`
}

/** Sends bytes as they stand. @returns the last status; 0 when the connection ended without one. */
async function send(gateway: KubernetesGateway, row: ServerRow, auditId: string): Promise<number> {
  const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, ca: gateway.authority, servername: '' })
  socket.on('error', () => socket.destroy())
  const text = (row.raw ?? requestText(row)).replaceAll('{TICKET}', gateway.ticket).replaceAll('{AUDIT}', auditId)
  let answer = ''
  socket.on('data', (piece: Buffer) => {
    answer += piece.toString('latin1')
    // Answers without an end, such as watches: their head is all that is looked at. Raw bytes may hold more than one request.
    if (row.raw === null && answer.includes('\r\n\r\n')) socket.destroy()
  })
  const late = setTimeout(() => socket.destroy(), row.raw === null ? PATIENCE_MS : 1_000)
  socket.write(Buffer.from(text, /[\u0100-\uffff]/.test(text) ? 'utf8' : 'latin1'))
  if (!socket.destroyed) await once(socket, 'close')
  clearTimeout(late)
  return Number([...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].at(-1)?.[1] ?? 0)
}

function requestText({ method, target, headers }: ServerRow): string {
  const all = {
    Host: '127.0.0.1',
    Authorization: 'Bearer {TICKET}',
    'Audit-ID': '{AUDIT}',
    Connection: 'close',
    ...(/^(?:POST|PUT|PATCH)$/.test(method) && !('Upgrade' in headers) ? { 'Content-Length': '0' } : {}),
    ...headers,
  }
  return `${method} ${target} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
}
