// Writes that wait for people: the dry run that they see, what runs after the answer, and what never does.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { approved, expired, rejected } from '../postgres/gateway-that.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway } from './kubernetes-gateway.ts'

const target = '/api/v1/namespaces/shop/configmaps/settings'
const merge = { headers: { 'content-type': 'application/merge-patch+json' }, body: '{"data":{"mode":"slow"}}' }
const isReal = ({ method, target: path }: { method: string; target: string }): boolean => method !== 'GET' && !path.includes('dryRun=All')

describe('held Kubernetes writes', () => {
  let gateway: KubernetesGateway
  beforeEach(async () => {
    gateway = await kubernetesGateway({ decide: ({ verb }) => (['get', 'list', 'watch'].includes(verb) ? 'allow' : 'ask') })
    gateway.world.put('ConfigMap', { metadata: { name: 'settings', namespace: 'shop' }, data: { mode: 'fast', other: 'same' } })
  })
  afterEach(() => gateway.stop())

  it('shows what would change, and runs the very bytes once they are approved', async () => {
    const answering = gateway.request('PATCH', target, merge)
    const { request, answer } = await gateway.people.request(1)
    assert.match(request.diff ?? '', /^-\s+"mode": "fast",$/m)
    assert.match(request.diff ?? '', /^\+\s+"mode": "slow",$/m)
    assert.doesNotMatch(request.diff ?? '', /^[-+].*other/m)
    assert.match(request.notes.join(), /dry run was accepted, resourceVersion \d+/)
    assert.match(request.flagged.text, /^PATCH \/api\/v1\/namespaces\/shop\/configmaps\/settings\n[\s\S]*"mode": "slow"/)
    assert.ok(!gateway.world.seen.some(isReal), 'nothing was changed yet')
    const recorded = gateway.recorder.of('rows').find(({ columns }) => columns[0] === 'what it would change')
    assert.deepEqual(recorded?.rows, [[request.diff ?? '']])
    answer(approved)
    const answered = await answering
    assert.equal(answered.status, 200)
    assert.match(String(answered.headers['warning']), /^299 - "sallyport: held by rule asks, approved as ABCD-2345 /)
    assert.deepEqual(
      gateway.world.seen.filter(isReal).map(({ body }) => body),
      [merge.body],
    )
    assert.match(gateway.people.reports.join(), /^200 OK/)
  })

  it('runs nothing after a refusal or when nobody answers, and tells the client who and why', async () => {
    for (const [verdict, words] of [
      [rejected, /rejected by @dana: not today/],
      [expired, /expired: nobody answered/],
    ] as const) {
      const answering = gateway.request('DELETE', target)
      const { request, answer } = await gateway.people.request(gateway.people.asked.length + 1)
      assert.match(request.diff ?? '', /^-.*"mode": "fast"/m)
      answer(verdict)
      const answered = await answering
      assert.equal(answered.status, 403)
      const status = JSON.parse(answered.text) as { kind: string; reason: string; message: string; details: Record<string, unknown> }
      assert.deepEqual([status.kind, status.reason], ['Status', 'Forbidden'])
      assert.match(status.message, words)
      assert.equal(status.details['rule'], 'asks')
    }
    assert.ok(!gateway.world.seen.some(isReal))
  })

  it('refuses when the object changed while people were thinking', async () => {
    const answering = gateway.request('PATCH', target, merge)
    const { answer } = await gateway.people.request(1)
    gateway.world.put('ConfigMap', { metadata: { name: 'settings', namespace: 'shop' }, data: { mode: 'other' } })
    answer(approved)
    const answered = await answering
    assert.equal(answered.status, 403)
    assert.match(answered.text, /changed while the request was held/)
    assert.ok(!gateway.world.seen.some(isReal))
    assert.ok(gateway.recorder.of('error').some(({ code, command }) => code === 'COMMAND_CANCELLED' && command !== null))
  })

  it('does not run when the client goes away', async () => {
    const answering = gateway.request('PATCH', target, merge).catch(() => null)
    const { signal } = await gateway.people.request(1)
    const gone = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    void gateway.stop().catch(() => undefined)
    await gone
    await answering
    assert.ok(!gateway.world.seen.some(isReal))
    gateway = await kubernetesGateway()
  })

  it('shows no value of a Secret to the approver', async () => {
    gateway.world.put('Secret', { metadata: { name: 'db', namespace: 'shop' }, stringData: { password: 'canary-old-value' } })
    const answering = gateway.request('PATCH', '/api/v1/namespaces/shop/secrets/db', {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ stringData: { password: 'canary-new-value' }, metadata: { labels: { a: 'b' } } }),
    })
    const { request, answer } = await gateway.people.request(1)
    const shown = JSON.stringify([request.diff, request.flagged, request.notes])
    for (const value of ['canary-old-value', 'canary-new-value']) {
      assert.ok(!shown.includes(value) && !shown.includes(Buffer.from(value).toString('base64')), shown)
    }
    assert.match(request.diff ?? '', /^\+.*"a": "b"/m)
    assert.match(request.diff ?? '', /^-.*"password": "\(up to 16 bytes\)"/m)
    assert.match(request.diff ?? '', /^\+.*"password": "\(up to 16 bytes, another value\)"/m)
    assert.ok(!gateway.recorded().includes('canary-'))
    answer(approved)
    assert.equal((await answering).status, 200)
  })

  it('tries nothing where another server answers, which may take a dry run for the write itself', async () => {
    const widget = { apiVersion: 'shop.example/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'shop' }, spec: { size: 3 } }
    for (const [spec, isTried] of [
      [{ service: { name: 'own', namespace: 'shop' } }, false],
      [{ group: 'shop.example' }, true],
    ] as const) {
      gateway.world.put('APIService', { metadata: { name: 'v1.shop.example' }, spec })
      const answering = gateway.request('POST', '/apis/shop.example/v1/namespaces/shop/widgets', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(widget),
      })
      const { request, answer } = await gateway.people.request(gateway.people.asked.length + 1)
      assert.equal(gateway.world.seen.filter(({ method }) => method === 'POST').length, isTried ? 1 : 0)
      assert.equal(request.diff !== null, isTried)
      if (!isTried) assert.match(request.notes.join(), /another server answers for shop\.example/)
      answer(rejected)
      assert.equal((await answering).status, 403)
    }
    assert.ok(!gateway.world.seen.some(isReal))
  })

  it('asks nobody for what cannot be shown', async () => {
    const body = Buffer.from('k8s\0 something that is no JSON')
    const answered = await gateway.request('PUT', target, { headers: { 'content-type': 'application/vnd.kubernetes.protobuf' }, body })
    assert.equal(answered.status, 403)
    assert.match(answered.text, /cannot be shown to an approver/)
    assert.equal(gateway.people.asked.length, 0)
    assert.ok(!gateway.world.seen.some(isReal))
  })

  it('keeps kubectl waiting and lets it finish', async () => {
    const running = gateway.kubectl(['-n', 'shop', 'delete', 'configmap', 'settings'])
    const { answer } = await gateway.people.request(1)
    answer(approved)
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /configmap "settings" deleted/)
    assert.match(ran.stderr, /sallyport: held by rule asks, approved as ABCD-2345/)
  })
})
