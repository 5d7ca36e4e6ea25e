// The framer: whole, cut at every byte, byte by byte, and with whatever a peer may claim.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Framer } from '../../../gateway/wire/postgres/framer.ts'
import { message } from '../../../gateway/wire/postgres/message-writer.ts'
import { WireError } from '../../../gateway/wire/postgres/wire-error.ts'

interface Seen {
  readonly type: number
  readonly bytes: Buffer
}

/** Frames the chunks; messages of the types in `streamed` arrive in pieces and are put together here. */
function framed(chunks: readonly Buffer[], streamed: ReadonlySet<number> = new Set(), maxWholeBytes = 1 << 20): readonly Seen[] {
  const seen: Seen[] = []
  let parts: Buffer[] = []
  const framer = new Framer(
    {
      wantsWhole: type => !streamed.has(type),
      onMessage: (type, bytes, start, end) => seen.push({ type, bytes: Buffer.from(bytes.subarray(start, end)) }),
      onPiece: (type, bytes, start, end, isLast) => {
        parts.push(Buffer.from(bytes.subarray(start, end)))
        if (!isLast) return
        seen.push({ type, bytes: Buffer.concat(parts) })
        parts = []
      },
    },
    maxWholeBytes,
  )
  for (const chunk of chunks) framer.push(chunk)
  assert.equal(framer.isAtBoundary, true)
  return seen
}

const messages = [
  message(0x51, ['SELECT 1']),
  message(0x53, []),
  message(0x64, [Buffer.alloc(300, 1)]),
  message(0x64, []),
  message(0x58, []),
]
const stream = Buffer.concat(messages)
const expected: readonly Seen[] = messages.map(bytes => ({ type: bytes.readUInt8(0), bytes }))
const none = new Set<number>()
const copyData = new Set([0x64])

describe('framer', () => {
  it('finds every message in one chunk', () => {
    assert.deepEqual(framed([stream], none), expected)
    assert.deepEqual(framed([stream], copyData), expected)
  })

  it('finds the same wherever the stream is cut', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const chunks = [stream.subarray(0, cut), stream.subarray(cut)]
      assert.deepEqual(framed(chunks, none), expected)
      assert.deepEqual(framed(chunks, copyData), expected)
    }
  })

  it('finds the same byte by byte', () => {
    const bytes = [...stream].map(byte => Buffer.of(byte))
    assert.deepEqual(framed(bytes, none), expected)
    assert.deepEqual(framed(bytes, copyData), expected)
  })

  it('keeps nothing of a chunk that its caller uses again', () => {
    const seen: string[] = []
    const framer = new Framer(
      {
        wantsWhole: () => true,
        onMessage: (_, bytes, start, end) => seen.push(bytes.toString('latin1', start + 5, end - 1)),
        onPiece: () => {},
      },
      1000,
    )
    const buffer = Buffer.alloc(8)
    const query = message(0x51, ['SELECT 12345'])
    for (let at = 0; at < query.length; at += buffer.length) {
      const length = query.copy(buffer, 0, at)
      framer.push(buffer.subarray(0, length))
      buffer.fill(0xff)
    }
    assert.deepEqual(seen, ['SELECT 12345'])
  })

  it('refuses lengths that cannot be, and messages above the limit, before their bytes come', () => {
    for (const length of [0, 3, -1, 0x4000_0000, -0x8000_0000]) {
      const header = Buffer.alloc(5)
      header.writeUInt8(0x51)
      header.writeInt32BE(length, 1)
      assert.throws(() => framed([header]), WireError)
    }
    const large = Buffer.from([0x51, 0, 0x10, 0, 0])
    assert.throws(
      () => framed([large], none, 1000),
      (error: unknown) => error instanceof WireError && error.sqlState === '54000',
    )
  })

  it('lets a message of any size stream', () => {
    let bytes = 0
    let ends = 0
    const framer = new Framer(
      {
        wantsWhole: () => false,
        onMessage: () => assert.fail('nothing is kept'),
        onPiece: (_, __, start, end, isLast) => {
          bytes += end - start
          if (isLast) ends += 1
        },
      },
      100,
    )
    const header = Buffer.from([0x64, 0, 0x40, 0, 4])
    framer.push(header)
    const chunk = Buffer.alloc(65_536)
    for (let left = 0x40_0000; left > 0; left -= chunk.length) framer.push(chunk)
    assert.deepEqual([bytes, ends, framer.isAtBoundary], [0x40_0005, 1, true])
  })

  it('finds random messages in random chunks', () => {
    const anyMessage = fc.tuple(fc.constantFrom(0x51, 0x64, 0x53, 0x42), fc.uint8Array({ maxLength: 60 }))
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 8 }), fc.array(fc.nat(40), { maxLength: 30 }), (parts, cuts) => {
        const all = parts.map(([type, body]) => message(type, [Buffer.from(body)]))
        const whole = Buffer.concat(all)
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) chunks.push(whole.subarray(at, (at += cut)))
        chunks.push(whole.subarray(Math.min(at, whole.length)))
        assert.deepEqual(
          framed(chunks, copyData),
          all.map(bytes => ({ type: bytes.readUInt8(0), bytes })),
        )
      }),
      { numRuns: 300 },
    )
  })
})
