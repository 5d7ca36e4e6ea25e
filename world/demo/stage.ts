// The demo's world: PostgreSQL, an OIDC issuer, a GitHub with a pull request, and a gateway between the job and the database.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { writeClientFiles } from '../../gateway/control/client-files.ts'
import { plainStart } from '../../gateway/control/gateway-start.ts'
import { launchGateway, type Launched } from '../../gateway/control/launch.ts'
import { startShop, type Shop } from '../github/shop.ts'
import { startIssuer, type Issuer } from '../issuer/issuer.ts'
import { startPostgres, type PostgresServer } from '../postgres/server.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { hostPolicy, openHost, type Host } from './host.ts'

const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, name text, email text, card text);
INSERT INTO customers VALUES (1, 'Ada Alder', 'ada@example.com', '4111 1111 1111 1111'), (2, 'Bob Birch', 'bob@example.com', '5500 0000 0000 0004');
CREATE TABLE carts (id int PRIMARY KEY, customer int REFERENCES customers, updated_at timestamptz NOT NULL);
INSERT INTO carts SELECT n, 1 + n % 2, now() - n * interval '1 hour' FROM generate_series(1, 61000) n;
ALTER TABLE customers OWNER TO shop;
ALTER TABLE carts OWNER TO shop;
GRANT CREATE, USAGE ON SCHEMA public TO shop;
`

export interface Stage {
  readonly postgres: PostgresServer
  readonly database: string
  /** Password of the role `shop`: known to this process and, over a pipe, to the gateway. */
  readonly password: string
  readonly issuer: Issuer
  readonly shop: Shop
  /** null where kubectl is not installed. */
  readonly cluster: Cluster | null
  /** null where OpenSSH is not installed. */
  readonly host: Host | null
  /** Gets the sealed recording. */
  readonly out: string
  readonly clientDir: string
  openGate(): Promise<Launched>
  close(): Promise<void>
}

/** Starts all but the gateway. */
export async function openStage(out: string): Promise<Stage> {
  const [postgres, issuer, shop, cluster, host] = await Promise.all([
    startPostgres(),
    startIssuer(),
    startShop(),
    openCluster(),
    openHost(),
  ])
  const password = randomBytes(18).toString('base64url')
  await postgres.query('postgres', `CREATE ROLE shop LOGIN PASSWORD '${password}'`)
  const database = await postgres.createDatabase(SCHEMA)
  const clientDir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-demo-'))
  if (cluster !== null) writeFileSync(path.join(clientDir, 'cluster.pem'), cluster.server.ca)
  return {
    postgres,
    database,
    password,
    issuer,
    shop,
    cluster,
    host,
    out,
    clientDir,
    openGate: async () => {
      const launched = await launchGateway({
        start: plainStart(path.resolve(import.meta.dirname, '../../dist/gateway.mjs'), null),
        log: null,
        request: {
          kind: 'launch',
          policy: {
            kind: 'text',
            name: path.join(clientDir, 'demo.yml'),
            text: policyOf(postgres, issuer, database, cluster === null ? '' : connectionOf(cluster), host),
          },
          connections: [],
          token: issuer.mint({
            aud: 'sallyport',
            repository: 'acme/shop',
            actor: 'sam',
            actor_id: String(shop.people.sam.id),
            event_name: 'pull_request',
          }),
          audience: '',
          githubToken: shop.workflowToken,
          pullRequest: shop.pull.number,
          environment: {
            SHOP_PASSWORD: password,
            ...(cluster === null ? {} : { CLUSTER_TOKEN: cluster.server.token }),
            ...(host === null ? {} : { SHOP_KEY: host.server.privateKey }),
            GITHUB_API_URL: shop.github.url,
            GITHUB_SERVER_URL: shop.github.url,
            GITHUB_REPOSITORY: 'acme/shop',
            GITHUB_JOB: 'clean-up',
          },
          event: null,
          out,
          clientDir,
          isolation: 'none',
          watchPid: null,
          timeToLiveMs: 600_000,
          artifact: null,
          attest: false,
        },
      })
      writeClientFiles(clientDir, launched.ready.files, null)
      return launched
    },
    close: async () => {
      await Promise.all([postgres.stop(), issuer.stop(), shop.github.stop(), cluster?.server.stop(), host?.server.stop()])
      rmSync(clientDir, { recursive: true, force: true })
    },
  }
}

function connectionOf({ server }: Cluster): string {
  return `
  shop-cluster: { protocol: kubernetes, address: "${server.address}", ca: cluster.pem, credential: "env://CLUSTER_TOKEN", groups: [shop] }`
}

/** @param cluster one more connection, or nothing. */
function policyOf(postgres: PostgresServer, issuer: Issuer, database: string, cluster: string, host: Host | null): string {
  const ssh = host === null ? { connection: '', rules: '' } : hostPolicy(host)
  return `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.aud == "sallyport"' } }
connections:
  shop-db: { protocol: postgres, address: "127.0.0.1:${postgres.port}", database: ${database}, user: shop, tls: disable, credential: "env://SHOP_PASSWORD", groups: [shop] }${cluster}${ssh.connection}
rules:
  - { name: reads-and-writes, sql: { effects: [read, write, session, transaction] }, then: allow }
  - { name: deletes, sql: { effects: [write] }, when: 'command.verb == "delete"', then: ask, approvers: dba, because: Deleted rows are gone. }
  - { name: looking, kubernetes: { verbs: [get, list, watch], namespaces: [shop] }, then: allow }
  - { name: no-ddl, sql: { effects: [ddl, privilege, file, program, admin] }, then: deny, because: Schema changes go through the DBA. }${ssh.rules}
masks:
  - { name: pii, columns: [public.customers.email], with: keep-domain }
  - { name: cards, patterns: [credit-card], with: keep-last-4 }
approvers: { dba: { users: [dana], count: 1, timeout: 10m } }
`
}
