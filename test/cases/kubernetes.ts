// Plays k8s-requests.jsonl: what a real API server wrote in its audit log for each request, against what is judged here. Hostile paths must
// be refused; then every row goes through the real engine, and what must not arrive did not.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readKubernetesRequest } from '../../gateway/command/kubernetes/kubernetes-command.ts'
import { kubernetesGateway } from '../engine/kubernetes/kubernetes-gateway.ts'
import { ownRequests } from '../command/kubernetes/own-requests.ts'
import { kubernetesParts } from '../../world/kubernetes/api-server.ts'
import type { CaseRow } from './case-row.ts'
import { ownServerRows, playAgainstServer } from './kubernetes-server.ts'
import type { ServerRow } from './kubernetes-server.ts'

interface RequestRow {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly expect: Readonly<Record<string, string | boolean>>
  readonly note: string
}

const attributes = ['verb', 'group', 'version', 'resource', 'subresource', 'namespace', 'name'] as const

function rowsOf(file: string): readonly RequestRow[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as RequestRow)
}

/** Paths that the reference says to refuse: percent escapes, empty segments, dot segments. */
function mustRefuse({ path: text }: RequestRow): boolean {
  return /%|\/\/|\/\.{1,2}(?:\/|$)/.test(text)
}

export function playKubernetesRequests(file: string = path.join(import.meta.dirname, 'k8s-requests.jsonl')): readonly CaseRow[] {
  return rowsOf(file).map(row => {
    const reading = readKubernetesRequest({ method: row.method, target: targetOf(row), body: null })
    const wanted = mustRefuse(row)
      ? 'refused'
      : attributes
          .map(name => row.expect[name] ?? '')
          .join(' ')
          .trim()
    if (reading.kind === 'refused') return { id: row.id, expected: wanted, got: 'refused', ok: wanted === 'refused', note: reading.reason }
    // Discovery is answered without a judgement: kinds and schemas, on which the server's own word is a plain get.
    const got =
      reading.kind === 'discovery'
        ? 'get'
        : reading.info.kind === 'non-resource'
          ? reading.info.verb
          : Object.values({ ...reading.info, kind: undefined, rest: undefined })
              .filter(value => value !== undefined)
              .join(' ')
              .trim()
    return {
      id: row.id,
      expected: wanted,
      got,
      ok: got === wanted && (reading.kind === 'command' ? isResource(reading.info.kind) : false) === row.expect['resource_request'],
      note: row.note,
    }
  })
}

function isResource(kind: string): boolean {
  return kind === 'resource'
}

function targetOf(row: RequestRow): string {
  return row.query === '' ? row.path : `${row.path}?${row.query}`
}

/** The file and our own rows, read and then really sent through the engine. */
export async function playKubernetes(): Promise<readonly CaseRow[]> {
  const file = path.join(import.meta.dirname, 'k8s-requests.jsonl')
  const read = playKubernetesRequests(file).map(row => ({
    ...row,
    expected: row.expected === 'refused' ? 'refused' : 'the server’s attributes',
    got: row.ok && row.got !== 'refused' ? 'the server’s attributes' : row.got,
  }))
  const gateway = await kubernetesGateway()
  try {
    const sent: CaseRow[] = []
    for (const row of rowsOf(file)) {
      if (!/^(?:GET|POST|PUT|PATCH|DELETE|HEAD)$/.test(row.method) || 'Upgrade' in row.headers) continue
      gateway.world.seen.length = 0
      const answered = await gateway.request(row.method, targetOf(row), { headers: { ...row.headers }, isHeadOnly: true })
      const arrived = gateway.world.seen
      const expected = mustRefuse(row) ? 'refused, and the server saw nothing' : 'sent as it came, without identity headers'
      const isClean = arrived.every(
        ({ target, headers }) => target === targetOf(row) && !Object.keys(headers).some(name => name.startsWith('impersonate')),
      )
      const got =
        answered.status === 400 && arrived.length === 0
          ? 'refused, and the server saw nothing'
          : arrived.length === 1 && isClean
            ? 'sent as it came, without identity headers'
            : `status ${answered.status}, ${arrived.length} arrived`
      sent.push({ id: `${row.id}/sent`, expected, got, ok: got === expected, note: row.note })
    }
    return [...read, ...sent, ...ownRequests.map(playOwn), ...(await playReal(file))]
  } finally {
    await gateway.stop()
  }
}

/** The rows of the file as requests. */
export function serverRowsOf(file: string): readonly ServerRow[] {
  return rowsOf(file).map(row => ({
    id: row.id,
    method: row.method,
    target: targetOf(row),
    headers: row.headers,
    raw: null,
    isHostile: mustRefuse(row),
  }))
}

/** Against the real API server, where it is built; says so where it is not. */
async function playReal(file: string): Promise<readonly CaseRow[]> {
  const parts = kubernetesParts()
  if (parts === null) {
    console.error('kubernetes: the real API server is not built here (npm run kubernetes:real builds it), so its audit log is not compared')
    return []
  }
  return await playAgainstServer(parts, [...serverRowsOf(file), ...ownServerRows()])
}

function playOwn([request, wanted]: readonly [string, string], index: number): CaseRow {
  const [method = '', target = ''] = request.split(' ')
  const reading = readKubernetesRequest({ method, target, body: null })
  const full =
    reading.kind === 'command'
      ? [
          reading.command.verb || '-',
          reading.command.resource,
          reading.command.namespace || '-',
          reading.command.name || '-',
          reading.command.certainty,
          ...(reading.command.dryRun ? ['dry-run'] : []),
        ].join(' ')
      : reading.kind
  return { id: `own-${index + 1}`, expected: shape(wanted), got: full === wanted ? shape(full) : full, ok: full === wanted, note: request }
}

function shape(text: string): string {
  return text === 'refused' || text === 'discovery' ? text : 'our own attributes'
}
