// Under a policy that allows everything and hides nothing, kubectl says the same through the gateway as without it.
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startMetrics } from '../../world/kubernetes/metrics-server.ts'
import type { MetricsServer } from '../../world/kubernetes/metrics-server.ts'
import { assertSame, sides } from './compare.ts'
import { makeReplicaSet, reportReady } from './controller.ts'
import { openStage } from './stage.ts'
import type { RealStage, RunOptions } from './stage.ts'

const manifest = (image: string, mode: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: NS, annotations: { kubernetes.io/change-cause: image ${image} } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: app, image: "${image}", ports: [{ containerPort: 80 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: NS }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: web, namespace: NS }
data: { mode: ${mode}, text: "line one\\nline two \\u00e4 \\u2713" }
---
apiVersion: v1
kind: Secret
metadata: { name: web, namespace: NS }
stringData: { password: hunter2, user: shop }
`

/** In order: later ones find what earlier ones made. A number is the exit status; `ready` acts as the controller that is not here. */
const script: readonly (readonly [readonly string[], number?, RunOptions?] | 'ready' | 'settled')[] = [
  [['apply', '-f', '-'], 0, { input: manifest('app:1', 'fast') }],
  [['apply', '-f', '-'], 0, { input: manifest('app:1', 'fast') }],
  'ready',
  [['-n', 'NS', 'rollout', 'status', 'deployment/web', '--timeout=20s']],
  [['diff', '-f', '-'], 1, { input: manifest('app:2', 'slow') }],
  [['apply', '-f', '-'], 0, { input: manifest('app:2', 'slow') }],
  'ready',
  [['-n', 'NS', 'rollout', 'history', 'deployment/web']],
  [['-n', 'NS', 'rollout', 'history', 'deployment/web', '--revision=1']],
  [['-n', 'NS', 'rollout', 'undo', 'deployment/web']],
  [['-n', 'NS', 'rollout', 'undo', 'deployment/web', '--to-revision=9'], 1],
  'settled',
  [['-n', 'NS', 'get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}']],
  [['-n', 'NS', 'rollout', 'restart', 'deployment/web']],
  [['-n', 'NS', 'rollout', 'pause', 'deployment/web']],
  [['-n', 'NS', 'rollout', 'pause', 'deployment/web'], 1],
  [['-n', 'NS', 'rollout', 'resume', 'deployment/web']],
  'settled',
  [['-n', 'NS', 'wait', '--for=condition=Available', 'deployment/web', '--timeout=20s']],
  [['-n', 'NS', 'wait', '--for=condition=Never', 'deployment/web', '--timeout=1s'], 1],
  ...[
    'json',
    'yaml',
    'wide',
    'name',
    'jsonpath={.items[*].metadata.name}',
    'go-template={{len .items}}',
    'custom-columns=N:.metadata.name',
  ].map((output): readonly [readonly string[]] => [
    ['-n', 'NS', 'get', 'deployments,replicasets,services,configmaps,secrets', '-o', output],
  ]),
  [['-n', 'NS', 'get', 'all']],
  [['-n', 'NS', 'get', 'all', '--show-labels']],
  [['-n', 'NS', 'get', 'configmaps', '--chunk-size=1']],
  [['-n', 'NS', 'get', 'secret', 'web', '-o', 'go-template={{.data.password | base64decode}}']],
  [['-n', 'NS', 'get', 'pods']],
  [['-n', 'NS', 'get', 'pod', 'missing'], 1],
  [['-n', 'NS', 'get', 'nonsense'], 1],
  [['-n', 'NS', 'describe', 'deployment', 'web']],
  [['-n', 'NS', 'describe', 'secret,configmap,service']],
  [['-n', 'NS', 'scale', 'deployment/web', '--replicas=3']],
  [['-n', 'NS', 'scale', 'deployment/web', '--replicas=1', '--current-replicas=9'], 1],
  [['-n', 'NS', 'set', 'image', 'deployment/web', 'app=app:3']],
  [['-n', 'NS', 'set', 'env', 'deployment/web', 'MODE=fast']],
  [['-n', 'NS', 'expose', 'deployment/web', '--name=web-2', '--port=81']],
  [['-n', 'NS', 'label', 'configmap', 'web', 'a=b']],
  [['-n', 'NS', 'label', 'configmap', 'web', 'a=c'], 1],
  [['-n', 'NS', 'annotate', 'configmap', 'web', 'a=b', '-o', 'yaml']],
  [['-n', 'NS', 'patch', 'configmap', 'web', '-p', '{"data":{"mode":"p1"}}', '-o', 'yaml']],
  [['-n', 'NS', 'patch', 'configmap', 'web', '--type=merge', '-p', '{"data":{"mode":null}}', '-o', 'json']],
  [['-n', 'NS', 'patch', 'configmap', 'web', '--type=json', '-p', '[{"op":"add","path":"/data/mode","value":"p3"}]']],
  [['-n', 'NS', 'patch', 'configmap', 'web', '--type=json', '-p', '[{"op":"test","path":"/data/mode","value":"no"}]'], 1],
  [['-n', 'NS', 'patch', 'configmap', 'web', '-p', '{"data":'], 1],
  [['-n', 'NS', 'edit', 'configmap', 'web'], 0, { env: { EDITOR: './editor' } }],
  [['-n', 'NS', 'edit', 'configmap', 'web'], 0, { env: { EDITOR: 'true' } }],
  [
    ['-n', 'NS', 'apply', '--server-side', '-f', '-'],
    0,
    { input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ss }\ndata: { a: b }\n' },
  ],
  [
    ['-n', 'NS', 'apply', '--server-side', '--field-manager=two', '-f', '-'],
    1,
    { input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ss }\ndata: { a: c }\n' },
  ],
  [['-n', 'NS', 'apply', '-f', '-'], 1, { input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: Bad_Name }\n' }],
  [['-n', 'NS', 'apply', '-f', '-'], 1, { input: 'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { container: [] }\n' }],
  [['-n', 'NS', 'create', 'configmap', 'made', '--from-literal=a=b']],
  [['-n', 'NS', 'create', 'configmap', 'made', '--from-literal=a=b'], 1],
  [['-n', 'NS', 'create', 'secret', 'generic', 'made', '--from-literal=a=b', '--dry-run=server', '-o', 'yaml']],
  [['-n', 'NS', 'create', 'role', 'reader', '--verb=get', '--resource=pods']],
  [['-n', 'NS', 'create', 'rolebinding', 'reader', '--role=reader', '--user=dev']],
  [['-n', 'NS', 'replace', '-f', '-'], 0, { input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: made }\ndata: { a: c }\n' }],
  [['-n', 'NS', 'auth', 'can-i', 'list', 'pods']],
  [['-n', 'NS', 'auth', 'can-i', '--list']],
  [['-n', 'NS', 'delete', 'configmap', 'made', '--wait=false']],
  [['-n', 'NS', 'delete', 'configmap', 'ss']],
  [['-n', 'NS', 'delete', 'configmap', 'ss'], 1],
  [['-n', 'NS', 'delete', 'services', '-l', 'app=none']],
  [['-n', 'NS', 'delete', '-f', '-', '--ignore-not-found'], 0, { input: manifest('app:1', 'fast') }],
  [['get', 'nodes', '-o', 'wide']],
  [['top', 'nodes']],
  [['top', 'node', 'world-node', '--no-headers']],
  [['-n', 'shop', 'top', 'pods']],
  [['-n', 'shop', 'top', 'pods', '--containers']],
  [['-n', 'NS', 'top', 'pods'], 1],
  [['api-resources', '--sort-by=name']],
  [['api-versions']],
  [['explain', 'deployment.spec.strategy']],
  [['explain', 'pods', '--recursive']],
  [['cluster-info']],
  [['version']],
  [['get', '--raw', '/healthz']],
  [['get', '--raw', '/readyz?verbose']],
  [['get', '--raw', '/nothing'], 1],
]

describe('kubectl with and without the gateway, against a real API server', () => {
  let stage: RealStage
  let metrics: MetricsServer
  before(async () => {
    stage = await openStage()
    await stage.pod('web')
    metrics = await startMetrics(stage.api, stage.node.name, ['web'])
    chmodSync(stage.write('editor', '#!/bin/sh\nsed -i "s/mode: .*/mode: edited/" "$1"\n'), 0o755)
  })
  after(async () => {
    await metrics.stop()
    await stage.stop()
  })

  for (const version of ['oldest', 'newest'] as const) {
    describe(`the ${version} kubectl`, () => {
      const program = (): string => stage.kubectls.at(version === 'oldest' ? 0 : -1) ?? ''
      before(async () => {
        for (const { namespace } of sides) {
          await stage.api.ask('POST', '/api/v1/namespaces', {
            apiVersion: 'v1',
            kind: 'Namespace',
            metadata: { name: `${namespace}-${version}` },
          })
        }
      })

      for (const [index, step] of script.entries()) {
        if (typeof step === 'string') {
          it(`goes on after the controller’s part (${step}, ${index})`, async () => {
            for (const { namespace } of sides) {
              if (step === 'ready') await makeReplicaSet(stage.api, `${namespace}-${version}`, 'web')
              await reportReady(stage.api, `${namespace}-${version}`, 'web')
            }
          })
          continue
        }
        const [args, status = 0, options = {}] = step
        it(`says the same: ${args.join(' ')} (${index})`, async () => {
          const own = (text: string): string => text.replaceAll('NS', `NS-${version}`)
          const input = options.input === undefined ? {} : { input: own(options.input) }
          await assertSame(stage, program(), args.map(own), { ...options, ...input, status })
        })
      }
    })
  }

  it('differs where a client asks to be somebody else: it stays the run, and is told', async () => {
    const direct = await stage.run(stage.kubectl, 'direct', ['auth', 'can-i', 'list', 'pods', '--as=dev'])
    assert.equal(direct.stdout, 'no\n')
    const through = await stage.run(stage.kubectl, 'open', ['auth', 'can-i', 'list', 'pods', '--as=dev'])
    assert.match(through.stderr, /sallyport: .*impersonation is not passed on/)
    assert.ok(!stage.api.audit().some(({ impersonatedUser, user }) => impersonatedUser !== undefined && user.username !== 'admin'))
  })

  it('left the same objects behind on both sides', async () => {
    for (const version of ['oldest', 'newest']) {
      const ran = await assertSame(stage, stage.kubectl, [
        '-n',
        `NS-${version}`,
        'get',
        'all,configmaps,secrets,roles,rolebindings',
        '-o',
        'name',
      ])
      assert.match(ran.stdout, /rolebinding/)
    }
  })

  it('names the programs that were compared', () => {
    assert.notEqual(path.basename(stage.kubectls[0] ?? ''), path.basename(stage.kubectl))
  })
})
