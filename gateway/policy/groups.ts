// Claims of a verified token -> groups of the policy. A token that lands in no group opens nothing.
import { groupScope } from './condition-scope.ts'
import type { Issuer, PolicyFile } from './policy-file.ts'

/** Events that run with the repository's rights on somebody else's words: only a condition that speaks of the event lets them in. */
const borrowedEvents = new Set(['pull_request_target', 'workflow_run', 'issue_comment'])

/** The entry whose url is exactly the token's `iss`; null = its tokens do not count. */
export function issuerFor(file: PolicyFile, iss: string): Issuer | null {
  for (const issuer of file.issuers.values()) if (issuer.url === iss) return issuer
  return null
}

/**
 * Groups the claims land in. A condition that cannot be evaluated does not match.
 *
 * @param issuerName name in the policy of the issuer whose signature was verified.
 */
export function groupsOf(file: PolicyFile, issuerName: string, claims: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const scope = groupScope(issuerName, claims)
  const event = claims['event_name']
  const isBorrowed = typeof event === 'string' && borrowedEvents.has(event)
  const groups = new Set<string>()
  for (const group of file.groups.values()) {
    if (group.issuer !== issuerName) continue
    if (isBorrowed && !group.when.facts.claims.has('event_name')) continue
    if (group.when.evaluate(scope) === true) groups.add(group.name)
  }
  return groups
}
