// The built-in rule sets, `use: [read-only]`, `use: [careful]` and, for kubernetes, `use: [admin]`: ordinary rules, so that nothing about
// them is special.
import type { Protocol } from '../core/connection.ts'
import type { ApproverGroup } from '../core/decision.ts'
import type { SqlEffect } from '../core/command.ts'
import { compileGlob } from './glob.ts'
import type { ConnectionEntry, KubernetesPart, Outcome, Preset, Rule } from './policy-file.ts'

/** The rules of a connection's `use:`. Their names begin with the set's, and a `/` that names in a file cannot have. */
export function presetRules(entry: ConnectionEntry): readonly Rule[] {
  return entry.use.flatMap(preset => draftsOf(preset, entry.connection.protocol).map(draft => ruleOf(preset, draft, entry)))
}

type Draft = Pick<Rule, 'name' | 'outcome' | 'because'> & Partial<Pick<Rule, 'sql' | 'kubernetes'>>

function ruleOf(preset: Preset, { name, ...draft }: Draft, entry: ConnectionEntry): Rule {
  return {
    sql: null,
    kubernetes: null,
    ...draft,
    name: `${preset}/${name}`,
    on: new Set([entry.connection.name]),
    groups: null,
    ssh: null,
    when: null,
    approvers: draft.outcome === 'ask' ? (entry.approvers ?? nobody) : null,
    place: null,
  }
}

function draftsOf(preset: Preset, protocol: Protocol): readonly Draft[] {
  if (protocol === 'postgres') return preset === 'admin' ? [] : sqlRules[preset]
  return protocol === 'kubernetes' ? kubernetesRules[preset] : []
}

function sqlRule(
  name: string,
  outcome: Outcome,
  effects: readonly SqlEffect[] | null,
  unfiltered: boolean | null,
  because: string | null,
): Draft {
  return { name, outcome, sql: { effects, unfiltered }, because }
}

const sqlRules: Readonly<Record<Exclude<Preset, 'admin'>, readonly Draft[]>> = {
  'read-only': [sqlRule('reads', 'allow', ['read', 'session'], null, null)],
  careful: [
    sqlRule('reads-and-filtered-writes', 'allow', ['read', 'session', 'write', 'transaction'], false, null),
    sqlRule('unfiltered-writes', 'ask', null, true, 'it touches every row'),
    sqlRule('schema-changes', 'ask', ['ddl'], null, 'it changes the schema'),
    sqlRule(
      'no-power',
      'deny',
      ['privilege', 'file', 'program', 'admin', 'unknown'],
      null,
      'privileges, files, programs, administration, or not understood',
    ),
  ],
}

function kubernetesRule(
  name: string,
  outcome: Outcome,
  verbs: readonly string[] | null,
  resources: readonly string[] | null,
  because: string | null,
): Draft {
  const part: KubernetesPart = {
    verbs,
    resources: resources?.map(text => compileGlob(text, '/')) ?? null,
    namespaces: null,
    names: null,
    dryRun: null,
    commands: null,
  }
  return { name, outcome, kubernetes: part, because }
}

/** What every client may ask about itself. */
const ownRights = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].map(name => `${name}.authorization.k8s.io`)
const looking: readonly Draft[] = [
  kubernetesRule('reads', 'allow', ['get', 'list'], null, null),
  kubernetesRule('own-rights', 'allow', ['create'], [...ownRights, 'selfsubjectreviews.authentication.k8s.io'], null),
]
/** What changes here is felt in every namespace. */
const clusterWide = [
  'nodes',
  'nodes/*',
  'namespaces',
  'namespaces/*',
  'persistentvolumes',
  '*.apiextensions.k8s.io',
  '*.apiregistration.k8s.io',
  '*.admissionregistration.k8s.io',
  '*.storage.k8s.io',
  '*.scheduling.k8s.io',
  '*.node.k8s.io',
  '*.flowcontrol.apiserver.k8s.io',
]
const changes = ['create', 'update', 'patch']

const kubernetesRules: Readonly<Record<Preset, readonly Draft[]>> = {
  'read-only': looking,
  careful: [
    ...looking,
    kubernetesRule('changes', 'allow', changes, null, null),
    kubernetesRule('removals', 'ask', ['delete'], null, 'it is gone then'),
    kubernetesRule('cluster-changes', 'ask', changes, clusterWide, 'it changes the whole cluster'),
    kubernetesRule('no-mass-removals', 'deny', ['deletecollection'], null, 'it deletes all objects of a kind'),
    kubernetesRule('no-rights', 'deny', ['bind', 'escalate'], null, 'it gives rights'),
    kubernetesRule(
      'no-power',
      'deny',
      null,
      ['*/proxy', '*/token', '*/approval', 'certificatesigningrequests.certificates.k8s.io/status', '*/ephemeralcontainers'],
      'proxies, credentials, approvals and debugging containers',
    ),
  ],
  admin: [kubernetesRule('everything', 'allow', ['*', 'bind', 'escalate'], ['*', '*/*'], null)],
}

/** Asked when a rule set asks and the file names nobody: no answer counts, so nothing runs. */
const nobody: ApproverGroup = { name: 'nobody', users: [], teams: [], count: 1, timeoutMs: 30 * 60_000 }
