// Small made-up words for tests of the session room: a connection, a command, an identity, a policy that answers as told.
import type { RequestView } from '../../gateway/core/approval-channel.ts'
import type { ApprovalRequest } from '../../gateway/core/approval.ts'
import type { SqlCommand } from '../../gateway/core/command.ts'
import type { Connection } from '../../gateway/core/connection.ts'
import type { ApproverGroup, Decision } from '../../gateway/core/decision.ts'
import type { Command } from '../../gateway/core/command.ts'
import type { Identity, Run } from '../../gateway/core/identity.ts'
import type { Masker } from '../../gateway/core/masker.ts'
import type { Policy } from '../../gateway/core/policy.ts'

export const orders: Connection = {
  name: 'orders-db',
  protocol: 'postgres',
  host: 'orders.internal',
  port: 5432,
  user: 'ci',
  credential: { scheme: 'env', source: 'env', path: 'ORDERS', params: {}, field: null, text: 'env://ORDERS' },
  tls: { mode: 'disable', ca: null },
  database: 'orders',
  hostKeys: [],
  groups: ['release'],
}

export const identity: Identity = {
  issuer: 'github',
  iss: 'https://token.actions.githubusercontent.com',
  subject: 'repo:acme/shop:ref:refs/heads/main',
  claims: {},
  groups: new Set(['release']),
  expiresAt: new Date(Date.UTC(2030, 0, 1)),
  tokenDigest: '00',
}

export const run: Run = {
  id: 'run-1',
  repository: 'acme/shop',
  workflowRunId: '7712',
  attempt: '1',
  job: 'migrate',
  actor: 'sam',
  event: 'pull_request',
  sha: null,
  pullRequest: 42,
}

export const noMasks: Masker = { columns: [], lifted: [], text: null }

export function sql(text: string, more: Partial<SqlCommand> = {}): SqlCommand {
  return {
    protocol: 'postgres',
    verb: text.split(/\s/)[0]?.toLowerCase() ?? '',
    resources: [],
    text,
    certainty: 'parsed',
    doubt: null,
    effects: new Set(['write']),
    unfiltered: false,
    values: [],
    ...more,
  }
}

export const dba: ApproverGroup = { name: 'dba', users: ['dana'], teams: [], count: 1, timeoutMs: 1_800_000 }

/** One held statement, as the gate hands it to the approval desk. */
export function requestOf(command: SqlCommand = sql('DELETE FROM carts'), more: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    session: 's',
    number: 1,
    connection: orders,
    commands: [command],
    flagged: command,
    rule: 'r',
    because: null,
    approvers: dba,
    bytes: Buffer.from('x'),
    notes: [],
    ...more,
  }
}

/** What a channel shows of a request that nobody has answered yet. */
export function viewOf(request: ApprovalRequest = requestOf(), more: Partial<RequestView> = {}): RequestView {
  return {
    code: '7F3K-9QX2',
    digest: 'hmac-sha256:00',
    request,
    until: new Date(0),
    head: '',
    votes: [],
    refusals: [],
    unlisted: 0,
    verdict: null,
    outcome: null,
    ...more,
  }
}

export function policyThat(decide: (command: Command) => Decision): Policy & { readonly asked: Command[] } {
  const asked: Command[] = []
  return {
    digest: 'sha256:00',
    connections: new Map([[orders.name, orders]]),
    opens: () => [orders.name],
    asked,
    decide: (_, __, command) => {
      asked.push(command)
      return decide(command)
    },
  }
}
