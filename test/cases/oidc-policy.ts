// The base row's `policy` as a real policy file: one group for each pinned claim, and one for all of them together.
// The group that a token misses is the reason why it opens nothing.
import { explainGroups } from '../../gateway/policy/groups.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'
import type { PolicyFile } from '../../gateway/policy/policy-file.ts'
import type { OidcRow } from './oidc-token.ts'

interface Pin {
  readonly name: string
  readonly when: string
  /** The word of the case file for a token that misses it. */
  readonly reason: (claims: Readonly<Record<string, unknown>>) => string
}

export interface Pins {
  readonly file: PolicyFile
  /** Words for each pin that the claims miss, in order; empty = the token is in the group that opens things. */
  misses(claims: Readonly<Record<string, unknown>>): readonly string[]
}

/** Reasons that say whose repository it is: they come before what the token says of itself. */
export const ownerReasons: ReadonlySet<string> = new Set(['repository_id_mismatch', 'owner_id_mismatch'])

export function pinsOf(base: OidcRow & { readonly policy: Readonly<Record<string, unknown>> }): Pins {
  const pins = pinList(base.policy, base.claims)
  const all = pins.map(pin => `(${pin.when})`).join(' && ')
  const groups = [...pins, { name: 'all', when: all }].map(
    ({ name, when }) => `  ${name}: { issuer: github, when: ${JSON.stringify(when)} }`,
  )
  const text = [
    'version: 1',
    'issuers:',
    `  github: { url: ${JSON.stringify(base.policy['issuer'])}, audience: ${JSON.stringify(base.policy['audience'])} }`,
    'groups:',
    ...groups,
    'connections:',
    '  db: { protocol: postgres, address: "127.0.0.1:5432", user: ci, credential: "env://DB_PASSWORD", groups: [all] }',
  ].join('\n')
  const file = parsePolicy(text, 'oidc-cases.yml')
  return {
    file,
    misses: claims => {
      const findings = explainGroups(file, 'github', claims)
      const missed = pins.filter(pin => findings.find(({ group }) => group.name === pin.name)?.matches !== true)
      const isIn = findings.find(({ group }) => group.name === 'all')?.matches === true
      if (isIn !== (missed.length === 0)) throw new Error('the group of all pins and the pins one by one disagree')
      return missed.map(pin => pin.reason(claims))
    },
  }
}

function pinList(policy: Readonly<Record<string, unknown>>, claims: Readonly<Record<string, unknown>>): readonly Pin[] {
  const list = (name: string): string => JSON.stringify(policy[name])
  const [subject = ''] = /^[^:]*:[^:]*:/.exec(String(claims['sub'])) ?? []
  return [
    // First, because events that run on the words of others open no group whose condition does not speak of the event.
    plain('event', `claims.event_name in ${list('events')}`, 'event_not_allowed'),
    plain('repository', `claims.repository_id == ${list('repository_id')}`, 'repository_id_mismatch'),
    plain('owner', `claims.repository_owner_id == ${list('repository_owner_id')}`, 'owner_id_mismatch'),
    plain('enterprise', `claims.enterprise_id == ${JSON.stringify(claims['enterprise_id'])}`, 'enterprise_mismatch'),
    plain('ref', `claims.ref in ${list('refs')}`, 'ref_mismatch'),
    plain('ref-type', `claims.ref_type == ${JSON.stringify(claims['ref_type'])}`, 'ref_type_mismatch'),
    plain('protected', `claims.ref_protected == ${JSON.stringify(String(policy['ref_protected']))}`, 'ref_not_protected'),
    plain('environment', `claims.environment == ${list('environment')}`, 'environment_mismatch'),
    plain('workflow', `claims.job_workflow_ref == ${list('job_workflow_ref')}`, 'job_workflow_ref_mismatch'),
    plain('workflow-sha', `claims.job_workflow_sha == "${'c'.repeat(40)}"`, 'job_workflow_sha_mismatch'),
    plain('runner', `claims.runner_environment == ${list('runner_environment')}`, 'runner_not_allowed'),
    {
      name: 'actor',
      when: `claims.actor_id in ${list('actors')}`,
      // The known name with another number is somebody else under a name that was free again.
      reason: found => (found['actor'] === claims['actor'] ? 'actor_mismatch' : 'actor_not_allowed'),
    },
    plain('subject', `claims.sub.startsWith(${JSON.stringify(subject)})`, 'sub_mismatch'),
  ]
}

function plain(name: string, when: string, reason: string): Pin {
  return { name, when, reason: () => reason }
}
