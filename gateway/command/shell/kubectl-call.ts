// kubectl: what it looks at, and what it runs in a pod. Which word is its verb is only known when every option before it is.
import { areKnown, doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'

const VALUED = new Set(['-n', '--namespace', '--context', '--cluster', '--request-timeout', '-v', '--v'])
const LOOKS = new Set(['get', 'describe', 'version', 'logs', 'top', 'api-resources', 'api-versions', 'explain', 'cluster-info'])
/** Another configuration names programs that are run for a login; others send what is secret elsewhere, or write. */
const HOSTILE =
  /^(?:-s(?!$).*|-s|--(?:kubeconfig|server|token|user|username|password|as|profile|cache-dir|output-directory|insecure|certificate|client-|tls|log|alsologtostderr|stderrthreshold|vmodule|kuberc|raw|template).*)$/

export function readKubectl(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('arguments of kubectl that are not known')
  let at = 0
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (!arg.startsWith('-')) break
    const [name = ''] = arg.split('=', 1)
    if (!VALUED.has(name) && !/^-n./.test(arg)) return doubt(`kubectl with ${name} before its verb`)
    if (arg === name && VALUED.has(name)) at += 1
  }
  const verb = args[at] ?? ''
  const rest = args.slice(at + 1)
  const end = rest.indexOf('--')
  const hostile = (end === -1 ? rest : rest.slice(0, end)).find(arg => HOSTILE.test(arg))
  if (hostile !== undefined) return doubt(`kubectl with ${hostile.split('=')[0] ?? ''}`)
  if (verb === 'exec') return end === -1 ? doubt('kubectl exec without --') : { kind: 'runs', argv: rest.slice(end + 1) }
  return LOOKS.has(verb) ? plain : doubt(`kubectl ${verb} changes or runs something`)
}
