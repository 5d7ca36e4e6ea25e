// What kubectl, helm and every other Kubernetes client get: one kubeconfig with a context for each connection. It opens the gateway only.
import path from 'node:path'
import type { ClientFile } from './protocol.ts'

export interface KubernetesDoor {
  readonly protocol: 'kubernetes'
  readonly name: string
  readonly port: number
  readonly ticket: string
  /** PEM of the authority made for this run. */
  readonly authority: string
}

const HOST = '127.0.0.1'
const FILE = 'kubeconfig'

export function kubernetesUrl(door: KubernetesDoor): string {
  return `https://${HOST}:${door.port}`
}

export function kubernetesVariables(doors: readonly KubernetesDoor[], clientDir: string): Record<string, string> {
  return doors.length === 0 ? {} : { KUBECONFIG: path.join(clientDir, FILE) }
}

/** The first connection is the current context. JSON, which every reader of kubeconfigs takes: nothing in it needs quoting of another kind. */
export function kubernetesFiles(doors: readonly KubernetesDoor[]): readonly ClientFile[] {
  const [first] = doors
  if (first === undefined) return []
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': first.name,
    clusters: doors.map(door => ({
      name: door.name,
      cluster: { server: kubernetesUrl(door), 'certificate-authority-data': Buffer.from(door.authority).toString('base64') },
    })),
    users: doors.map(door => ({ name: door.name, user: { token: door.ticket } })),
    contexts: doors.map(door => ({ name: door.name, context: { cluster: door.name, user: door.name } })),
  }
  return [{ path: FILE, text: `${JSON.stringify(config, null, 2)}\n` }]
}
