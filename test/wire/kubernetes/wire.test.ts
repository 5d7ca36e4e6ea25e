// The byte-level parts of the Kubernetes room, whole, cut at every byte, and byte by byte.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { ItemScanner } from '../../../gateway/wire/kubernetes/item-scanner.ts'
import { LineCutter } from '../../../gateway/wire/kubernetes/line-cutter.ts'
import { makeRunCertificate } from '../../../gateway/wire/kubernetes/run-certificate.ts'
import { WebSocketReader, writeBinary } from '../../../gateway/wire/kubernetes/websocket-frames.ts'

/** The bytes in pieces: whole, cut at every byte, and byte by byte. */
function cuts(bytes: Buffer): readonly (readonly Buffer[])[] {
  const halves = Array.from({ length: bytes.length - 1 }, (_, at) => [bytes.subarray(0, at + 1), bytes.subarray(at + 1)])
  return [[bytes], ...halves, Array.from(bytes, byte => Buffer.from([byte]))]
}

describe('the run certificate', () => {
  it('is for 127.0.0.1 only, signed by an authority of its own', () => {
    const made = makeRunCertificate(new Date())
    const [authority, server] = [new X509Certificate(made.authority), new X509Certificate(made.certificate)]
    assert.ok(authority.ca && !server.ca)
    assert.ok(server.checkIssued(authority) && server.verify(authority.publicKey) && authority.verify(authority.publicKey))
    assert.equal(server.checkIP('127.0.0.1'), '127.0.0.1')
    assert.equal(server.checkIP('127.0.0.2'), undefined)
    assert.equal(server.checkHost('localhost'), undefined)
    assert.notEqual(makeRunCertificate(new Date()).authority, made.authority)
  })
})

describe('a long list', () => {
  const items = ['{"a":1}', '{"b":"}]\\"{"}', '{"c":{"items":[{"d":[1,2]}]}}']
  const list = Buffer.from(`{"kind":"L","metadata":{"x":"items"},"items":[${items.join(', ')}],"apiVersion":"v1"}\n`)

  it('comes apart into its elements and joins to the same bytes, however it is cut', () => {
    for (const chunks of cuts(list)) {
      const scanner = new ItemScanner()
      const pieces = chunks.flatMap(chunk => scanner.push(chunk))
      scanner.end()
      assert.deepEqual(
        pieces.filter(({ kind }) => kind === 'item').map(({ bytes }) => bytes.toString()),
        items,
      )
      assert.deepEqual(Buffer.concat(pieces.map(({ bytes }) => bytes)), list)
    }
  })

  it('is refused when it is cut off, goes on, or has a part where an object could hide', () => {
    for (const text of [
      '{"items":[{"a":1}',
      '{"items":[]}{"x":1}',
      '{"spec":{"secret":1},"items":[]}',
      '{"\\u0069tems":[]}',
      '[1]',
      '{"items":[[1]]}',
    ]) {
      assert.throws(() => {
        const scanner = new ItemScanner()
        scanner.push(Buffer.from(text))
        scanner.end()
      }, SyntaxError)
    }
  })
})

describe('lines and frames', () => {
  it('cuts lines at every byte alike, and bounds them', () => {
    const text = Buffer.from('one\n\ntwo\nrest')
    for (const chunks of cuts(text)) {
      const cutter = new LineCutter(100)
      const lines = chunks.flatMap(chunk => cutter.push(chunk)).map(String)
      assert.deepEqual([...lines, String(cutter.rest())], ['one\n', '\n', 'two\n', 'rest'])
    }
    assert.throws(() => new LineCutter(3).push(Buffer.from('four')), RangeError)
  })

  it('reads WebSocket frames that it wrote, of any length, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (payloads, step) => {
        const bytes = Buffer.concat(payloads.map(payload => writeBinary(Buffer.from(payload))))
        const reader = new WebSocketReader()
        const found: Buffer[] = []
        for (let at = 0; at < bytes.length; at += step)
          for (const frame of reader.push(bytes.subarray(at, at + step))) found.push(Buffer.from(frame.payload))
        assert.deepEqual(
          found,
          payloads.map(payload => Buffer.from(payload)),
        )
      }),
    )
    assert.throws(() => new WebSocketReader().push(Buffer.from([0xc2, 0x00])), RangeError)
  })
})
