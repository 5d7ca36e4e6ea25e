// A metrics API behind the API server's aggregator, for `kubectl top`: two kinds, fixed figures.
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { makeCertificates } from '../tls/certificates.ts'
import type { ApiServer } from './api-server.ts'

const GROUP = 'metrics.k8s.io'

export interface MetricsServer {
  stop(): Promise<void>
}

/** Registers itself, and resolves when the API server finds it. @param pods names in namespace shop. */
export async function startMetrics(api: ApiServer, node: string, pods: readonly string[]): Promise<MetricsServer> {
  const { certificate, key } = makeCertificates(['localhost'])
  const when = { timestamp: '2026-01-01T00:00:00Z', window: '30s' }
  const head = { apiVersion: `${GROUP}/v1beta1` }
  const podMetrics = pods.map(name => ({
    ...head,
    kind: 'PodMetrics',
    metadata: { name, namespace: 'shop', labels: { app: name } },
    ...when,
    containers: [{ name: 'app', usage: { cpu: '12m', memory: '34Mi' } }],
  }))
  const nodeMetrics = [{ ...head, kind: 'NodeMetrics', metadata: { name: node }, ...when, usage: { cpu: '250m', memory: '1024Mi' } }]
  const verbs = ['get', 'list']
  const base = `/apis/${GROUP}/v1beta1`
  const answers: Readonly<Record<string, unknown>> = {
    [base]: {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: `${GROUP}/v1beta1`,
      resources: [
        { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs },
        { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs },
      ],
    },
    [`${base}/nodes`]: { ...head, kind: 'NodeMetricsList', metadata: {}, items: nodeMetrics },
    [`${base}/nodes/${node}`]: nodeMetrics[0],
    [`${base}/pods`]: { ...head, kind: 'PodMetricsList', metadata: {}, items: podMetrics },
    [`${base}/namespaces/shop/pods`]: { ...head, kind: 'PodMetricsList', metadata: {}, items: podMetrics },
  }
  const server = https.createServer({ cert: certificate, key }, (request, response) => {
    const answer = answers[(request.url ?? '').split('?')[0] ?? '']
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? {}))
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await api.ask('POST', '/api/v1/namespaces/kube-system/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'metrics' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  })
  await api.ask('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1beta1.${GROUP}` },
    spec: {
      service: { name: 'metrics', namespace: 'kube-system', port },
      group: GROUP,
      version: 'v1beta1',
      insecureSkipTLSVerify: true,
      groupPriorityMinimum: 100,
      versionPriority: 100,
    },
  })
  await untilFound(api)
  return {
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function untilFound(api: ApiServer): Promise<void> {
  const untilMs = performance.now() + 60_000
  for (;;) {
    const groups = (await api.ask('GET', '/apis')) as { groups: { name: string }[] }
    const isListed = groups.groups.some(({ name }) => name === GROUP)
    if (
      isListed &&
      (await api.ask('GET', `/apis/${GROUP}/v1beta1/nodes`).then(
        () => true,
        () => false,
      ))
    )
      return
    if (performance.now() > untilMs) throw new Error('the API server does not find the metrics')
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}
