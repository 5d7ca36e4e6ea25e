// What a policy file may say but hardly means: entries nobody uses, connections nobody can use, tokens of the whole world.
import type { Group, PolicyFile } from './policy-file.ts'
import { lineOf } from './problems.ts'
import type { Problems } from './problems.ts'
import type { Path } from './yaml-tree.ts'

/** Issuers that sign for everybody, and the claims that say for whom. Numeric ids first: names can be registered again. */
const publicIssuers: readonly { readonly host: string; readonly claims: readonly string[] }[] = [
  {
    host: 'token.actions.githubusercontent.com',
    claims: [
      'repository_id',
      'repository_owner_id',
      'enterprise_id',
      'repository',
      'repository_owner',
      'enterprise',
      'job_workflow_ref',
      'workflow_ref',
      'sub',
    ],
  },
  { host: 'gitlab.com', claims: ['project_id', 'namespace_id', 'project_path', 'namespace_path', 'sub'] },
  { host: 'agent.buildkite.com', claims: ['organization_id', 'organization_slug', 'sub'] },
]

/** One line per warning, each with its place. */
export function warnOf(file: PolicyFile, places: Problems): readonly string[] {
  const warnings: string[] = []
  const warn = (path: Path, text: string): void => {
    warnings.push(lineOf(file.name, { place: places.placeOf(path), text }))
  }
  for (const group of file.groups.values()) {
    if (isOpenToTheWorld(file, group))
      warn(['groups', group.name, 'when'], 'this issuer signs for everybody: compare an id of yours, such as claims.repository_id')
    if (![...file.connections.values()].some(entry => entry.connection.groups.includes(group.name))) {
      warn(['groups', group.name], `no connection lets group "${group.name}" in`)
    }
  }
  for (const [name, entry] of file.connections) {
    const isReachable =
      entry.default !== 'deny' || entry.use.length > 0 || file.rules.some(rule => rule.outcome !== 'deny' && (rule.on?.has(name) ?? true))
    if (!isReachable) warn(['connections', name], `no rule allows anything on "${name}", so every command is denied`)
  }
  for (const name of file.approvers.keys()) {
    const isAsked = [...file.rules, ...file.connections.values()].some(entry => entry.approvers?.name === name)
    if (!isAsked) warn(['approvers', name], `nothing asks "${name}"`)
  }
  return warnings
}

function isOpenToTheWorld(file: PolicyFile, group: Group): boolean {
  const url = file.issuers.get(group.issuer)?.url ?? ''
  const issuer = publicIssuers.find(entry => url.startsWith(`https://${entry.host}`))
  return issuer !== undefined && !issuer.claims.some(claim => group.when.facts.claims.has(claim))
}
