// Answers that a server packs: unpacked, covered and then shown; what cannot be unpacked shows nothing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway } from './kubernetes-gateway.ts'

const CANARY = 'hunter2-canary'
const path = '/api/v1/namespaces/shop/secrets'

describe('answers that are packed', () => {
  let gateway: KubernetesGateway
  let answer: { coding: string; body: Buffer; pieces: number }
  const server = http.createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': answer.coding })
    const size = Math.ceil(answer.body.length / answer.pieces)
    for (let at = 0; at < answer.body.length; at += size) response.write(answer.body.subarray(at, at + size))
    response.end()
  })
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    gateway = await kubernetesGateway({ plain: true, connection: { port: (server.address() as AddressInfo).port } })
  })
  after(async () => {
    await gateway.stop()
    server.closeAllConnections()
    server.close()
  })

  const secret = {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { name: 'db', namespace: 'shop' },
    data: { password: Buffer.from(CANARY).toString('base64') },
  }
  const packings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const
  for (const coding of ['gzip', 'deflate', 'br'] as const) {
    it(`are covered: ${coding}, one object and a list that is larger than what is looked at whole`, async () => {
      const long = { kind: 'SecretList', apiVersion: 'v1', metadata: {}, items: Array.from({ length: 3_000 }, () => secret) }
      for (const [target, object, count] of [
        [`${path}/db`, secret, 1],
        [path, long, 3_000],
      ] as const) {
        answer = { coding, body: packings[coding](JSON.stringify(object)), pieces: 3 }
        const { status, headers, text } = await gateway.request('GET', target)
        assert.equal(status, 200, text.slice(0, 300))
        assert.equal(headers['content-encoding'], undefined)
        assert.equal(text.includes(secret.data.password), false)
        assert.equal(text.split('"name":"db"').length - 1, count)
        assert.ok(JSON.parse(text))
      }
    })

    it(`show nothing when they are cut or damaged: ${coding}`, async () => {
      const whole = packings[coding](JSON.stringify(secret))
      const damaged = Buffer.from(whole)
      damaged.fill(0xff, whole.length >> 1)
      for (const body of [whole.subarray(0, whole.length >> 1), damaged, Buffer.from(JSON.stringify(secret))]) {
        answer = { coding, body, pieces: 1 }
        const { status, text } = await gateway.request('GET', `${path}/db`)
        assert.equal(status, 500, text)
        assert.equal(text.includes(secret.data.password), false)
      }
    })
  }

  it('are refused in a packing that is not known, or in two of them', async () => {
    for (const coding of ['zstd', 'gzip, gzip', 'x-gzip']) {
      answer = { coding, body: gzipSync(JSON.stringify(secret)), pieces: 1 }
      const { status, text } = await gateway.request('GET', `${path}/db`)
      assert.equal(status, 403, text)
      assert.match(text, /packed in a way that cannot be read here/)
    }
  })

  it('leave nothing of what they hid in the recording', () => {
    assert.equal(gateway.recorded().includes(secret.data.password), false)
    assert.equal(gateway.recorded().includes(CANARY), false)
  })
})
