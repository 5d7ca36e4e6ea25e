// The client that adapters use: where it may go, how long it waits, what it tries again, and through which proxy.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { proxyFor } from '../../../gateway/adapter/https/proxy-choice.ts'
import type { Clock } from '../../../gateway/core/clock.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import { HttpFailure } from '../../../gateway/core/http.ts'
import type { HttpAnswer, HttpRequest } from '../../../gateway/core/http.ts'
import { makeCertificates } from '../../../world/tls/certificates.ts'
import type { Certificates } from '../../../world/tls/certificates.ts'

const signal = new AbortController().signal
const base: HttpRequest = { method: 'GET', url: '', headers: {}, body: null, maxBytes: 1_000, timeoutMs: 5_000, attempts: 1, ca: null }

/** Notes the pauses and does not wait. */
function notingClock(pauses: number[]): Clock {
  return {
    ...systemClock,
    sleep: async waitMs => {
      pauses.push(waitMs)
    },
  }
}

const ask = (changes: Partial<HttpRequest>, environment: Record<string, string> = {}, clock = systemClock): Promise<HttpAnswer> =>
  createHttp(environment, clock)({ ...base, ...changes }, signal)
const choose = (url: string, environment: Record<string, string>): string | null => proxyFor(new URL(url), environment)?.host ?? null
const through = (no: string, url = 'https://vault.corp.example/'): boolean => choose(url, { HTTPS_PROXY: 'p:1', NO_PROXY: no }) !== null

const failsAs =
  (kind: HttpFailure['kind']) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof HttpFailure, String(error))
    assert.equal(error.kind, kind, error.message)
    return true
  }

describe('https client', () => {
  let certificates: Certificates
  let plain: http.Server
  let secure: https.Server
  let proxy: http.Server
  const requests: string[] = []
  const tunnels: { readonly to: string; readonly login: string }[] = []
  let statuses: number[] = []
  let retryAfter = ''

  const answer: http.RequestListener = (request, response) => {
    requests.push(`${String(request.method)} ${String(request.url)}`)
    if (request.url === '/silent') return
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': '100' }).write('x')
      setImmediate(() => request.socket.destroy())
      return
    }
    if (request.url === '/long') {
      response.end('x'.repeat(1_001))
      return
    }
    const status = request.url === '/redirect' ? 302 : (statuses.shift() ?? 200)
    response.writeHead(status, { location: 'http://127.0.0.1:1/', ...(retryAfter === '' ? {} : { 'retry-after': retryAfter }) })
    request.pipe(response)
  }

  before(async () => {
    certificates = makeCertificates(['vault.internal', '127.0.0.1'])
    plain = http.createServer(answer).listen(0, '127.0.0.1')
    secure = https.createServer({ cert: certificates.certificate, key: certificates.key }, answer).listen(0, '127.0.0.1')
    proxy = http.createServer((_, response) => response.writeHead(400).end()).listen(0, '127.0.0.1')
    proxy.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      tunnels.push({ to: request.url ?? '', login: request.headers['proxy-authorization'] ?? '' })
      if (request.url?.startsWith('refused.internal') === true) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
        return
      }
      const target = net.connect(portOf(secure), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        target.pipe(socket).pipe(target)
      })
      target.on('error', () => socket.destroy())
      socket.on('error', () => target.destroy())
    })
    await Promise.all([plain, secure, proxy].map(server => once(server, 'listening')))
  })
  after(() => {
    for (const server of [plain, secure, proxy]) {
      server.close()
      server.closeAllConnections()
    }
  })

  const local = (path: string): string => `http://127.0.0.1:${String(portOf(plain))}${path}`

  it('sends and receives, and takes a redirect for an answer', async () => {
    const answer = await ask({ method: 'POST', url: local('/echo'), body: '{"a":"ä"}' })
    assert.deepEqual([answer.status, answer.body.toString()], [200, '{"a":"ä"}'])
    const before = requests.length
    assert.equal((await ask({ url: local('/redirect'), attempts: 3 })).status, 302)
    assert.equal(requests.length - before, 1)
  })

  it('speaks plain http to loopback only, and never with a password in the URL', async () => {
    for (const url of [
      'http://example.com/',
      'http://127.0.0.1.example.com/',
      'ftp://127.0.0.1/',
      'https://user:pw@vault.internal/',
      'nonsense',
    ]) {
      await assert.rejects(ask({ url }), failsAs('not_allowed'), url)
    }
  })

  it('trusts the given authority and no other, for the right name', async () => {
    const url = `https://127.0.0.1:${String(portOf(secure))}/x`
    await assert.rejects(ask({ url, attempts: 3 }), failsAs('untrusted'))
    assert.equal((await ask({ url, ca: certificates.ca })).status, 200)
    const other = makeCertificates(['127.0.0.1'])
    await assert.rejects(ask({ url, ca: other.ca }), failsAs('untrusted'))
    await assert.rejects(ask({ url: `https://localhost:${String(portOf(secure))}/x`, ca: certificates.ca }), failsAs('untrusted'))
  })

  it('bounds the answer and the time', async () => {
    await assert.rejects(ask({ url: local('/long') }), failsAs('too_large'))
    await assert.rejects(ask({ url: local('/silent'), timeoutMs: 80 }), failsAs('timeout'))
    await assert.rejects(ask({ url: local('/cut') }), failsAs('network'))
    await assert.rejects(ask({ url: 'http://127.0.0.1:1/' }), failsAs('network'))
  })

  it('tries again what may pass, waits as long as it is told, and gives up', async () => {
    const pauses: number[] = []
    retryAfter = '2'
    statuses = [503, 429, 200]
    assert.equal((await ask({ url: local('/'), attempts: 3 }, {}, notingClock(pauses))).status, 200)
    assert.equal(pauses.length, 2)
    for (const pause of pauses) assert.ok(pause >= 1_500 && pause <= 2_500, String(pause))
    retryAfter = ''
    statuses = [500, 500, 500, 500]
    assert.equal((await ask({ url: local('/'), attempts: 3 }, {}, notingClock(pauses))).status, 500)
    statuses = [403, 200]
    assert.equal((await ask({ url: local('/'), attempts: 3 }, {}, notingClock(pauses))).status, 403)
    statuses = []
    assert.equal(pauses.length, 4)
  })

  it('stops when the caller leaves', async () => {
    const leaving = new AbortController()
    const asking = createHttp({}, systemClock)({ ...base, url: local('/silent'), attempts: 5 }, leaving.signal)
    setTimeout(() => leaving.abort(new Error('left')), 30)
    await assert.rejects(asking, /left/)
  })

  it('goes through the proxy of the environment, with its login, and checks the target’s certificate all the same', async () => {
    const environment = { HTTPS_PROXY: `http://us%20er:p%40ss@127.0.0.1:${String(portOf(proxy))}` }
    const answer = await ask({ method: 'POST', url: 'https://vault.internal/x', body: 'hello', ca: certificates.ca }, environment)
    assert.equal(answer.body.toString(), 'hello')
    assert.deepEqual(tunnels.at(-1), { to: 'vault.internal:443', login: `Basic ${Buffer.from('us er:p@ss').toString('base64')}` })
    await assert.rejects(ask({ url: 'https://other.internal/x', ca: certificates.ca }, environment), failsAs('untrusted'))
    await assert.rejects(ask({ url: 'https://vault.internal/x' }, environment), failsAs('untrusted'))
    await assert.rejects(ask({ url: 'https://refused.internal/x', ca: certificates.ca }, environment), failsAs('network'))
    const before = tunnels.length
    assert.equal((await ask({ url: local('/x') }, environment)).status, 200)
    assert.equal(tunnels.length, before, 'loopback never goes through a proxy')
  })

  it('never goes direct when the proxy makes no sense', async () => {
    for (const HTTPS_PROXY of ['socks5://127.0.0.1:1', 'http://[', 'ftp://proxy']) {
      await assert.rejects(
        ask({ url: 'https://vault.internal/x', ca: certificates.ca }, { HTTPS_PROXY }),
        failsAs('not_allowed'),
        HTTPS_PROXY,
      )
    }
  })
})

describe('proxy choice', () => {
  it('reads the variables in either case, lower case first, and a bare host', () => {
    assert.equal(choose('https://a.example/', { HTTPS_PROXY: 'upper:1', https_proxy: 'http://lower:2' }), 'lower:2')
    assert.equal(choose('https://a.example/', { HTTP_PROXY: 'plain:1' }), null)
    assert.equal(choose('https://a.example/', { ALL_PROXY: 'all:1' }), 'all:1')
    assert.equal(choose('https://a.example/', {}), null)
  })

  it('leaves out what NO_PROXY names: hosts, domains, ports, everything', () => {
    assert.ok(!through('vault.corp.example'))
    assert.ok(!through('.corp.example, other'))
    assert.ok(!through('corp.example'))
    assert.ok(!through('*.corp.example'))
    assert.ok(!through('VAULT.corp.EXAMPLE:443'))
    assert.ok(!through('*'))
    assert.ok(through('corp.example:8200'))
    assert.ok(through('ault.corp.example'))
    assert.ok(through('vault.corp.example.com'))
    assert.ok(!through('10.0.0.1', 'https://10.0.0.1:8200/'))
  })
})

function portOf(server: net.Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
