// A stage for `sallyport exec`: a database with a canary for a password, an issuer, a pull request, and the built cli.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { LaunchRequest } from '../../gateway/control/protocol.ts'
import { startShop, type Shop } from '../../world/github/shop.ts'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startPostgres, type PostgresServer } from '../../world/postgres/server.ts'
import { launchRequest } from '../control/launch-request.ts'

export const root = path.resolve(import.meta.dirname, '../..')
const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, name text, email text);
INSERT INTO customers VALUES (1, 'Ada Alder', 'ada@canary.example'), (2, 'Bob Birch', 'bob@canary.example');
CREATE TABLE orders (id int PRIMARY KEY, item text);
INSERT INTO orders SELECT n, 'item ' || n FROM generate_series(1, 50) n;
`

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface ExecStage {
  readonly postgres: PostgresServer
  readonly database: string
  readonly issuer: Issuer
  readonly shop: Shop
  readonly dir: string
  /** The password of the role `ci`, only in this process and in the variable that `env://` names. */
  readonly password: string
  writePolicy(rules?: string, more?: string): string
  writeToken(claims?: Readonly<Record<string, unknown>>): string
  /** What a gateway is asked that records into `out`, for tests that start one without the cli. */
  launchRequest(out: string, policy: string): LaunchRequest
  /** Runs the built cli as a user would. */
  sallyport(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ran>
  /** `exec` with the stage's policy and token, recording into `rec`. */
  exec(command: readonly string[], options?: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ran>
  events(out?: string): Record<string, unknown>[]
  close(): Promise<void>
}

const RULES = `
  - { name: everyday, sql: { effects: [read, write, session, transaction] }, then: allow }
  - { name: unfiltered-writes, sql: { unfiltered: true }, then: ask, approvers: dba, because: Touches every row. }
  - { name: no-ddl, sql: { effects: [ddl, privilege, file, program, admin] }, then: deny, because: Schema changes go through the DBA. }`

export async function openExecStage(): Promise<ExecStage> {
  const [postgres, issuer, shop] = await Promise.all([startPostgres(), startIssuer(), startShop()])
  const password = `canary-${Math.random().toString(36).slice(2)}-password`
  await postgres.query('postgres', `CREATE ROLE ci LOGIN PASSWORD '${password}'`)
  const database = await postgres.createDatabase(SCHEMA)
  await postgres.query(database, 'GRANT ALL ON ALL TABLES IN SCHEMA public TO ci; GRANT CREATE ON SCHEMA public TO ci')
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-exec-'))
  const policyFile = path.join(dir, 'sallyport.yml')
  const tokenFile = path.join(dir, 'token.jwt')

  const stage: ExecStage = {
    postgres,
    database,
    issuer,
    shop,
    dir,
    password,
    writePolicy: (rules = RULES, more = '') => {
      writeFileSync(
        policyFile,
        `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  orders-db: { protocol: postgres, address: "127.0.0.1:${postgres.port}", database: ${database}, user: ci, tls: disable, credential: "env://ORDERS_PASSWORD", groups: [shop] }
rules:${rules}
masks:
  - { name: pii, on: [orders-db], columns: [public.customers.email], with: redact }
approvers: { dba: { users: [dana], count: 1, timeout: 1m } }
${more}`,
      )
      return policyFile
    },
    writeToken: (claims = {}) => {
      writeFileSync(
        tokenFile,
        `${issuer.mint({ aud: 'sallyport', repository: 'acme/shop', actor: 'sam', actor_id: String(shop.people.sam.id), event_name: 'pull_request', ...claims })}\n`,
      )
      return tokenFile
    },
    launchRequest: (out, policy) =>
      launchRequest({
        policy: { kind: 'text', name: 'sallyport.yml', text: policy },
        token: issuer.mint({ aud: 'sallyport', repository: 'acme/shop' }),
        audience: '',
        environment: { ORDERS_PASSWORD: password },
        out,
        clientDir: dir,
      }),
    sallyport: (args, environment = {}) => run(process.execPath, [path.join(root, 'dist/cli.mjs'), ...args], dir, environment),
    exec: (command, options = [], environment = {}) =>
      stage.sallyport(
        ['exec', '--config', policyFile, '--token-file', tokenFile, '--out', path.join(dir, 'rec'), ...options, '--', ...command],
        {
          ORDERS_PASSWORD: password,
          GITHUB_API_URL: shop.github.url,
          GITHUB_REPOSITORY: 'acme/shop',
          GITHUB_TOKEN: shop.workflowToken,
          ...environment,
        },
      ),
    events: (out = 'rec') =>
      readFileSync(path.join(dir, out, 'events.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as Record<string, unknown>),
    close: async () => {
      await Promise.all([postgres.stop(), issuer.stop(), shop.github.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
  stage.writePolicy()
  return stage
}

/** A program with a clean environment, its output as text. */
export function run(program: string, args: readonly string[], cwd: string, environment: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', PGCONNECT_TIMEOUT: '60', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', status => resolve({ status: status ?? -1, stdout, stderr }))
  })
}
