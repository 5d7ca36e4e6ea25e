// What the stand-in says about itself: version, groups, resources, and as much OpenAPI as kubectl asks before it applies.
import { apiVersionOf, kinds } from './kinds.ts'
import type { Kind } from './kinds.ts'

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** The answer to a discovery path; undefined when it is none. */
export function discover(path: string): unknown {
  if (path === '/version')
    return { major: '1', minor: '32', gitVersion: 'v1.32.4', gitCommit: '', gitTreeState: 'clean', platform: 'linux/amd64' }
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map(groupOf) }
  if (path === '/openapi/v3')
    return {
      paths: Object.fromEntries(versions().map(name => [pathOf(name), { serverRelativeURL: `/openapi/v3/${pathOf(name)}?hash=1` }])),
    }
  const schema = versions().find(name => path === `/openapi/v3/${pathOf(name)}`)
  if (schema !== undefined) return openApi(schema)
  const version = versions().find(name => path === `/${pathOf(name)}`)
  if (version !== undefined) return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version, resources: resourcesOf(version) }
  const group = groups().find(name => path === `/apis/${name}`)
  return group === undefined ? undefined : { apiVersion: 'v1', kind: 'APIGroup', ...groupOf(group) }
}

function versions(): readonly string[] {
  return [...new Set([...kinds.map(apiVersionOf), 'authorization.k8s.io/v1'])]
}

function groups(): readonly string[] {
  return [...new Set(versions().flatMap(name => (name.includes('/') ? [name.split('/')[0] ?? ''] : [])))]
}

function groupOf(name: string): object {
  const all = versions()
    .filter(version => version.startsWith(`${name}/`))
    .map(groupVersion => ({ groupVersion, version: groupVersion.split('/')[1] }))
  return { name, versions: all, preferredVersion: all[0] }
}

function pathOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`
}

function resourcesOf(version: string): readonly object[] {
  if (version === 'authorization.k8s.io/v1') {
    return [{ name: 'selfsubjectaccessreviews', singularName: '', namespaced: false, kind: 'SelfSubjectAccessReview', verbs: ['create'] }]
  }
  return kinds
    .filter(kind => apiVersionOf(kind) === version)
    .flatMap(({ resource, singular, isNamespaced: namespaced, kind, short, subresources }) => [
      {
        name: resource,
        singularName: singular,
        namespaced,
        kind,
        verbs: VERBS,
        shortNames: short,
        categories: resource === 'nodes' ? [] : ['all'],
      },
      ...subresources.map(name => ({
        name: `${resource}/${name}`,
        singularName: '',
        namespaced,
        kind,
        verbs: ['get', 'create', 'patch', 'update'],
      })),
    ])
}

function gvk({ group, version, kind }: Kind): object {
  return { group, version, kind }
}

/** kubectl looks for the parameter `fieldValidation` of a kind's patch; then it leaves validation to the server. */
function openApi(version: string): object {
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map(name => ({
    name,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  }))
  const mine = kinds.filter(kind => apiVersionOf(kind) === version)
  const path = (kind: Kind): string => `/${pathOf(version)}/${kind.isNamespaced ? 'namespaces/{namespace}/' : ''}${kind.resource}/{name}`
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.4' },
    paths: Object.fromEntries(
      mine.map(kind => [
        path(kind),
        { patch: { parameters, responses: {}, 'x-kubernetes-group-version-kind': gvk(kind), 'x-kubernetes-action': 'patch' } },
      ]),
    ),
    components: {
      schemas: Object.fromEntries(
        mine.map(kind => [
          `io.k8s.api.${kind.group === '' ? 'core' : kind.group}.${kind.version}.${kind.kind}`,
          { type: 'object', description: kind.kind, properties: {}, 'x-kubernetes-group-version-kind': [gvk(kind)] },
        ]),
      ),
    },
  }
}
