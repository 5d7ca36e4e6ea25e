// The gateway of the benchmark, a process of its own as on a runner: policy, recording on disk and one masked column, all real.
// Reads one JSON line from stdin (target, directory), writes one (port, ticket), and ends with its stdin.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../gateway/core/clock.ts'
import { Secret } from '../gateway/core/secret.ts'
import { createPostgresEngine } from '../gateway/engine/postgres/engine.ts'
import { maskerFor } from '../gateway/mask/masker-for.ts'
import { compilePolicy } from '../gateway/policy/compile-policy.ts'
import { parsePolicy } from '../gateway/policy/parse-policy.ts'
import { openRunLog } from '../gateway/record/run-log.ts'
import { openFrontDesk } from '../gateway/session/front-desk.ts'
import { newTicket } from '../gateway/session/ticket.ts'

export interface BenchTarget {
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly dir: string
}

const [line] = (await once(process.stdin, 'data')) as [Buffer]
const target = JSON.parse(line.toString()) as BenchTarget

const policyText = `version: 1
issuers:
  github: { url: https://token.actions.githubusercontent.com, audience: sallyport }
groups:
  all: { issuer: github, when: 'claims.repository_id == "1"' }
connections:
  bench: { protocol: postgres, address: "127.0.0.1:${target.port}", database: ${target.database}, user: ${target.user}, tls: disable, credential: env://BENCH, groups: [all] }
rules:
  - { name: reads, on: [bench], sql: { effects: [read, write, session, transaction, lock] }, then: allow }
  - { name: unfiltered, sql: { unfiltered: true }, then: deny }
  - { name: no-privileges, sql: { effects: [privilege, program, admin] }, then: deny }
masks:
  - { name: pii, on: [bench], columns: [public.people.email], with: redact }
`
const file = parsePolicy(policyText, 'bench.yml')
const policy = compilePolicy(file)
const connection = policy.connections.get('bench')
if (connection === undefined) throw new Error('no connection')
const identity = {
  issuer: 'github',
  iss: 'https://token.actions.githubusercontent.com',
  subject: 'repo:bench',
  claims: { repository_id: '1' },
  groups: new Set(['all']),
  expiresAt: new Date(Date.now() + 3_600_000),
  tokenDigest: '00',
}
const run = {
  id: 'bench',
  repository: null,
  workflowRunId: null,
  attempt: null,
  job: null,
  actor: null,
  event: null,
  sha: null,
  pullRequest: null,
}
const recorder = openRunLog({ dir: target.dir, origin: 'sallyport.bench/run', clock: systemClock })
const ticket = newTicket()
const desk = openFrontDesk({
  connection,
  ticket,
  identity,
  run,
  policy,
  masker: maskerFor(file.masks, randomBytes(16))(identity, connection),
  recorder,
  approvals: { ask: () => Promise.reject(new Error('nobody is asked')), report: () => {} },
  leases: {
    borrow: () =>
      Promise.resolve({
        username: null,
        kind: 'password',
        secret: new Secret(target.password),
        certificate: null,
        expiresAt: null,
        receipt: 'env://BENCH',
      }),
  },
  clock: systemClock,
  keptRows: 100,
})
const engine = createPostgresEngine()
const stopping = new AbortController()
const server = net.createServer({ noDelay: true }, socket => void engine.serve(socket, desk, stopping.signal))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port, ticket })))
process.stdin.on('end', () => process.exit(0)).resume()
