// The world that gateways are killed in: a database behind a byte log, an issuer, a pull request whose approver answers at once, two sinks.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { GatewayStart } from '../../../gateway/control/gateway-start.ts'
import { plainStart } from '../../../gateway/control/gateway-start.ts'
import type { LaunchRequest } from '../../../gateway/control/protocol.ts'
import { startShop } from '../../../world/github/shop.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { startS3 } from '../../../world/s3/server.ts'
import type { S3Server } from '../../../world/s3/server.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const PASSWORD = 'a-password-of-the-kill-stage'
const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, name text, email text);
INSERT INTO customers SELECT n, 'name ' || n, 'mail' || n || '@canary.example' FROM generate_series(1, 40) n;
CREATE TABLE marks (mark text);
CREATE TABLE carts (mark text);
`

export interface KillStage {
  readonly dir: string
  readonly postgres: PostgresServer
  readonly database: string
  readonly s3: S3Server
  /** A gateway with armed failpoints. */
  start(failpoint: string): GatewayStart
  /** @param target port that the gateway takes for the database's. */
  request(target: number, out: string, audit: string): LaunchRequest
  close(): Promise<void>
}

export async function openKillStage(): Promise<KillStage> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-kills-'))
  const built = path.join(dir, 'built')
  execFileSync(process.execPath, [path.join(root, 'tools/build.mjs'), built, path.join(import.meta.dirname, 'armed-failpoint.ts')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [postgres, issuer, shop, s3] = await Promise.all([startPostgres(), startIssuer(), startShop(), startS3({ bucket: 'audit' })])
  await postgres.query('postgres', `CREATE ROLE ci LOGIN PASSWORD '${PASSWORD}'`)
  const database = await postgres.createDatabase(SCHEMA)
  await postgres.query(database, 'GRANT ALL ON ALL TABLES IN SCHEMA public TO ci')
  // Approves before the gateway can look for the first time: nobody waits for the next look.
  const { world } = shop.github
  const add = world.addComment.bind(world)
  world.addComment = (...args) => {
    const comment = add(...args)
    const code = /\/sallyport approve ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(args[2])?.[1]
    if (code !== undefined && args[2].startsWith('<!-- sallyport:request'))
      setImmediate(() => shop.say(shop.people.dana, `/sallyport approve ${code}`))
    return comment
  }

  return {
    dir,
    postgres,
    database,
    s3,
    start: failpoint => {
      const plain = plainStart(path.join(built, 'gateway.mjs'), null)
      return { ...plain, environment: { ...plain.environment, SALLYPORT_FAILPOINT: failpoint } }
    },
    request: (target, out, audit) => {
      const clientDir = path.join(dir, 'clients')
      mkdirSync(clientDir, { recursive: true })
      return {
        kind: 'launch',
        policy: { kind: 'text', name: 'kill.yml', text: policyOf(issuer.url, target, database, audit, s3.endpoint) },
        connections: [],
        token: issuer.mint({ aud: 'sallyport', repository: 'acme/shop', actor: 'sam', actor_id: String(shop.people.sam.id) }),
        audience: '',
        githubToken: shop.workflowToken,
        pullRequest: 42,
        environment: {
          ORDERS_PASSWORD: PASSWORD,
          AWS_ACCESS_KEY_ID: s3.key.id,
          AWS_SECRET_ACCESS_KEY: s3.key.secret,
          GITHUB_API_URL: shop.github.url,
          GITHUB_REPOSITORY: 'acme/shop',
        },
        event: null,
        out,
        clientDir,
        isolation: 'none',
        watchPid: null,
        timeToLiveMs: 60_000,
        artifact: null,
        attest: false,
      }
    },
    close: async () => {
      await Promise.all([postgres.stop(), issuer.stop(), shop.github.stop(), s3.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function policyOf(issuer: string, port: number, database: string, audit: string, endpoint: string): string {
  return `version: 1
issuers: { github: { url: "${issuer}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  orders-db: { protocol: postgres, address: "127.0.0.1:${port}", database: ${database}, user: ci, tls: disable, credential: "env://ORDERS_PASSWORD", groups: [shop] }
rules:
  - { name: everyday, sql: { effects: [read, write, session, transaction] }, then: allow }
  - { name: unfiltered-writes, sql: { unfiltered: true }, then: ask, approvers: dba, because: Touches every row. }
masks:
  - { name: pii, on: [orders-db], columns: [public.customers.email], with: redact }
approvers: { dba: { users: [dana], count: 1, timeout: 1m } }
recording: { sinks: ["file://${audit}", "s3://audit/kills?endpoint=${encodeURIComponent(endpoint)}"] }
`
}
