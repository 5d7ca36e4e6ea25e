// Secrets and masked fields never reach the client, in any form the API has; and what they mask is never destroyed by a write.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import https from 'node:https'
import { after, before, describe, it } from 'node:test'
import type { MaskRule } from '../../../gateway/core/mask-rule.ts'
import { kindOf } from '../../../world/kubernetes/kinds.ts'
import { secret } from '../../wire/kubernetes/protobuf-writer.ts'
import { kubectls } from './kubectls.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway } from './kubernetes-gateway.ts'

const CANARY = 'hunter2-canary-value'
const ENCODED = Buffer.from(CANARY).toString('base64')
const rule = (name: string, more: Partial<MaskRule>): MaskRule => ({
  name,
  on: null,
  columns: [],
  patterns: [],
  fields: [],
  with: { kind: 'redact' },
  unless: [],
  inference: 'allow',
  ...more,
})
const masks = [
  rule('settings', { fields: [{ resource: 'configmaps', path: ['data', 'password'] }] }),
  rule('tokens', { fields: [{ resource: 'widgets.shop.example', path: ['spec', 'token'] }] }),
  rule('cards', { patterns: [{ kind: 'builtin', name: 'credit-card' }] }),
]

function secretFile(value: string): string {
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: own}\nstringData: {password: "${value}"}\n`
}

const encoded = (value: string): string => Buffer.from(value).toString('base64')

function assertHidden(text: string): void {
  assert.ok(!text.includes(CANARY) && !text.includes(ENCODED), text)
}

describe('masking of Kubernetes answers', () => {
  let gateway: KubernetesGateway
  before(async () => {
    gateway = await kubernetesGateway({ masks })
    const { world } = gateway
    const copy = {
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ kind: 'Secret', stringData: { password: CANARY } }),
    }
    world.put('Secret', {
      metadata: { name: 'db', namespace: 'shop', annotations: copy, labels: { app: 'db' } },
      stringData: { password: CANARY },
    })
    world.put('ConfigMap', {
      metadata: { name: 'settings', namespace: 'shop' },
      data: { password: CANARY, mode: 'fast', card: '4111111111111111' },
    })
    world.put('Widget', { metadata: { name: 'w', namespace: 'shop' }, spec: { token: CANARY, size: 3 } })
    world.put('Pod', { metadata: { name: 'web-0', namespace: 'shop' }, spec: { containers: [{ name: 'c', image: 'x' }] } })
    world.put('Deployment', {
      metadata: { name: 'odd', namespace: 'shop' },
      spec: { template: { kind: 'Secret', apiVersion: 'v1', data: { password: ENCODED } } },
    })
    world.logs = 'line one\npaid with 4111111111111111\n'
  })
  after(() => gateway.stop())

  const kubectlForms = [
    ['get', 'secret', 'db'],
    ['get', 'secrets', '-o', 'yaml'],
    ['get', 'secret', 'db', '-o', 'json', '--show-managed-fields'],
    ['get', 'secret', 'db', '-o', 'jsonpath={.data.password}'],
    ['get', 'secret', 'db', '-o', 'go-template={{.metadata.annotations}}'],
    ['get', 'secrets', '-o', 'wide', '--show-labels'],
    ['get', 'secrets', '-o', 'custom-columns=A:.data.password'],
    ['describe', 'secret', 'db'],
    ['get', 'configmap', 'settings', '-o', 'yaml'],
    ['describe', 'configmap', 'settings'],
    ['get', 'widgets'],
    ['get', 'widget', 'w', '-o', 'yaml'],
    ['get', 'deployment', 'odd', '-o', 'yaml'],
    ['label', 'secret', 'db', 'x=y', '--overwrite', '-o', 'yaml'],
    ['patch', 'secret', 'db', '-p', '{"metadata":{"labels":{"z":"1"}}}', '-o', 'yaml'],
    ['get', '--raw', '/api/v1/namespaces/shop/secrets/db'],
    ['get', '--raw', '/api/v1/secrets'],
    ['apply', 'view-last-applied', 'secret', 'db'],
  ]
  for (const form of kubectlForms) {
    it(`hides the value from kubectl ${form.join(' ')}`, async () => {
      const ran = await gateway.kubectl(['-n', 'shop', ...form])
      assert.equal(ran.status, 0, ran.stderr)
      assertHidden(ran.stdout + ran.stderr)
    })
  }

  const accepts = [
    'application/json',
    '*/*',
    '',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/vnd.kubernetes.protobuf,application/json',
    'application/cbor',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'text/html',
  ]
  for (const accept of accepts) {
    for (const target of [
      '/api/v1/namespaces/shop/secrets',
      '/api/v1/namespaces/shop/secrets/db?includeObject=Object',
      '/api/v1/secrets?includeObject=Object',
    ]) {
      it(`hides the value from ${target} asked for as ${accept || 'nothing'}`, async () => {
        const answered = await gateway.request('GET', target, { headers: { accept } })
        assert.equal(answered.status, 200)
        assertHidden(answered.text)
        JSON.parse(answered.text)
        assert.match(answered.headers['content-type'] ?? '', /^application\/json/)
      })
    }
  }

  it('leaves everything else as it is', async () => {
    const answered = await gateway.request('GET', '/api/v1/namespaces/shop/configmaps/settings')
    const { data, metadata } = JSON.parse(answered.text) as { data: Record<string, string>; metadata: { resourceVersion: string } }
    assert.deepEqual(data, { password: '[redacted]', mode: 'fast', card: '[redacted]' })
    assert.match(metadata.resourceVersion, /^\d+$/)
  })

  it('covers patterns in logs', async () => {
    const ran = await gateway.kubectl(['-n', 'shop', 'logs', 'web-0'])
    assert.equal(ran.stdout, 'line one\npaid with [redacted]\n')
  })

  it('hides values in watch events, as objects and as tables', async () => {
    for (const accept of ['application/json', 'application/json;as=Table;v=v1;g=meta.k8s.io']) {
      const request = https.request({
        host: '127.0.0.1',
        port: gateway.port,
        ca: gateway.authority,
        agent: false,
        path: '/api/v1/namespaces/shop/secrets?watch=1&includeObject=Object',
        headers: { authorization: `Bearer ${gateway.ticket}`, accept },
      })
      request.end()
      const [answer] = (await once(request, 'response')) as [NodeJS.ReadableStream & { destroy(): void }]
      let text = ''
      for await (const chunk of answer) {
        text += String(chunk)
        if (text.split('\n').length === 2)
          gateway.world.put('Secret', { metadata: { name: 'db', namespace: 'shop' }, stringData: { password: CANARY, more: accept } })
        if (text.split('\n').length >= 3) break
      }
      answer.destroy()
      assertHidden(text)
      const events = text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { type: string })
      assert.deepEqual(
        events.map(({ type }) => type),
        ['ADDED', 'MODIFIED'],
      )
    }
  })

  it('refuses to write back what it masked, and says why', async () => {
    for (const resource of ['secret/db', 'configmap/settings']) {
      const read = await gateway.kubectl(['-n', 'shop', 'get', resource, '-o', 'yaml'])
      const before = gateway.world.store.version
      for (const verb of [['apply'], ['replace'], ['apply', '--server-side', '--force-conflicts']]) {
        const input = verb.includes('--server-side')
          ? read.stdout.replaceAll(/^ {2}(?:uid|resourceVersion|creationTimestamp).*\n/gm, '')
          : read.stdout
        const ran = await gateway.kubectl(['-n', 'shop', ...verb, '-f', '-'], { input })
        assert.equal(ran.status, 1)
        assert.match(ran.stderr, /writing it back would destroy the real ones/)
      }
      assert.equal(gateway.world.store.version, before)
    }
  })

  it('lets kubectl apply a Secret from its own file, again and again', async () => {
    for (const value of ['first-value', 'second-value']) {
      const ran = await gateway.kubectl(['-n', 'shop', 'apply', '-f', '-'], { input: secretFile(value) })
      assert.equal(ran.status, 0, ran.stderr)
    }
    const [stored] = gateway.world.store
      .list({ group: '', version: 'v1', resource: 'secrets', isNamespaced: true } as never, 'shop')
      .filter(object => object.metadata.name === 'own')
    assert.deepEqual(stored?.['data'], { password: Buffer.from('second-value').toString('base64') })
    assert.ok(!gateway.recorded().includes('second-value'))
  })

  it('reads what clients send as protobuf: shown covered, stored as it is, refused with a mark in it', async () => {
    for (const { path: program, version } of kubectls()) {
      const name = `made-${version.replace('.', '-')}`
      const ran = await gateway.kubectl(
        ['-n', 'shop', 'create', 'secret', 'generic', name, '--from-literal=password=third-value', '-o', 'yaml'],
        { program },
      )
      assert.equal(ran.status, 0, ran.stderr)
      assert.ok(!ran.stdout.includes(Buffer.from('third-value').toString('base64')))
    }
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' }
    const body = secret({ name: 'proto', data: { password: Buffer.from('fourth-value') }, stringData: { user: 'fifth-value' } })
    assert.equal((await gateway.request('POST', '/api/v1/namespaces/shop/secrets', { headers, body })).status, 201)
    const stored = gateway.world.store.get(kindOf('', 'v1', 'secrets') as never, 'shop', 'proto')
    assert.deepEqual(stored?.['data'], { password: encoded('fourth-value'), user: encoded('fifth-value') })
    const command = gateway.recorder.of('command').find(({ text }) => text.includes('"proto"'))
    assert.match(command?.text ?? '', /"kind": "Secret"[^]*"password": "/)
    for (const value of ['third-value', 'fourth-value', 'fifth-value']) {
      assert.ok(!gateway.recorded().includes(value) && !gateway.recorded().includes(encoded(value)), value)
    }
    const marked = secret({ name: 'marked', data: { password: Buffer.from('[redacted]') }, stringData: {} })
    const refused = await gateway.request('POST', '/api/v1/namespaces/shop/secrets', { headers, body: marked })
    assert.equal(refused.status, 403)
    assert.match(refused.text, /writing it back would destroy the real ones/)
  })

  it('refuses a patch that would copy or probe a hidden value', async () => {
    const target = '/api/v1/namespaces/shop/secrets/db'
    const headers = { 'content-type': 'application/json-patch+json' }
    const probes = [
      [{ op: 'copy', from: '/data/password', path: '/metadata/annotations/x' }],
      [{ op: 'move', from: '/data', path: '/metadata/x' }],
      [{ op: 'copy', from: '', path: '/metadata/x' }],
      [{ op: 'test', path: '/data/password', value: ENCODED }],
      [{ op: 'copy', from: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration', path: '/metadata/labels/x' }],
      [{ op: 'move', from: '/metadata/annotations', path: '/metadata/labels' }],
      [{ op: 'test', path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration', value: '{}' }],
      [
        { op: 'add', path: '/metadata/labels/a', value: 'b' },
        { op: 'copy', from: '/data/pass~0word', path: '/x' },
      ],
    ]
    for (const probe of probes) {
      const before = gateway.world.seen.length
      const answered = await gateway.request('PATCH', target, { headers, body: JSON.stringify(probe) })
      assert.equal(answered.status, 403, answered.text)
      assert.equal(gateway.world.seen.length, before, 'the server saw nothing of it')
    }
    const harmless = await gateway.request('PATCH', target, {
      headers,
      body: JSON.stringify([{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]),
    })
    assert.equal(harmless.status, 200)
  })

  it('keeps every hidden value out of the recording', () => {
    assertHidden(gateway.recorded())
    assert.ok(gateway.recorder.of('mask').some(({ column }) => column === 'secrets:data'))
  })
})
