// Arranges policies, identities and commands for the tests of this folder.
import { kubernetesPowers } from '../../gateway/core/command.ts'
import type { KubernetesCommand, SqlCommand, SqlEffect, SshCommand } from '../../gateway/core/command.ts'
import type { Decision } from '../../gateway/core/decision.ts'
import type { Command } from '../../gateway/core/command.ts'
import type { Identity, Run } from '../../gateway/core/identity.ts'
import { compilePolicy } from '../../gateway/policy/compile-policy.ts'
import { groupsOf } from '../../gateway/policy/groups.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'
import type { PolicyFile } from '../../gateway/policy/policy-file.ts'
import { PolicyInvalid } from '../../gateway/policy/problems.ts'

export const head = `version: 1
issuers:
  github: { url: https://token.actions.githubusercontent.com, audience: sallyport }
groups:
  release: { issuer: github, when: 'claims.repository_id == "123" && claims.ref == "refs/heads/main"' }
  pulls: { issuer: github, when: 'claims.repository_id == "123" && claims.event_name == "pull_request"' }
`

export const connections = `connections:
  db: { protocol: postgres, address: "db.internal:5432", database: app, credential: env://DB_PASSWORD, groups: [release, pulls] }
  web: { protocol: ssh, address: web.internal, user: deploy, host-keys: ["SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"], credential: env://KEY, groups: [release] }
  prod: { protocol: kubernetes, address: "https://10.0.0.1:6443", credential: env://TOKEN, groups: [release] }
`

export const people = `approvers:
  dba: { users: [dana], teams: [acme/dba] }
  sre: { teams: [acme/sre], count: 2, timeout: 1h }
`

/** A whole file around some rules (and whatever else). */
export function fileThat(rest: string, base = connections): PolicyFile {
  return parsePolicy(head + base + people + rest, 'sallyport.yml')
}

/** The problems of a text, a line each; empty when it is fine. */
export function problemsOf(text: string): readonly string[] {
  try {
    parsePolicy(text, 'sallyport.yml')
    return []
  } catch (error) {
    if (error instanceof PolicyInvalid) return error.message.split('\n')
    throw error
  }
}

export const releaseClaims = {
  repository_id: '123',
  ref: 'refs/heads/main',
  event_name: 'push',
  environment: 'production',
  sub: 'repo:acme/shop',
}

export function identityWith(file: PolicyFile, claims: Readonly<Record<string, unknown>> = releaseClaims, issuer = 'github'): Identity {
  return {
    issuer,
    iss: file.issuers.get(issuer)?.url ?? '',
    subject: typeof claims['sub'] === 'string' ? claims['sub'] : '',
    claims,
    groups: groupsOf(file, issuer, claims),
    expiresAt: new Date(0),
    tokenDigest: '',
  }
}

export const run: Run = {
  id: 'run-1',
  repository: 'acme/shop',
  workflowRunId: '7',
  attempt: '1',
  job: 'migrate',
  actor: 'sam',
  event: 'push',
  sha: 'abc',
  pullRequest: 42,
}

export function decide(file: PolicyFile, command: Command, to = 'db', identity = identityWith(file)): Decision {
  const policy = compilePolicy(file)
  const connection = policy.connections.get(to)
  if (connection === undefined) throw new Error(`no connection ${to}`)
  return policy.decide(identity, connection, command, run)
}

/** The outcome for a file of these rules. */
export function outcomeOf(rules: string, command: Command, to = 'db'): string {
  return decide(fileThat(`rules:\n${rules}`), command, to).outcome
}

export function sql(effects: readonly SqlEffect[], rest: Partial<SqlCommand> = {}): SqlCommand {
  return {
    protocol: 'postgres',
    verb: 'select',
    resources: ['public.t'],
    text: 'SELECT 1',
    certainty: 'parsed',
    doubt: null,
    effects: new Set(effects),
    unfiltered: false,
    values: [],
    ...rest,
  }
}

export function ssh(rest: Partial<SshCommand> = {}): SshCommand {
  return {
    protocol: 'ssh',
    verb: 'exec',
    resources: [],
    text: '',
    certainty: 'parsed',
    doubt: null,
    request: 'exec',
    programs: [],
    argvs: [],
    operation: null,
    paths: [],
    ...rest,
  }
}

/** An exec of these argument lists. */
export function exec(...argvs: readonly (readonly string[])[]): SshCommand {
  return ssh({ programs: argvs.map(argv => argv[0] ?? ''), argvs })
}

export function kubernetes(rest: Partial<KubernetesCommand> = {}): KubernetesCommand {
  return {
    protocol: 'kubernetes',
    verb: 'get',
    resources: [],
    text: '',
    certainty: 'parsed',
    doubt: null,
    resource: 'pods',
    namespace: 'shop',
    name: 'web-0',
    dryRun: false,
    argv: [],
    argvs: rest.argv === undefined ? [] : [rest.argv],
    powers: kubernetesPowers.filter(power => rest.resource?.endsWith(`/${power}`)),
    ...rest,
  }
}
