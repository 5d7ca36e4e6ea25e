// How the gateway proves itself to the API server: tokens, certificates, what `aws eks get-token` prints, renewed in time and after a refusal;
// and how the API server proves itself.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Lease } from '../../../gateway/core/credential.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { readApiCredential } from '../../../gateway/engine/kubernetes/credential.ts'
import { startKubelet } from '../../../world/kubernetes/kubelet.ts'
import { makeCertificates } from '../../../world/tls/certificates.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'

const target = '/api/v1/namespaces/shop/configmaps'

function lease(secret: string, more: Partial<Lease> = {}): Lease {
  return { username: null, kind: 'token', secret: new Secret(secret), certificate: null, expiresAt: null, receipt: 'exec://eks', ...more }
}

const execCredential = (status: Record<string, unknown>): string =>
  JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1', spec: {}, status })

describe('a credential for an API server', () => {
  const pair =
    '-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nQg==\n-----END EC PRIVATE KEY-----\n'

  it('is a token, a certificate with its key, or what a plugin prints', () => {
    assert.deepEqual(readApiCredential(' k8s-aws-v1.abc \n', null), { kind: 'token', token: 'k8s-aws-v1.abc' })
    assert.deepEqual(readApiCredential(execCredential({ token: 'abc' }), null), { kind: 'token', token: 'abc' })
    assert.deepEqual(readApiCredential(execCredential({ clientCertificateData: 'C', clientKeyData: 'K' }), null), {
      kind: 'certificate',
      certificate: 'C',
      key: 'K',
    })
    assert.deepEqual(readApiCredential('K', 'C'), { kind: 'certificate', certificate: 'C', key: 'K' })
    const read = readApiCredential(pair, null)
    assert.equal(read?.kind, 'certificate')
    assert.match(read?.kind === 'certificate' ? read.key : '', /^-----BEGIN EC PRIVATE KEY-----/)
  })

  it('is nothing else', () => {
    for (const text of [
      '',
      'two words',
      'a\nb',
      '{}',
      '{"status":{}}',
      execCredential({}),
      execCredential({ token: 'a b' }),
      pair.replaceAll('PRIVATE', 'PUBLIC'),
    ]) {
      assert.equal(readApiCredential(text, null), null, JSON.stringify(text))
    }
  })
})

describe('a credential that ends', () => {
  it('is fetched anew when it was refused; what changes nothing is sent again, what changes something is not', async () => {
    let current: Lease | null = null
    let fetched = 0
    const gateway = await kubernetesGateway({
      borrow: async (world, refused) => {
        if (current === null || refused === current) {
          fetched += 1
          current = lease(execCredential({ token: world.token }))
        }
        return current
      },
    })
    const statuses = async (...requests: readonly (readonly [string, string, string?])[]): Promise<number[]> => {
      const found: number[] = []
      for (const [method, path, body] of requests)
        found.push((await gateway.request(method, path, body === undefined ? {} : { body })).status)
      return found
    }
    assert.deepEqual(await statuses(['GET', target]), [200])
    gateway.world.token = 'the-next-one'
    assert.deepEqual(await statuses(['GET', target], ['GET', '/api']), [200, 200])
    assert.equal(fetched, 2)
    gateway.world.token = 'the-one-after'
    const body = JSON.stringify({ metadata: { name: 'c' }, data: {} })
    assert.deepEqual(await statuses(['POST', target, body], ['POST', target, body]), [500, 201])
    assert.equal(gateway.world.seen.filter(({ method }) => method === 'POST').length, 2, 'the refused one was not sent twice')
    assert.equal(fetched, 3)
    gateway.world.token = 'for-a-stream'
    const kubelet = startKubelet({ folder: '/' })
    gateway.world.kubelet = kubelet.handle
    gateway.world.put('Pod', {
      metadata: { name: 'p', namespace: 'shop' },
      spec: { containers: [{ name: 'c' }] },
      status: { phase: 'Running' },
    })
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-protocol': 'v5.channel.k8s.io',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'x',
    }
    const refused = await gateway.request('GET', '/api/v1/namespaces/shop/pods/p/exec?command=true', { headers: upgrade })
    assert.equal(refused.status, 500)
    assert.match(refused.text, /refused the credential/)
    assert.equal((await gateway.kubectl(['-n', 'shop', 'exec', 'p', '--', 'true'])).status, 0)
    kubelet.stop()
    await gateway.stop()
  })

  it('is told when the next one is refused too, and its text is not', async () => {
    const gateway = await kubernetesGateway({ borrow: async () => lease('not-this-one') })
    const answered = await gateway.request('GET', target)
    assert.equal(answered.status, 500)
    assert.match(answered.text, /refused the credential/)
    assert.ok(!(answered.text + gateway.recorded()).includes('not-this-one'))
    await gateway.stop()
  })
})

describe('a client certificate', () => {
  it('opens the API server, on every connection made with it; without it nothing opens', async () => {
    const mine = makeCertificates(['ci'])
    const gateway = await kubernetesGateway({
      clientCa: mine.ca,
      lease: () => lease(mine.certificate + mine.key, { kind: 'password' }),
    })
    assert.equal((await gateway.request('GET', target)).status, 200)
    assert.ok(gateway.world.seen.every(({ headers }) => headers.authorization === undefined))
    await gateway.stop()
    const other = makeCertificates(['ci'])
    const closed = await kubernetesGateway({ clientCa: mine.ca, lease: () => lease(other.certificate + other.key, { kind: 'password' }) })
    assert.match((await closed.request('GET', target)).text, /refused the credential/)
    await closed.stop()
  })
})

describe('an API server that cannot prove itself', () => {
  it('gets no credential and no request', async () => {
    const other = makeCertificates(['127.0.0.1'])
    for (const tls of [
      { mode: 'verify-full' as const, ca: other.ca },
      { mode: 'verify-full' as const, ca: null },
    ]) {
      const gateway = await kubernetesGateway({ connection: { tls } })
      for (const path of [target, '/api']) {
        const answered = await gateway.request('GET', path)
        assert.equal(answered.status, 500)
        assert.match(answered.text, /the certificate of prod \(127\.0\.0\.1:\d+\) is not trusted/)
      }
      assert.equal(gateway.world.seen.length, 0)
      await gateway.stop()
    }
  })

  it('is not taken for another name of the same authority', async () => {
    const gateway = await kubernetesGateway({ connection: { host: '127.0.0.2' } })
    const answered = await gateway.request('GET', target)
    assert.equal(answered.status, 500)
    assert.equal(gateway.world.seen.length, 0)
    await gateway.stop()
  })
})
