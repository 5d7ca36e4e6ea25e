// The kinds that the stand-in API server knows, as discovery lists them and as its tables print them.

export interface Kind {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly resource: string
  readonly singular: string
  readonly short: readonly string[]
  readonly isNamespaced: boolean
  readonly subresources: readonly string[]
  /** Columns of its table behind the name; each reads the object. */
  readonly columns: readonly { readonly name: string; readonly read: (object: ApiObject) => string | number }[]
}

export interface ApiObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    generation?: number
    creationTimestamp?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    managedFields?: unknown[]
    [more: string]: unknown
  }
  [more: string]: unknown
}

const size = (value: unknown): number => (typeof value === 'object' && value !== null ? Object.keys(value).length : 0)
const at = (object: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined),
    object,
  )
const shown = (value: unknown, otherwise = ''): string =>
  value === undefined || value === null ? otherwise : JSON.stringify(value).replaceAll('"', '')

function kind(
  apiVersion: string,
  name: string,
  resource: string,
  more: Partial<Pick<Kind, 'short' | 'isNamespaced' | 'subresources' | 'columns'>> = {},
): Kind {
  const [version = '', group = ''] = apiVersion.split('/').toReversed()
  return {
    group,
    version,
    kind: name,
    resource,
    singular: name.toLowerCase(),
    short: [],
    isNamespaced: true,
    subresources: [],
    columns: [],
    ...more,
  }
}

export const kinds: readonly Kind[] = [
  kind('v1', 'ConfigMap', 'configmaps', {
    short: ['cm'],
    columns: [{ name: 'Data', read: object => size(object['data']) + size(object['binaryData']) }],
  }),
  kind('v1', 'Secret', 'secrets', {
    columns: [
      { name: 'Type', read: object => shown(object['type'], 'Opaque') },
      { name: 'Data', read: object => size(object['data']) },
    ],
  }),
  kind('v1', 'Namespace', 'namespaces', {
    short: ['ns'],
    isNamespaced: false,
    subresources: ['status', 'finalize'],
    columns: [{ name: 'Status', read: () => 'Active' }],
  }),
  kind('v1', 'Pod', 'pods', {
    short: ['po'],
    subresources: ['status', 'log', 'exec', 'attach', 'portforward', 'eviction', 'ephemeralcontainers'],
    columns: [
      { name: 'Ready', read: () => '1/1' },
      { name: 'Status', read: object => shown(at(object, 'status', 'phase'), 'Running') },
      { name: 'Restarts', read: () => 0 },
    ],
  }),
  kind('v1', 'Service', 'services', {
    short: ['svc'],
    columns: [{ name: 'Type', read: object => shown(at(object, 'spec', 'type'), 'ClusterIP') }],
  }),
  kind('v1', 'ServiceAccount', 'serviceaccounts', {
    short: ['sa'],
    subresources: ['token'],
    columns: [{ name: 'Secrets', read: () => 0 }],
  }),
  kind('v1', 'Event', 'events', { short: ['ev'] }),
  kind('v1', 'Node', 'nodes', { short: ['no'], isNamespaced: false, subresources: ['status', 'proxy'] }),
  kind('apps/v1', 'Deployment', 'deployments', {
    short: ['deploy'],
    subresources: ['status', 'scale'],
    columns: [
      {
        name: 'Ready',
        read: object => `${shown(at(object, 'status', 'readyReplicas'), '0')}/${shown(at(object, 'spec', 'replicas'), '1')}`,
      },
      { name: 'Up-to-date', read: object => Number(at(object, 'status', 'updatedReplicas') ?? 0) },
      { name: 'Available', read: object => Number(at(object, 'status', 'availableReplicas') ?? 0) },
    ],
  }),
  kind('apps/v1', 'ReplicaSet', 'replicasets', { short: ['rs'], subresources: ['status', 'scale'] }),
  kind('batch/v1', 'Job', 'jobs', { subresources: ['status'] }),
  // Which groups another server answers for.
  kind('apiregistration.k8s.io/v1', 'APIService', 'apiservices', { isNamespaced: false }),
  // A custom resource that prints one of its fields, as custom resources may.
  kind('shop.example/v1', 'Widget', 'widgets', { columns: [{ name: 'Token', read: object => shown(at(object, 'spec', 'token')) }] }),
]

export function kindOf(group: string, version: string, resource: string): Kind | undefined {
  return kinds.find(known => known.group === group && known.version === version && known.resource === resource)
}

export function apiVersionOf({ group, version }: Kind): string {
  return group === '' ? version : `${group}/${version}`
}
