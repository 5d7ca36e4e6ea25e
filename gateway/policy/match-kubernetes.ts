// Does the `kubernetes:` part of a rule take a request? An allow rule without `resources` never opens a way into a pod or node.
import type { KubernetesCommand, KubernetesPower } from '../core/command.ts'
import type { Glob } from './glob.ts'
import { argvMatches } from './match-ssh.ts'
import type { ArgvPattern, KubernetesPart, Outcome } from './policy-file.ts'

export type KubernetesMismatch = 'certainty' | 'verbs' | 'resources' | 'namespaces' | 'names' | 'dry-run' | 'commands'

/** Ways into a pod or node, and credentials. A `get` may be a command (exec over WebSocket is one), so the verb says little. */
const waysIn: ReadonlySet<KubernetesPower> = new Set(['exec', 'attach', 'portforward', 'proxy', 'ephemeralcontainers', 'token', 'approve'])
/** Streams: GET over WebSocket, POST over SPDY. */
const streams: ReadonlySet<KubernetesPower> = new Set(['exec', 'attach', 'portforward'])
/** Verbs that a rule without `verbs`, or with `*`, does not mean. */
const ways = ['bind', 'escalate'] as const
/** What a rule without `verbs` allows. */
const ordinaryVerbs: readonly string[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'head', 'post', 'put', 'options']

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
    const way = command.powers.find(power => waysIn.has(power))
    if (!(allows ? verbAllowed(part.verbs, command) : verbMet(part.verbs, command))) return 'verbs'
    if (!resourceFits(part.resources, command, allows ? way : undefined)) return 'resources'
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
    const isListed = part.commands !== null && part.commands.some(pattern => isVector(pattern, command.argv))
    // What nobody understood is never allowed; a way in whose inside nobody knows is, where a rule names it as a whole or word for word.
    if (allows && command.certainty !== 'parsed') {
      const isWhole = command.certainty === 'partial' && way !== undefined && part.commands === null
      if (!isWhole && !(command.certainty === 'partial' && isListed)) return 'certainty'
    }
    if (part.commands !== null && !isListed && !commandsFit(part.commands, command, allows)) return 'commands'
    return null
  }
}

/** Allow: the verb is listed, and so is each way to more rights. */
function verbAllowed(verbs: readonly string[] | null, command: KubernetesCommand): boolean {
  const listed = verbs ?? ordinaryVerbs
  const isListed = listed.includes('*') || verbsOf(command).some(verb => listed.includes(verb))
  return isListed && ways.every(way => !command.powers.includes(way) || listed.includes(way))
}

/** Ask and deny: one of them is enough; `delete` meets the deletion of all, `list` the watch that begins with a list. */
function verbMet(verbs: readonly string[] | null, command: KubernetesCommand): boolean {
  if (verbs === null || verbs.includes('*')) return true
  const { verb, powers } = command
  const met = [...verbsOf(command), ...powers, ...(verb === 'deletecollection' ? ['delete'] : verb === 'watch' ? ['list'] : [])]
  return met.some(name => verbs.includes(name))
}

/** A stream is the same whichever protocol the client speaks. */
function verbsOf({ verb, powers }: KubernetesCommand): readonly string[] {
  return powers.some(power => streams.has(power)) && (verb === 'get' || verb === 'create') ? ['get', 'create'] : [verb]
}

/** @param way set when an allow rule must name it. */
function resourceFits(patterns: readonly Glob[] | null, { resource }: KubernetesCommand, way: KubernetesPower | undefined): boolean {
  if (way === undefined) return patterns === null || patterns.some(pattern => pattern.source === '*' || pattern.matches(resource))
  return patterns?.some(pattern => pattern.matches(resource) && namesWay(pattern.source, resource)) ?? false
}

// `pods/exec` and `*/exec` name it, `pods/*` and `*` do not; a node's proxy is the kubelet of all its pods, and is named in full.
function namesWay(pattern: string, resource: string): boolean {
  if (pattern === '*/*') return true
  const [, ...sub] = resource.split('/')
  return resource.startsWith('nodes/') ? pattern === resource : pattern.endsWith(`/${sub.join('/')}`)
}

/** The very words, without anything left open. */
function isVector({ words, isOpen }: ArgvPattern, argv: readonly string[]): boolean {
  return !isOpen && words.length === argv.length && words.every(({ source }, index) => source === argv[index] && !/[*?]/.test(source))
}

function commandsFit(patterns: readonly ArgvPattern[], { argv, argvs }: KubernetesCommand, allows: boolean): boolean {
  const isMatched = (words: readonly string[]): boolean => patterns.some(pattern => argvMatches(pattern, words, allows))
  return allows ? argvs.length > 0 && argvs.every(isMatched) : isMatched(argv) || argvs.some(isMatched)
}

/** A list (watch, deletecollection) without a namespace goes over all of them, unless the resource has none. */
function meetsAllNamespaces(command: KubernetesCommand): boolean {
  return command.namespace === '' && command.name === '' && !clusterWide.has(command.resource.split('/')[0] ?? '')
}
