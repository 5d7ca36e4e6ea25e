// Who the API server takes a request for: the gateway's credential, or the workflow that the policy names; never who a client says it is.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, beforeEach, describe, it } from 'node:test'
import tls from 'node:tls'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway } from './kubernetes-gateway.ts'

const target = '/api/v1/namespaces/shop/configmaps/c'

/** Sends the very lines of a head, and gives back the answer's. */
async function sendHead(gateway: KubernetesGateway, lines: readonly string[]): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, ca: gateway.authority })
  await once(socket, 'secureConnect')
  socket.write([...lines, `Authorization: Bearer ${gateway.ticket}`, 'Host: x', '', ''].join('\r\n'))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

describe('who a request is taken for', () => {
  let gateway: KubernetesGateway
  before(async () => {
    gateway = await kubernetesGateway({ connection: { impersonate: { user: 'github:{run.repository}', groups: ['ci', 'ci:{run.id}'] } } })
    gateway.world.put('ConfigMap', { metadata: { name: 'c', namespace: 'shop' }, data: { a: '1' } })
  })
  beforeEach(() => {
    gateway.world.seen.length = 0
  })
  after(() => gateway.stop())

  it('is the workflow, in every request that reaches the cluster', async () => {
    const answered = await gateway.request('GET', target)
    assert.equal(answered.status, 200)
    await gateway.request('GET', '/api')
    await gateway.request('GET', '/api/v1/namespaces/shop/pods/p/exec?command=ls', {
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'v4.channel.k8s.io' },
    })
    assert.equal(gateway.world.seen.length, 3)
    for (const { headers } of gateway.world.seen) {
      assert.equal(headers['impersonate-user'], 'github:acme/shop')
      assert.match(String(headers['impersonate-group']), /^ci, ci:\S+$/)
    }
  })

  it('is nobody a client names, however it spells or repeats the name', async () => {
    const lines = [
      'Impersonate-User: system:admin',
      'IMPERSONATE-USER: root',
      'impersonate-group: system:masters',
      'Impersonate-Group: a',
      'Impersonate-Uid: 1',
      'Impersonate-Extra-Scopes: x',
      'Impersonate_User: root',
      'X-Remote-User: root',
      'X-Remote-Group: system:masters',
      'X-Remote-Extra-Scopes: x',
      'X_Remote_User: root',
      'X-Forwarded-User: root',
      'X-Auth-Request-User: root',
      'Authorization: Bearer other',
      'Proxy-Authorization: Basic eA==',
      'Cookie: a=b',
      'X-Http-Method-Override: DELETE',
      'X-Anything: x',
      'Kubectl-Command: kubectl get',
    ]
    const answer = await sendHead(gateway, [`GET ${target} HTTP/1.1`, 'Connection: close, kubectl-session', 'Kubectl-Session: s', ...lines])
    // Two Authorization headers: Node takes the first, which is not the ticket.
    assert.match(answer, /^HTTP\/1\.1 401/)
    assert.equal(gateway.world.seen.length, 0)
    const clean = lines.filter(line => !line.startsWith('Authorization'))
    assert.match(
      await sendHead(gateway, [`GET ${target} HTTP/1.1`, 'Connection: close, kubectl-session', 'Kubectl-Session: s', ...clean]),
      /^HTTP\/1\.1 200/,
    )
    const [seen] = gateway.world.seen
    assert.deepEqual(Object.keys(seen?.headers ?? {}).toSorted(), [
      'accept',
      'authorization',
      'connection',
      'host',
      'impersonate-group',
      'impersonate-user',
      'kubectl-command',
    ])
    assert.equal(seen?.headers['impersonate-user'], 'github:acme/shop')
    assert.equal(seen?.headers.authorization, `Bearer ${gateway.world.token}`)
  })

  it('is not hidden from a client that wanted to be somebody else', async () => {
    const ran = await gateway.kubectl(['-n', 'shop', 'get', 'configmap', 'c', '--as', 'system:admin', '--as-group', 'system:masters'])
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stderr, /Warning: sallyport: the request ran as this run, not as who it asked to be/)
    assert.ok(gateway.world.seen.every(({ headers }) => headers['impersonate-user'] === 'github:acme/shop'))
  })

  it('is nobody a client names behind a proxy either, where other headers are the application’s', async () => {
    const headers = {
      'x-remote-user': 'root',
      X_Remote_Group: 'system:masters',
      'impersonate-user': 'root',
      'x-forwarded-user': 'root',
      forwarded: 'for=10.0.0.1',
      cookie: 'a=b',
      'x-amzn-oidc-data': 'x',
      'x-request-id': '7',
      'x-csrf': 'y',
    }
    await gateway.request('GET', '/api/v1/namespaces/shop/services/s/proxy/x', { headers })
    const names = Object.keys(gateway.world.seen[0]?.headers ?? {})
    assert.deepEqual(
      names.filter(name => name.startsWith('x') || name.startsWith('f') || name === 'cookie'),
      ['x-request-id', 'x-csrf'],
    )
    assert.equal(gateway.world.seen[0]?.headers['impersonate-user'], 'github:acme/shop')
  })

  it('keeps bearer tokens in the protocols of a WebSocket out', async () => {
    const token = 'base64url.bearer.authorization.k8s.io.eA'
    const ask = (offered: string): Promise<{ status: number }> =>
      gateway.request('GET', '/api/v1/namespaces/shop/pods/p/exec?command=ls', {
        headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': offered },
      })
    assert.equal((await ask(token)).status, 400)
    assert.equal(gateway.world.seen.length, 0)
    await ask(`${token}, v4.channel.k8s.io, base64.channel.k8s.io`)
    assert.equal(gateway.world.seen[0]?.headers['sec-websocket-protocol'], 'v4.channel.k8s.io')
  })

  it('is nobody, and no session opens, when the token does not say what the policy asks for', async () => {
    await assert.rejects(kubernetesGateway({ connection: { impersonate: { user: '{claims.absent}', groups: [] } } }), {
      code: 'NOT_AUTHORISED',
    })
  })
})
