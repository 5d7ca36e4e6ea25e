// Claims of a verified token -> groups of the policy. A token that lands in no group opens nothing.
import type { TrustedIssuer } from '../core/token.ts'
import { groupScope } from './condition-scope.ts'
import type { Group, PolicyFile } from './policy-file.ts'

/** Events that run with the repository's rights on somebody else's words: only a condition that speaks of the event lets them in. */
const borrowedEvents = new Set(['pull_request_target', 'workflow_run', 'issue_comment'])

/** The entry whose url is exactly the token's `iss`; null = its tokens do not count. */
export function issuerFor(file: PolicyFile, iss: string): TrustedIssuer | null {
  for (const issuer of file.issuers.values()) if (issuer.url === iss) return issuer
  return null
}

/**
 * Groups the claims land in. A condition that cannot be evaluated does not match.
 *
 * @param issuerName name in the policy of the issuer whose signature was verified.
 */
export function groupsOf(file: PolicyFile, issuerName: string, claims: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  return new Set(explainGroups(file, issuerName, claims).flatMap(finding => (finding.matches ? [finding.group.name] : [])))
}

export interface GroupFinding {
  readonly group: Group
  readonly matches: boolean
  /** Why not, in words; empty when it matches. */
  readonly reasons: readonly string[]
}

/** Every group with what keeps the claims out of it. */
export function explainGroups(file: PolicyFile, issuerName: string, claims: Readonly<Record<string, unknown>>): readonly GroupFinding[] {
  const scope = groupScope(issuerName, claims)
  const event = claims['event_name']
  const borrowed = typeof event === 'string' && borrowedEvents.has(event) ? event : null
  return [...file.groups.values()].map(group => {
    if (group.issuer !== issuerName) return { group, matches: false, reasons: [`it is for tokens of ${group.issuer}`] }
    if (borrowed !== null && !group.when.facts.claims.has('event_name')) {
      return {
        group,
        matches: false,
        reasons: [`${borrowed} runs on words of others: only a condition that names claims.event_name lets it in`],
      }
    }
    if (group.when.evaluate(scope) === true) return { group, matches: true, reasons: [] }
    return { group, matches: false, reasons: group.when.failing(scope).map(term => `not true: ${term}`) }
  })
}
