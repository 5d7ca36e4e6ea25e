// What goes to a server as the head of a request: nothing in it can begin another line, or another request.
import assert from 'node:assert/strict'
import http from 'node:http'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { HttpError } from '../../../gateway/wire/http/http-error.ts'
import { requestHead } from '../../../gateway/wire/http/request-head.ts'

describe('the head of a request', () => {
  it('is a line, its headers and an empty line; a list is a line each', () => {
    assert.equal(
      requestHead({ method: 'GET', target: '/api?watch=1', headers: { host: 'h:1', 'impersonate-group': ['a', 'b'], none: [] } }),
      'GET /api?watch=1 HTTP/1.1\r\nhost: h:1\r\nimpersonate-group: a\r\nimpersonate-group: b\r\n\r\n',
    )
  })

  it('takes nothing that ends a line, wherever it stands', () => {
    for (const bad of ['\r', '\n', '\r\nX: y', '\0', '\u007f', '\u0100']) {
      assert.throws(() => requestHead({ method: `GET${bad}`, target: '/', headers: {} }), HttpError)
      assert.throws(() => requestHead({ method: 'GET', target: `/a${bad}`, headers: {} }), HttpError)
      assert.throws(() => requestHead({ method: 'GET', target: '/', headers: { [`x${bad}`]: 'y' } }), HttpError)
      assert.throws(() => requestHead({ method: 'GET', target: '/', headers: { x: `y${bad}` } }), HttpError)
      assert.throws(() => requestHead({ method: 'GET', target: '/', headers: { x: ['y', `y${bad}z`] } }), HttpError)
    }
    for (const target of ['', '/a b', '/\u00e4']) assert.throws(() => requestHead({ method: 'GET', target, headers: {} }), HttpError)
    for (const name of ['', 'a b', 'a:'])
      assert.throws(() => requestHead({ method: 'GET', target: '/', headers: { [name]: 'y' } }), HttpError)
  })

  it('is read by a server as it was meant, or not written', async () => {
    const seen: { target: string; value: string | undefined }[] = []
    const server = http.createServer((request, response) => {
      seen.push({ target: request.url ?? '', value: request.headers['x-any']?.toString() })
      response.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.string({ unit: 'binary-ascii', maxLength: 8 }),
          fc.string({ unit: 'binary-ascii', maxLength: 8 }),
          async (path, value) => {
            let head: string
            try {
              head = requestHead({ method: 'GET', target: `/${path}`, headers: { host: 'h', 'x-any': value, connection: 'close' } })
            } catch (error) {
              assert.ok(error instanceof HttpError)
              return
            }
            seen.length = 0
            const socket = net.connect(port, '127.0.0.1')
            socket.resume()
            socket.write(head, 'latin1')
            await once(socket, 'close')
            assert.deepEqual(seen, [{ target: `/${path}`, value: value.replaceAll(/^[\t ]+|[\t ]+$/g, '') }])
          },
        ),
        { numRuns: 60 },
      )
    } finally {
      server.close()
    }
  })
})
