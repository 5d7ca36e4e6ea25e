// What the controllers would do for a deployment, by hand: a ReplicaSet for its template, and the status of a finished rollout.
import type { ApiServer } from '../../world/kubernetes/api-server.ts'

interface Deployment {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly generation: number
    readonly annotations?: Record<string, string>
  }
  readonly spec: {
    readonly replicas: number
    readonly selector: { readonly matchLabels: Record<string, string> }
    readonly template: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: object }
  }
}

const MERGE = 'application/merge-patch+json'
const REVISION = 'deployment.kubernetes.io/revision'

/** The next revision, with a ReplicaSet of the template as it is now. */
export async function makeReplicaSet(api: ApiServer, namespace: string, name: string): Promise<void> {
  const at = `/apis/apps/v1/namespaces/${namespace}`
  const deployment = (await api.ask('GET', `${at}/deployments/${name}`)) as Deployment
  const revision = String(Number(deployment.metadata.annotations?.[REVISION] ?? 0) + 1)
  const { selector, template } = deployment.spec
  const labels = { ...template.metadata.labels, 'pod-template-hash': `r${revision}` }
  await api.ask('POST', `${at}/replicasets`, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-r${revision}`,
      labels,
      annotations: { [REVISION]: revision },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid: deployment.metadata.uid, controller: true }],
    },
    spec: {
      replicas: 0,
      selector: { matchLabels: { ...selector.matchLabels, 'pod-template-hash': `r${revision}` } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  })
  await api.ask('PATCH', `${at}/deployments/${name}`, { metadata: { annotations: { [REVISION]: revision } } }, MERGE)
}

/** All replicas are there, and available. */
export async function reportReady(api: ApiServer, namespace: string, name: string): Promise<void> {
  const at = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`
  const { metadata, spec } = (await api.ask('GET', at)) as Deployment
  const { replicas } = spec
  const status = {
    observedGeneration: metadata.generation,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
    conditions: [
      { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
      { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
    ],
  }
  await api.ask('PATCH', `${at}/status`, { status }, MERGE)
}
