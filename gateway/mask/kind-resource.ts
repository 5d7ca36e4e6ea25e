// From the kind that an object names to the resource that rules name. No server is asked: kinds are put in the plural as English does.

/** Served a second time under the name of a group that has gone. */
const moved: ReadonlyMap<string, string> = new Map([
  ['daemonsets.extensions', 'daemonsets.apps'],
  ['deployments.extensions', 'deployments.apps'],
  ['replicasets.extensions', 'replicasets.apps'],
  ['ingresses.extensions', 'ingresses.networking.k8s.io'],
  ['networkpolicies.extensions', 'networkpolicies.networking.k8s.io'],
])

/** One name for what is stored once. */
export function storedResource(resource: string): string {
  return moved.get(resource) ?? resource
}

/** `configmaps` of a ConfigMap or a ConfigMapList, `deployments.apps` of a Deployment; null of what names no kind. */
export function resourceOfObject(object: Record<string, unknown>): string | null {
  if (typeof object['kind'] !== 'string' || object['kind'] === '') return null
  const isList = object['kind'].endsWith('List') && Array.isArray(object['items'])
  const kind = (isList ? object['kind'].slice(0, -'List'.length) : object['kind']).toLowerCase()
  const plural = /(?:s|x|ch|sh)$/.test(kind) ? `${kind}es` : /[^aeiou]y$/.test(kind) ? `${kind.slice(0, -1)}ies` : `${kind}s`
  const [group = '', version] = (typeof object['apiVersion'] === 'string' ? object['apiVersion'] : '').split('/')
  return storedResource(version === undefined ? plural : `${plural}.${group}`)
}

/** `ingress` of `ingresses.networking.k8s.io`: it is a part of the kind's name, in lower case, and holds no more than letters, digits and underscores. */
export function singularOf(resource: string): string {
  return (resource.split('.')[0] ?? '').replace(/(?:ies|es|s)$/, '').replaceAll(/\W/g, '')
}
