// What a request can do beside what its verb says: ways into pods and nodes, credentials, and ways to more rights. RBAC has words of its
// own for the last (bind, escalate); the API server asks for them in addition to the verb, and so do rules here.
import type { KubernetesPower } from '../../core/command.ts'
import type { RequestInfo } from './request-info.ts'

const bySubresource: ReadonlyMap<string, KubernetesPower> = new Map([
  ['exec', 'exec'],
  ['attach', 'attach'],
  ['portforward', 'portforward'],
  ['proxy', 'proxy'],
  ['ephemeralcontainers', 'ephemeralcontainers'],
  ['token', 'token'],
])
const changes = new Set(['create', 'update', 'patch'])
/** OpenShift serves the same kinds a second time, under a group of its own. */
const rightsGroups = new Set(['rbac.authorization.k8s.io', 'authorization.openshift.io'])
const signing = new Set(['approval', 'status'])

export function powersOf(info: RequestInfo): readonly KubernetesPower[] {
  if (info.kind === 'non-resource') return []
  const { verb, group, resource, subresource } = info
  if (verb === 'proxy') return ['proxy']
  const way = bySubresource.get(subresource)
  if (way !== undefined) return [way]
  if (!changes.has(verb)) return []
  // The issued certificate stands in the status.
  if (group === 'certificates.k8s.io' && resource === 'certificatesigningrequests' && signing.has(subresource)) return ['approve']
  if (!rightsGroups.has(group)) return []
  if (resource === 'rolebindings' || resource === 'clusterrolebindings') return ['bind']
  return resource === 'roles' || resource === 'clusterroles' ? ['escalate'] : []
}
