// What a server sends as an answer: read whole, cut at every byte and byte by byte; and what is refused, wherever it is cut.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { HttpError } from '../../../gateway/wire/http/http-error.ts'
import { ResponseReader } from '../../../gateway/wire/http/response-reader.ts'

interface Read {
  readonly status: number
  readonly reason: string
  readonly headers: Record<string, string>
  readonly isKept: boolean
  readonly body: string
  readonly ends: number
  readonly isOver: boolean
  /** True when all the bytes were the answer's. */
  readonly isAllOfIt: boolean
}

function read(pieces: readonly Buffer[], method = 'GET', isClosed = false): Read {
  const seen = { status: 0, reason: '', headers: {} as Record<string, string>, isKept: false, body: '', ends: 0 }
  const reader = new ResponseReader(method, {
    head: ({ status, reason, headers, isKept }) => {
      assert.equal(seen.status, 0, 'an answer has one head')
      Object.assign(seen, { status, reason, headers: { ...headers }, isKept })
    },
    data: bytes => {
      assert.notEqual(seen.status, 0, 'a body comes behind its head')
      assert.equal(seen.ends, 0, 'nothing comes behind the end')
      seen.body += bytes.toString('latin1')
    },
    end: () => (seen.ends += 1),
  })
  let isAllOfIt = true
  for (const piece of pieces) isAllOfIt = reader.push(piece) && isAllOfIt
  if (isClosed) reader.close()
  return { ...seen, isOver: reader.isOver, isAllOfIt }
}

function everyCut(text: string): Buffer[][] {
  const bytes = Buffer.from(text, 'latin1')
  const cuts = [[bytes], Array.from(bytes, byte => Buffer.of(byte))]
  for (let at = 1; at < bytes.length; at += 1) cuts.push([bytes.subarray(0, at), bytes.subarray(at)])
  return cuts
}

const text = (...lines: readonly string[]): string => lines.join('\r\n')
const answers: readonly { name: string; sent: string; method?: string; isClosed?: boolean; expected: Partial<Read> }[] = [
  {
    name: 'a body of a length',
    sent: text('HTTP/1.1 200 OK', 'Content-Type: application/json', 'Content-Length: 7', '', '{"a":1}'),
    expected: {
      status: 200,
      reason: 'OK',
      body: '{"a":1}',
      isKept: true,
      headers: { 'content-type': 'application/json', 'content-length': '7' },
    },
  },
  { name: 'an empty body', sent: text('HTTP/1.1 200 OK', 'content-length: 0', '', ''), expected: { body: '', isKept: true } },
  {
    name: 'chunks, with an extension and trailers',
    sent: text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '4', 'abcd', 'A;name="x y"', '0123\r\n6789', '0', 'Digest: x', '', ''),
    expected: { body: 'abcd0123\r\n6789', isKept: true },
  },
  {
    name: 'chunks without any',
    sent: text('HTTP/1.1 200 OK', 'transfer-encoding: CHUNKED', '', '0', '', ''),
    expected: { body: '', isKept: true },
  },
  {
    name: 'a body that ends with the connection',
    sent: text('HTTP/1.1 200 OK', 'X: y', '', 'all of it\r\n\r\n'),
    isClosed: true,
    expected: { body: 'all of it\r\n\r\n', isKept: false },
  },
  { name: 'an answer of HTTP/1.0', sent: text('HTTP/1.0 200 OK', 'Content-Length: 2', '', 'ok'), expected: { body: 'ok', isKept: false } },
  {
    name: 'an answer after which the server closes',
    sent: text('HTTP/1.1 200 OK', 'Connection: x, Close', 'Content-Length: 2', '', 'ok'),
    expected: { body: 'ok', isKept: false },
  },
  {
    name: 'no content, whatever length it tells of',
    sent: text('HTTP/1.1 204 No Content', 'Content-Length: 5', '', ''),
    expected: { status: 204, body: '' },
  },
  { name: 'not modified', sent: text('HTTP/1.1 304 Not Modified', 'Content-Length: 5', '', ''), expected: { status: 304, body: '' } },
  {
    name: 'the answer to a HEAD',
    sent: text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', ''),
    method: 'HEAD',
    expected: { status: 200, body: '', isKept: true },
  },
  {
    name: 'interim answers before it',
    sent: text(
      'HTTP/1.1 100 Continue',
      'Content-Length: 9',
      '',
      'HTTP/1.1 103 Early Hints',
      'Link: x',
      '',
      'HTTP/1.1 201 Created',
      'Content-Length: 1',
      '',
      'x',
    ),
    expected: { status: 201, reason: 'Created', body: 'x', headers: { 'content-length': '1' } },
  },
  { name: 'no reason', sent: text('HTTP/1.1 200', 'Content-Length: 0', '', ''), expected: { status: 200, reason: '' } },
  {
    name: 'headers that come twice, white space and bytes above ASCII',
    sent: text('HTTP/1.1 200 \xe4h', 'Warning: 299 - "a"', 'warning:\t 299 - "b" \t', 'Empty:', 'Content-Length: 0', '', ''),
    expected: { reason: '\xe4h', headers: { warning: '299 - "a", 299 - "b"', empty: '', 'content-length': '0' } },
  },
]

const refused: readonly { name: string; sent: string }[] = [
  { name: 'another protocol', sent: 'ICY 200 OK\r\n\r\n' },
  { name: 'another version', sent: 'HTTP/2.0 200 OK\r\n\r\n' },
  { name: 'a status of two digits', sent: 'HTTP/1.1 20 OK\r\n\r\n' },
  { name: 'a status line with more than a space', sent: 'HTTP/1.1  200 OK\r\n\r\n' },
  { name: 'lines that end with LF alone', sent: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n' },
  { name: 'a CR inside of a line', sent: 'HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n' },
  { name: 'a NUL in a header', sent: 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n' },
  { name: 'a folded line', sent: 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n' },
  { name: 'a space before the colon', sent: 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nabcde' },
  { name: 'a header without a name', sent: 'HTTP/1.1 200 OK\r\n: x\r\n\r\n' },
  { name: 'a header that every object has', sent: 'HTTP/1.1 200 OK\r\n__proto__: x\r\n\r\n' },
  { name: 'a length and chunks', sent: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'two lengths', sent: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef' },
  { name: 'a list of lengths', sent: 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcde' },
  { name: 'a length with a sign', sent: 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde' },
  { name: 'a length below zero', sent: 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n' },
  { name: 'no length where one is named', sent: 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n' },
  { name: 'two types', sent: 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Type: application/json\r\n\r\n' },
  { name: 'another transfer coding', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n' },
  { name: 'a transfer coding twice', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'chunks of HTTP/1.0', sent: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'a chunk size with 0x', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n' },
  { name: 'a chunk size with a sign', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n' },
  { name: 'a chunk that is longer than it says', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n' },
  { name: 'a chunk size that ends with LF alone', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n' },
  { name: 'a chunk size of too many digits', sent: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'0'.repeat(13)}1\r\na\r\n` },
  { name: 'a trailer that is no header', sent: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx\r\n\r\n' },
  { name: 'a switch of protocols that nobody asked for', sent: 'HTTP/1.1 101 Switching Protocols\r\n\r\n' },
  { name: 'interim answers without end', sent: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17) },
  { name: 'a head without end', sent: `HTTP/1.1 200 OK\r\n${`X: ${'y'.repeat(1_000)}\r\n`.repeat(80)}` },
  { name: 'a line without end', sent: `HTTP/1.1 200 ${'y'.repeat(70_000)}` },
  { name: 'headers without end', sent: `HTTP/1.1 200 OK\r\n${'X:\r\n'.repeat(501)}\r\n` },
]

describe('the answer of a server', () => {
  for (const { name, sent, method, isClosed, expected } of answers) {
    it(`is read: ${name}`, () => {
      for (const pieces of everyCut(sent)) {
        const got = read(pieces, method, isClosed)
        assert.deepEqual({ ends: got.ends, isOver: got.isOver, isAllOfIt: got.isAllOfIt }, { ends: 1, isOver: true, isAllOfIt: true })
        for (const key of Object.keys(expected) as (keyof Read)[]) assert.deepEqual(got[key], expected[key])
      }
    })
  }

  for (const { name, sent } of refused) {
    it(`is refused: ${name}`, () => {
      const cuts = sent.length > 1_000 ? everyCut(sent).slice(0, 2) : everyCut(sent)
      for (const pieces of cuts) assert.throws(() => read(pieces), HttpError)
    })
  }

  it('ends where it says: what is behind it is no part of it, wherever it is cut', () => {
    for (const sent of [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'HTTP/1.1 204 No\r\n\r\n',
    ]) {
      for (const pieces of everyCut(`${sent}HTTP/1.1 200 OK\r\n\r\n`)) {
        const got = read(pieces)
        assert.equal(got.isAllOfIt, false)
        assert.equal(got.ends, 1)
        assert.match(got.body, /^(?:ok)?$/)
      }
    }
  })

  it('is not whole when the connection ends early, at any byte', () => {
    for (const sent of [
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n',
    ]) {
      const bytes = Buffer.from(sent)
      for (let end = 0; end < bytes.length; end += 1) assert.throws(() => read([bytes.subarray(0, end)], 'GET', true), HttpError)
    }
  })

  it('gives back any body, in any chunks, over any cuts', () => {
    const anyBody = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 })
    fc.assert(
      fc.property(anyBody, fc.boolean(), fc.array(fc.nat(400), { maxLength: 6 }), (parts, isChunked, cuts) => {
        const body = Buffer.concat(parts)
        const sent = isChunked
          ? Buffer.concat([
              Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
              ...parts.flatMap(part => [Buffer.from(`${part.length.toString(16)}\r\n`), Buffer.from(part), Buffer.from('\r\n')]),
              Buffer.from('0\r\n\r\n'),
            ])
          : Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body])
        const at = [0, ...cuts.filter(cut => cut < sent.length).toSorted((one, other) => one - other), sent.length]
        const got = read(at.slice(1).map((end, index) => sent.subarray(at[index], end)))
        assert.equal(got.body, body.toString('latin1'))
        assert.equal(got.ends, 1)
      }),
    )
  })

  it('is never read otherwise for being cut elsewhere, whatever the bytes are', () => {
    const outcome = (pieces: readonly Buffer[]): string => {
      try {
        const { isAllOfIt: _, ...got } = read(pieces)
        return JSON.stringify(got)
      } catch (error) {
        assert.ok(error instanceof HttpError)
        return 'refused'
      }
    }
    const word = fc.constantFrom(
      'HTTP/1.1 200 OK',
      '\r\n',
      '\n',
      '\r',
      'Content-Length: 3',
      'Transfer-Encoding: chunked',
      '3',
      'abc',
      '0',
      ';x',
      ' ',
      ':',
      'X: y',
      '\0',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), words => {
        const bytes = Buffer.from(words.join(''), 'latin1')
        assert.equal(outcome(Array.from(bytes, byte => Buffer.of(byte))), outcome([bytes]))
      }),
      { numRuns: 500 },
    )
  })
})
