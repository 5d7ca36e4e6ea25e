// Connections to an API server: when one is used again, when a request is sent again, and what can never become somebody else's answer.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import tls from 'node:tls'
import type { TargetAnswer } from '../../../gateway/engine/kubernetes/target-answer.ts'
import { TargetPool } from '../../../gateway/engine/kubernetes/target-pool.ts'
import { HttpError } from '../../../gateway/wire/http/http-error.ts'
import { makeCertificates } from '../../../world/tls/certificates.ts'

type Serve = (request: string, socket: Socket, connection: number) => void

interface World {
  readonly port: number
  /** Head of each request with the connection it came on, from 1. */
  readonly seen: (readonly [number, string])[]
  readonly sockets: Socket[]
}

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function worldThat(serve: Serve): Promise<World> {
  const world: World = { port: 0, seen: [], sockets: [] }
  const server = net.createServer(socket => {
    world.sockets.push(socket)
    const connection = world.sockets.length
    socket.on('error', () => undefined)
    socket.on('data', bytes => {
      const request = bytes.toString('latin1')
      world.seen.push([connection, request.split(' HTTP/1.1')[0] ?? ''])
      serve(request, socket, connection)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => {
    for (const socket of world.sockets) socket.destroy()
    server.close()
  })
  return { ...world, port: (server.address() as AddressInfo).port }
}

function poolTo({ port }: { port: number }, settings: Partial<ConstructorParameters<typeof TargetPool>[0]> = {}): TargetPool {
  const pool = new TargetPool({ host: '127.0.0.1', port, tls: null, answerMs: 20_000, idleMs: 20_000, ...settings })
  stops.push(() => pool.close())
  return pool
}

function bodyOf(answer: TargetAnswer): Promise<string> {
  let body = ''
  return new Promise((resolve, reject) => {
    answer.take({
      data: bytes => {
        body += bytes.toString('latin1')
        return true
      },
      end: () => resolve(body),
      fail: reject,
    })
  })
}

const never = new AbortController().signal
const question = (target: string, method = 'GET'): { method: string; head: string; body: null } => ({
  method,
  head: `${method} ${target} HTTP/1.1\r\nhost: h\r\n\r\n`,
  body: null,
})
const ask = async (pool: TargetPool, target: string, method = 'GET', signal = never): Promise<string> =>
  bodyOf(await pool.ask(question(target, method), signal))
const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

describe('connections to an API server', () => {
  it('are used again, the last one first, and only by one request at a time', async () => {
    const world = await worldThat((request, socket) => socket.write(ok(request.split(' ')[1] ?? '')))
    const pool = poolTo(world)
    assert.deepEqual(await Promise.all([ask(pool, '/a'), ask(pool, '/b')]), ['/a', '/b'])
    for (const target of ['/c', '/d', '/e']) assert.equal(await ask(pool, target), target)
    assert.equal(world.sockets.length, 2)
    assert.deepEqual(new Set(world.seen.slice(2).map(([connection]) => connection)).size, 1)
  })

  it("are not used again after an answer with something behind it: that is nobody's answer", async () => {
    const world = await worldThat((_, socket, connection) => socket.write(connection === 1 ? ok('mine') + ok('smuggled') : ok('theirs')))
    const pool = poolTo(world)
    assert.equal(await ask(pool, '/a'), 'mine')
    assert.equal(await ask(pool, '/b'), 'theirs')
    assert.deepEqual(world.seen, [
      [1, 'GET /a'],
      [2, 'GET /b'],
    ])
  })

  it('are closed when something comes that nobody asked for', async () => {
    const world = await worldThat((_, socket, connection) => socket.write(ok(`answer ${connection}`)))
    const pool = poolTo(world)
    assert.equal(await ask(pool, '/a'), 'answer 1')
    world.sockets[0]?.write(ok('smuggled'))
    await once(world.sockets[0] ?? assert.fail(), 'close')
    assert.equal(await ask(pool, '/b'), 'answer 2')
  })

  it('are not used again when the answer says so, has no length, or is of HTTP/1.0', async () => {
    const heads = ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1', 'HTTP/1.0 200 OK\r\nContent-Length: 1', 'HTTP/1.1 200 OK']
    const world = await worldThat((_, socket, connection) => {
      socket.write(`${heads[connection - 1] ?? 'HTTP/1.1 200 OK\r\nContent-Length: 1'}\r\n\r\nx`)
      if (connection === 3) socket.end()
    })
    const pool = poolTo(world)
    for (let round = 0; round < 4; round += 1) assert.equal(await ask(pool, '/a'), 'x')
    assert.equal(world.sockets.length, 4)
  })

  it('that the server closed without a word get the GET sent again, once, on a new one; nothing that changes something', async () => {
    const world = await worldThat((request, socket, connection) => {
      if (request.includes('/gone')) socket.destroy()
      else socket.write(ok(`answer ${connection}`))
    })
    const pool = poolTo(world)
    await ask(pool, '/a')
    await assert.rejects(ask(pool, '/gone', 'POST'), { code: 'ECONNRESET' })
    assert.deepEqual(world.seen, [
      [1, 'GET /a'],
      [1, 'POST /gone'],
    ])
    await ask(pool, '/a')
    await assert.rejects(ask(pool, '/gone'), { code: 'ECONNRESET' })
    assert.deepEqual(world.seen.slice(2), [
      [2, 'GET /a'],
      [2, 'GET /gone'],
      [3, 'GET /gone'],
    ])
  })

  it('that end in the middle of an answer get nothing sent again', async () => {
    for (const part of ['HTTP/1.1 200', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab']) {
      const world = await worldThat((request, socket) => {
        if (request.includes('/part')) socket.end(part)
        else socket.write(ok('whole'))
      })
      const pool = poolTo(world)
      await ask(pool, '/a')
      await assert.rejects(ask(pool, '/part'))
      assert.deepEqual(world.seen, [
        [1, 'GET /a'],
        [1, 'GET /part'],
      ])
    }
  })

  it('refuse what is no HTTP, and are not used again', async () => {
    const world = await worldThat((_, socket, connection) => socket.write(connection === 1 ? 'HTTP/1.1 200 OK\nX: y\n\n' : ok('fine')))
    const pool = poolTo(world)
    await assert.rejects(ask(pool, '/a'), HttpError)
    assert.equal(await ask(pool, '/b'), 'fine')
  })

  it('end with their client, before and within an answer', async () => {
    const world = await worldThat((request, socket) => {
      if (request.includes('/part')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab')
    })
    const pool = poolTo(world)
    const leaving = new AbortController()
    const silent = assert.rejects(ask(pool, '/silent', 'GET', leaving.signal), { code: 'ABORT_ERR' })
    const answer = await pool.ask(question('/part'), leaving.signal)
    const part = assert.rejects(bodyOf(answer), { code: 'ABORT_ERR' })
    const closed = world.sockets.map(socket => once(socket, 'close'))
    leaving.abort()
    await Promise.all([silent, part, ...closed])
    await assert.rejects(ask(pool, '/c', 'GET', leaving.signal))
    assert.equal(
      world.seen.some(([, request]) => request === 'GET /c'),
      false,
    )
  })

  it('wait no longer for an answer than they may, and do not ask again then', async () => {
    const world = await worldThat((request, socket) => {
      if (!request.includes('/late')) socket.write(ok('x'))
    })
    const pool = poolTo(world, { answerMs: 60 })
    await ask(pool, '/a')
    await assert.rejects(ask(pool, '/late'), /no answer in time/)
    assert.deepEqual(world.seen, [
      [1, 'GET /a'],
      [1, 'GET /late'],
    ])
  })

  it('are closed when they were idle for long', async () => {
    const world = await worldThat((_, socket) => socket.write(ok('x')))
    const pool = poolTo(world, { idleMs: 30 })
    await ask(pool, '/a')
    // The test's own timer keeps the process: an idle connection does not.
    const patience = setTimeout(() => undefined, 20_000)
    const socket = world.sockets[0] ?? assert.fail()
    if (!socket.closed) await once(socket, 'close')
    clearTimeout(patience)
  })

  it('are no more than they may be: who comes then waits for one that is free', async () => {
    const waiting: (() => void)[] = []
    const world = await worldThat((request, socket) => void waiting.push(() => socket.write(ok(request.split(' ')[1] ?? ''))))
    const pool = poolTo(world, { maxConnections: 2 })
    const leaving = new AbortController()
    const all = ['/a', '/b', '/c'].map(target => ask(pool, target))
    const gone = assert.rejects(ask(pool, '/gone', 'GET', leaving.signal))
    while (waiting.length < 2) await new Promise(setImmediate)
    leaving.abort()
    await gone
    while (waiting.length > 0 || world.seen.length < 3) {
      waiting.shift()?.()
      await new Promise(setImmediate)
    }
    assert.deepEqual(await Promise.all(all), ['/a', '/b', '/c'])
    assert.equal(world.sockets.length, 2)
    assert.equal(
      world.seen.some(([, request]) => request === 'GET /gone'),
      false,
    )
  })

  it('are not waited for without end: who finds none free in time is told, and the server never hears of it', async () => {
    const world = await worldThat((_, socket) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'))
    const pool = poolTo(world, { maxConnections: 1, answerMs: 200 })
    const watch = await pool.ask(question('/watch'), never)
    await assert.rejects(ask(pool, '/late'), { code: 'ETIMEDOUT' })
    assert.deepEqual(world.seen, [[1, 'GET /watch']])
    watch.destroy()
  })

  it('hold back a server whose answer nobody takes, and go on with it', async () => {
    const size = 32 * 1_024 * 1_024
    const world = await worldThat((_, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'x'))
    })
    const answer = await poolTo(world).ask(question('/large'), never)
    let got = 0
    let isWanted = false
    const whole = new Promise<void>((resolve, reject) => {
      answer.take({
        data: bytes => {
          got += bytes.length
          return isWanted
        },
        end: resolve,
        fail: reject,
      })
    })
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate)
    assert.ok(got < size / 4, `${got} bytes came unasked`)
    isWanted = true
    answer.resume()
    await whole
    assert.equal(got, size)
  })

  it('say nothing to a server that is not trusted', async () => {
    const [own, other] = [makeCertificates(['127.0.0.1']), makeCertificates(['127.0.0.1'])]
    const server = tls.createServer({ cert: own.certificate, key: own.key })
    let heard = ''
    server.on('secureConnection', socket => socket.on('data', bytes => (heard += bytes.toString('latin1'))).on('error', () => undefined))
    server.on('tlsClientError', () => undefined)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stops.push(() => server.close())
    const { port } = server.address() as AddressInfo
    for (const trusted of [{ ca: other.ca }, { ca: own.ca, servername: 'elsewhere.example' }]) {
      await assert.rejects(ask(poolTo({ port }, { tls: { rejectUnauthorized: true, ...trusted } }), '/secret'))
    }
    assert.equal(heard, '')
  })
})
