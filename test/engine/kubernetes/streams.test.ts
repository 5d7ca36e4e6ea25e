// exec by real kubectl: judged before anything is switched, masked across the pieces output comes in, recorded.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { smallKubelet } from '../../../world/kubernetes/kubelet.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway } from './kubernetes-gateway.ts'

describe('kubectl exec through the gateway', () => {
  let gateway: KubernetesGateway
  before(async () => {
    gateway = await kubernetesGateway({
      masks: [
        {
          name: 'cards',
          on: null,
          columns: [],
          patterns: [{ kind: 'builtin', name: 'credit-card' }],
          fields: [],
          with: { kind: 'redact' },
          unless: [],
          inference: 'allow',
        },
      ],
    })
    gateway.world.kubelet = smallKubelet(5)
    gateway.world.put('Pod', {
      metadata: { name: 'web-0', namespace: 'shop' },
      spec: { containers: [{ name: 'c', image: 'x' }] },
      status: { phase: 'Running' },
    })
  })
  beforeEach(() => {
    gateway.decide = () => 'allow'
    gateway.world.seen.length = 0
  })
  after(() => gateway.stop())

  it('covers a value that comes in pieces, and records what the client saw', async () => {
    const ran = await gateway.kubectl(['-n', 'shop', 'exec', 'web-0', '--', 'echo', 'card 4111111111111111 ok'])
    assert.equal(ran.stdout, 'card [redacted] ok\n', ran.stderr)
    assert.ok(!gateway.recorded().includes('4111111111111111'))
    assert.ok(gateway.recorder.of('rows').some(({ rows }) => rows[0]?.[1] === 'card [redacted] ok\n'))
  })

  it('carries standard input and the exit status', async () => {
    const echoed = await gateway.kubectl(['-n', 'shop', 'exec', '-i', 'web-0', '--', 'cat'], { input: 'one\ntwo\n' })
    assert.equal(echoed.stdout, 'one\ntwo\n', echoed.stderr)
    assert.equal((await gateway.kubectl(['-n', 'shop', 'exec', 'web-0', '--', 'false'])).status, 3)
  })

  it('judges the words of the command, and switches nothing when they are denied', async () => {
    const argvs: (readonly string[])[] = []
    gateway.decide = ({ resource, argv }) => {
      if (resource !== 'pods/exec') return 'allow'
      argvs.push(argv)
      return 'deny'
    }
    const ran = await gateway.kubectl(['-n', 'shop', 'exec', 'web-0', '--', 'echo', 'a b'])
    assert.equal(ran.status, 1)
    assert.match(ran.stderr, /sallyport: denied by rule no-writes/)
    assert.deepEqual(argvs[0], ['echo', 'a b'])
    assert.ok(!gateway.world.seen.some(({ target }) => target.includes('/exec')))
  })

  it('refuses a protocol whose output it cannot mask', async () => {
    const answered = await gateway.request('POST', '/api/v1/namespaces/shop/pods/web-0/exec?command=id&stdout=true', {
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
    })
    assert.equal(answered.status, 403)
    assert.match(answered.text, /output over SPDY cannot be masked/)
    assert.ok(!gateway.world.seen.some(({ target }) => target.includes('/exec')))
  })

  it('carries no other stream', async () => {
    for (const target of ['/api/v1/namespaces/shop/pods/web-0/proxy/x', '/api/v1/namespaces/shop/secrets?watch=1']) {
      const answered = await gateway.request('GET', target, { headers: { connection: 'Upgrade', upgrade: 'websocket' } })
      assert.equal(answered.status, 400, target)
    }
    assert.equal(gateway.world.seen.length, 0)
  })
})
