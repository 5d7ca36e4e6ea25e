// Does the `kubernetes:` part of a rule take a request? An allow rule without `resources` never opens a way into a pod or node.
import type { KubernetesCommand } from '../core/command.ts'
import type { Glob } from './glob.ts'
import { argvMatches } from './match-ssh.ts'
import type { KubernetesPart, Outcome } from './policy-file.ts'

export type KubernetesMismatch = 'certainty' | 'verbs' | 'resources' | 'namespaces' | 'names' | 'dry-run' | 'commands'

/** A `get` on these is a command in effect (exec over WebSocket is a GET): allowed only by a pattern that names a subresource. */
const waysIn = new Set(['exec', 'attach', 'portforward', 'proxy', 'ephemeralcontainers', 'token'])

/** Resources without a namespace, for which an empty namespace does not mean all namespaces. */
const clusterWide = new Set([
  'nodes',
  'namespaces',
  'persistentvolumes',
  'componentstatuses',
  'apiservices.apiregistration.k8s.io',
  'certificatesigningrequests.certificates.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
  'ingressclasses.networking.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'priorityclasses.scheduling.k8s.io',
  'runtimeclasses.node.k8s.io',
  'storageclasses.storage.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'volumeattachments.storage.k8s.io',
])

/** What keeps the rule from taking a request, or null. */
export function kubernetesMatcher(part: KubernetesPart, outcome: Outcome): (command: KubernetesCommand) => KubernetesMismatch | null {
  const allows = outcome === 'allow'
  return command => {
    if (allows && command.certainty !== 'parsed') return 'certainty'
    if (part.verbs !== null && !part.verbs.includes(command.verb) && !part.verbs.includes('*')) return 'verbs'
    if (!resourceFits(part.resources, command.resource, allows)) return 'resources'
    if (
      part.namespaces !== null &&
      !part.namespaces.some(glob => glob.matches(command.namespace)) &&
      (allows || !meetsAllNamespaces(command))
    ) {
      return 'namespaces'
    }
    // A request without a name is for all of them: an allow rule for some names does not cover it, a deny rule meets it.
    const isNamed = command.name !== ''
    if (part.names !== null && !(isNamed || allows ? part.names.some(glob => glob.matches(command.name)) : true)) return 'names'
    if (part.dryRun !== null && part.dryRun !== command.dryRun) return 'dry-run'
    if (part.commands !== null && !part.commands.some(pattern => argvMatches(pattern, command.argv, allows))) return 'commands'
    return null
  }
}

function resourceFits(patterns: readonly Glob[] | null, resource: string, allows: boolean): boolean {
  const subresource = resource.includes('/') ? resource.slice(resource.lastIndexOf('/') + 1) : ''
  const needsNaming = allows && waysIn.has(subresource)
  if (patterns === null) return !needsNaming
  return patterns.some(pattern =>
    needsNaming && !pattern.source.includes('/') ? false : pattern.source === '*' || pattern.matches(resource),
  )
}

/** A list (watch, deletecollection) without a namespace goes over all of them, unless the resource has none. */
function meetsAllNamespaces(command: KubernetesCommand): boolean {
  return command.namespace === '' && command.name === '' && !clusterWide.has(command.resource.split('/')[0] ?? '')
}
