// A stage for the Action as GitHub runs it: a database whose password is a canary, GitHub with its policy on the default branch, an issuer.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { startShop, type Shop } from '../../world/github/shop.ts'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startPostgres, type PostgresServer } from '../../world/postgres/server.ts'
import { runWorkflow, type JobRun, type RunOptions } from '../../world/runner/runner.ts'

const root = path.resolve(import.meta.dirname, '../..')
const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, name text, email text);
INSERT INTO customers VALUES (1, 'Ada Alder', 'ada@masked.example'), (2, 'Bob Birch', 'bob@masked.example');
CREATE TABLE carts (id int PRIMARY KEY, note text);
INSERT INTO carts SELECT n, 'cart ' || n FROM generate_series(1, 30) n;
`

export interface ActionStage {
  readonly postgres: PostgresServer
  readonly database: string
  readonly shop: Shop
  readonly issuer: Issuer
  /** The database password: in this process, in the secret store of the world, and in the gateway. */
  readonly canary: string
  /** Runs a workflow in the run's pull request, with the committed dist; `user` null = this process's own user. */
  run(workflow: string, more?: Partial<RunOptions>): Promise<JobRun>
  close(): Promise<void>
}

export async function openActionStage(): Promise<ActionStage> {
  const [postgres, issuer, shop] = await Promise.all([startPostgres(), startIssuer(), startShop()])
  const canary = `canary-${Math.random().toString(36).slice(2)}-${Math.random().toString(36).slice(2)}`
  await postgres.query('postgres', `CREATE ROLE ci LOGIN PASSWORD '${canary}'`)
  const database = await postgres.createDatabase(SCHEMA)
  await postgres.query(database, 'GRANT ALL ON ALL TABLES IN SCHEMA public TO ci; GRANT CREATE ON SCHEMA public TO ci')
  shop.repository.trees.get('main')?.set('.github/sallyport.yml', policyOf(postgres, issuer, database))
  const { sam } = shop.people
  const claims = { repository: 'acme/shop', actor: 'sam', actor_id: String(sam.id), event_name: 'pull_request', ref: 'refs/pull/42/merge' }
  const repository = { full_name: 'acme/shop', id: shop.repository.id, default_branch: 'main' }
  let job = 0
  return {
    postgres,
    database,
    shop,
    issuer,
    canary,
    run: (workflow, more = {}) => {
      job += 1
      const runId = String(100 + job)
      return runWorkflow({
        workflow,
        action: root,
        services: {
          apiUrl: shop.github.url,
          serverUrl: 'https://github.com',
          token: shop.workflowToken,
          idToken: issuer.grant({ ...claims, run_id: runId }),
          resultsUrl: `${shop.github.url}/`,
          runtimeToken: shop.github.artifacts.addRuntimeToken(runId, 'migrate'),
        },
        facts: { runId, actor: 'sam', sha: shop.pull.headSha },
        event: {
          action: 'synchronize',
          number: shop.pull.number,
          repository,
          sender: { login: 'sam', id: sam.id },
          pull_request: {
            number: shop.pull.number,
            user: { login: 'sam', id: sam.id },
            head: { sha: shop.pull.headSha, ref: 'clean-up', repo: repository },
            base: { ref: 'main', repo: repository },
          },
        },
        secrets: { ORDERS_PASSWORD: canary },
        ...more,
      })
    },
    close: async () => {
      await Promise.all([postgres.stop(), issuer.stop(), shop.github.stop()])
    },
  }
}

/** The code of the newest request in the pull request that is not in `known`; null once the signal is aborted. */
export async function nextCode(shop: Shop, known: ReadonlySet<string>, signal: AbortSignal): Promise<string | null> {
  for (;;) {
    if (signal.aborted) return null
    const codes = shop.pull.comments.flatMap(({ body }) => /\/sallyport approve ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(body)?.[1] ?? [])
    const found = codes.findLast(code => !known.has(code))
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Whether the bytes begin as a zip does. */
export function isZip(bytes: Buffer): boolean {
  return bytes.subarray(0, 4).equals(Buffer.from([0x50, 0x4b, 3, 4]))
}

/** The text of a program that looks for a secret wherever a job can look. The secret comes by stdin. */
export const searchProgram = readFileSync(path.join(import.meta.dirname, 'action-search.sh'), 'utf8')

function policyOf(postgres: PostgresServer, issuer: Issuer, database: string): string {
  return `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { pulls: { issuer: github, when: 'claims.repository_id == "123" && claims.event_name == "pull_request"' } }
connections:
  orders-db: { protocol: postgres, address: "127.0.0.1:${postgres.port}", database: ${database}, user: ci, tls: disable, credential: "env://ORDERS_PASSWORD", groups: [pulls] }
rules:
  - { name: everyday, sql: { effects: [read, write, session, transaction] }, then: allow }
  - { name: unfiltered-writes, sql: { unfiltered: true }, then: ask, approvers: dba, because: Touches every row. }
  - { name: no-ddl, sql: { effects: [ddl, privilege, file, program, admin] }, then: deny, because: Schema changes go through the DBA. }
masks:
  - { name: pii, on: [orders-db], columns: [public.customers.email], with: redact }
approvers: { dba: { users: [dana], count: 1, timeout: 2m } }
`
}
