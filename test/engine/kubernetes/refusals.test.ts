// Who gets in, what never goes on, and how a refusal looks; each with proof that the server saw nothing of it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { Secret } from '../../../gateway/core/secret.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway } from './kubernetes-gateway.ts'

describe('the Kubernetes door', () => {
  let gateway: KubernetesGateway
  before(async () => {
    gateway = await kubernetesGateway()
    gateway.world.put('ConfigMap', { metadata: { name: 'c', namespace: 'shop' }, data: { a: '1' } })
  })
  beforeEach(() => {
    gateway.world.seen.length = 0
    gateway.decide = () => 'allow'
  })
  after(() => gateway.stop())

  it('opens to its ticket only', async () => {
    for (const ticket of ['', 'x', gateway.ticket.slice(0, -1), `${gateway.ticket}a`, gateway.world.token]) {
      const answered = await gateway.request('GET', '/api/v1/namespaces/shop/configmaps', { ticket })
      assert.equal(answered.status, 401)
      assert.equal((JSON.parse(answered.text) as { kind: string }).kind, 'Status')
      assert.ok(!answered.text.includes(gateway.world.token))
    }
    assert.equal(gateway.world.seen.length, 0)
  })

  it('passes on nothing by which a client says who it is', async () => {
    await gateway.request('GET', '/api/v1/namespaces/shop/configmaps/c', {
      headers: {
        'impersonate-user': 'system:admin',
        'Impersonate-Group': 'system:masters',
        'impersonate-extra-scopes': 'a',
        'x-remote-user': 'root',
        'x-forwarded-for': '10.0.0.1',
        cookie: 'a=b',
        'proxy-authorization': 'Basic eA==',
        'accept-encoding': 'gzip',
      },
    })
    const [seen] = gateway.world.seen
    assert.equal(seen?.headers.authorization, `Bearer ${gateway.world.token}`)
    const names = Object.keys(seen?.headers ?? {})
    assert.deepEqual(
      names.filter(name => /impersonate|x-remote|forwarded|cookie|proxy|encoding/.test(name)),
      [],
    )
    assert.ok(!JSON.stringify(seen).includes(gateway.ticket))
  })

  it('refuses paths that two readers could read differently, whatever the policy says', async () => {
    for (const target of [
      '/api/v1/namespaces/shop/%73ecrets/s',
      '/api/v1/namespaces/shop/secrets%2Fs',
      '/%61pi/v1/secrets',
      '//api/v1/secrets',
      '/api/v1/namespaces//secrets',
      '/api/v1/namespaces/shop/pods/../secrets/s',
      '/api/v1/namespaces/shop/./secrets',
      '/api/v1/secrets/',
      '/api/v1/secrets;x',
      '/api/v1/secrets?watch=1;limit=1',
      '/api/v1/secrets?watch=%zz',
      '/api/v1/watch',
    ]) {
      const answered = await gateway.request('GET', target)
      assert.equal(answered.status, 400, target)
      assert.match(answered.text, /request refused/)
    }
    assert.equal(gateway.world.seen.length, 0)
  })

  it('answers a denial with a Status that names the rule, and records it', async () => {
    gateway.decide = () => 'deny'
    const answered = await gateway.request('GET', '/api/v1/namespaces/shop/secrets/s')
    assert.equal(answered.status, 403)
    const status = JSON.parse(answered.text) as Record<string, unknown> & { details: Record<string, unknown> }
    assert.equal(status['message'], 'sallyport: denied by rule no-writes: Nothing is written here.')
    assert.equal(status['reason'], 'Forbidden')
    assert.deepEqual(
      [status.details['code'], status.details['rule'], status.details['connection'], status.details['command']],
      ['COMMAND_DENIED', 'no-writes', 'prod', 'GET /api/v1/namespaces/shop/secrets/s'],
    )
    assert.equal(gateway.world.seen.length, 0)
    assert.ok(gateway.recorder.of('decision').some(({ outcome }) => outcome === 'deny'))
  })

  it('lets discovery through under a policy that allows nothing, and nothing else', async () => {
    gateway.decide = () => 'deny'
    const ran = await gateway.kubectl(['api-resources'])
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /configmaps/)
    for (const [method, target] of [
      ['POST', '/api/v1'],
      ['GET', '/metrics'],
      ['GET', '/logs/'],
      ['GET', '/api/v1/namespaces'],
      ['DELETE', '/apis/apps'],
    ] as const) {
      assert.equal((await gateway.request(method, target)).status, 403, target)
    }
  })

  it('refuses a body that is too large or of a type nobody can read', async () => {
    const big = await gateway.request('POST', '/api/v1/namespaces/shop/configmaps', { body: Buffer.alloc(5 * 1024 * 1024, 0x20) })
    assert.equal(big.status, 400)
    const cbor = await gateway.request('POST', '/api/v1/namespaces/shop/configmaps', {
      headers: { 'content-type': 'application/cbor' },
      body: 'x',
    })
    assert.equal(cbor.status, 400)
    for (const [type, body, words] of [
      ['application/json', '{"data":{"a":"1"},"data":{"b":"2"}}', /names the key .* twice/],
      ['application/merge-patch+json', String.raw`{"data":{"a":1,"\u0061":2}}`, /names the key .* twice/],
    ] as const) {
      const answered = await gateway.request('POST', '/api/v1/namespaces/shop/configmaps', { headers: { 'content-type': type }, body })
      assert.equal(answered.status, 400, answered.text)
      assert.match(answered.text, words)
    }
    for (const headers of [{ 'content-encoding': 'gzip' }, { 'transfer-encoding': 'gzip, chunked' }]) {
      const answered = await gateway.request('POST', '/api/v1/namespaces/shop/configmaps', { headers })
      assert.equal(answered.status, 400, answered.text)
    }
    assert.equal(gateway.world.seen.length, 0)
  })

  it('gives a token to the client that a rule lets have one, and keeps it out of the recording', async () => {
    const answered = await gateway.request('POST', '/api/v1/namespaces/shop/serviceaccounts/ci/token', {
      body: '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","spec":{}}',
    })
    assert.equal(answered.status, 201)
    assert.ok(answered.text.includes(gateway.world.mintedToken))
    assert.ok(!gateway.recorded().includes(gateway.world.mintedToken))
    assert.ok(gateway.recorder.of('result').some(({ tag }) => tag === '201 Created'))
  })

  it('treats a deletion with options in its body as what the body says', async () => {
    const dryRuns: boolean[] = []
    gateway.decide = ({ dryRun }) => {
      dryRuns.push(dryRun)
      return 'deny'
    }
    const target = '/api/v1/namespaces/shop/configmaps/c'
    await gateway.request('DELETE', `${target}?dryRun=All`)
    await gateway.request('DELETE', `${target}?dryRun=All`, { body: '{"kind":"DeleteOptions"}' })
    await gateway.request('DELETE', target, { body: '{"dryRun":["All"]}' })
    await gateway.request('DELETE', `${target}?dryRun=`)
    assert.deepEqual(dryRuns, [true, false, true, false])
  })

  it('runs nothing when the recording cannot be written, and says so with 500', async () => {
    const failing = await kubernetesGateway()
    failing.recorder.failAt(({ kind }) => kind === 'command')
    const answered = await failing.request('GET', '/api/v1/namespaces/shop/configmaps')
    assert.equal(answered.status, 500)
    assert.equal((JSON.parse(answered.text) as { kind: string }).kind, 'Status')
    assert.equal(failing.world.seen.length, 0)
    await failing.stop()
  })

  it('says plainly that the cluster refused the credential, without its text', async () => {
    const odd = await kubernetesGateway({
      lease: () => ({
        username: null,
        kind: 'password',
        secret: new Secret('wrong'),
        certificate: null,
        expiresAt: null,
        receipt: 'env://X',
      }),
    })
    const refused = await odd.request('GET', '/api/v1/namespaces/shop/configmaps')
    assert.equal(refused.status, 500)
    assert.match(refused.text, /refused the credential/)
    assert.ok(!refused.text.includes('wrong"'))
    await odd.stop()
  })
})
