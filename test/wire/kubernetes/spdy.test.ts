// SPDY/3.1, as old kubectl and every kubelet speak it: frames however they are cut, header blocks over one zlib stream.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { constants, createDeflate, createInflate } from 'node:zlib'
import * as fc from 'fast-check'
import { SpdyReader, writeSpdyControl, writeSpdyData } from '../../../gateway/wire/kubernetes/spdy-frames.ts'
import type { SpdyFrame } from '../../../gateway/wire/kubernetes/spdy-frames.ts'
import { spdyDictionary, SpdyHeaderReader, SpdyHeaderWriter } from '../../../gateway/wire/kubernetes/spdy-headers.ts'

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function synStream(writer: SpdyHeaderWriter, stream: number, headers: Record<string, string>): Buffer {
  return writeSpdyControl('syn-stream', false, number(stream), number(0), Buffer.alloc(2), writer.write(Object.entries(headers)))
}

/** Frames in words, data of one stream that follows itself put together: what is left when cuts do not matter. */
function wordsOf(frames: readonly SpdyFrame[]): readonly string[] {
  const words: string[] = []
  for (const frame of frames) {
    const last = words.at(-1) ?? ''
    if (frame.kind === 'control') {
      words.push(
        `${frame.type} ${frame.stream} ${frame.isLast ? 'fin ' : ''}${JSON.stringify([...frame.headers])} ${frame.bytes.toString('hex')}`,
      )
    } else if (last.startsWith(`data ${frame.stream} `) && !last.endsWith('.')) {
      words[words.length - 1] = last + frame.payload.toString('hex') + (frame.isLast ? '.' : '')
    } else words.push(`data ${frame.stream} ${frame.payload.toString('hex')}${frame.isLast ? '.' : ''}`)
  }
  return words
}

describe('SPDY header blocks', () => {
  it('use the dictionary of the protocol', () => {
    assert.equal(spdyDictionary.length, 1423)
    let [low, high] = [1, 0]
    for (const byte of spdyDictionary) {
      low = (low + byte) % 65_521
      high = (high + low) % 65_521
    }
    // Adler-32, as every zlib writer states it in its first block.
    assert.equal(((high * 65_536 + low) >>> 0).toString(16), 'e3c6a7c2')
  })

  it('are read as a zlib writer of another make flushes them, and written so that a zlib reader takes them', async () => {
    const deflate = createDeflate({ dictionary: spdyDictionary })
    const inflate = createInflate({ dictionary: spdyDictionary })
    const through = (stream: typeof deflate | typeof inflate, bytes: Buffer): Promise<Buffer> =>
      new Promise(resolve => {
        const parts: Buffer[] = []
        const keep = (part: Buffer): void => void parts.push(part)
        stream.on('data', keep)
        stream.write(bytes)
        stream.flush(constants.Z_SYNC_FLUSH, () => {
          stream.off('data', keep)
          resolve(Buffer.concat(parts))
        })
      })
    const reader = new SpdyHeaderReader()
    const writer = new SpdyHeaderWriter()
    for (let turn = 0; turn < 40; turn += 1) {
      const headers: [string, string][] = [
        ['streamtype', turn % 2 === 0 ? 'error' : 'data'],
        ['port', '8080'],
        ['requestid', String(turn)],
        ['long', 'x'.repeat(turn * 97)],
      ]
      const plain = Buffer.concat([number(headers.length), ...headers.flat().flatMap(text => [number(text.length), Buffer.from(text)])])
      assert.deepEqual([...reader.read(await through(deflate, plain))], headers)
      assert.deepEqual(await through(inflate, writer.write(headers)), plain)
    }
  })

  it('that are broken, too large or ambiguous are refused', () => {
    const block = new SpdyHeaderWriter().write([['a', 'b']])
    assert.throws(() => new SpdyHeaderReader().read(Buffer.alloc(0)), RangeError)
    assert.throws(() => new SpdyHeaderReader().read(block.subarray(6)), RangeError)
    assert.throws(() => new SpdyHeaderReader().read(Buffer.concat([block.subarray(0, 6), Buffer.from([0xff, 0xff, 0xff])])), RangeError)
    const bomb = new SpdyHeaderWriter().write([['a', 'x'.repeat(1_000_000)]])
    assert.throws(() => new SpdyHeaderReader().read(bomb), RangeError)
    const twice = new SpdyHeaderWriter().write([
      ['streamtype', 'stdin'],
      ['StreamType', 'stdout'],
    ])
    assert.throws(() => new SpdyHeaderReader().read(twice), RangeError)
  })

  it('come out as they went in, whatever is in them', () => {
    const pair = fc.tuple(fc.stringMatching(/^[a-z0-9-]{1,20}$/), fc.stringMatching(/^[ -~]{0,200}$/))
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(pair, { selector: ([name]) => name, maxLength: 6 }), { maxLength: 8 }), blocks => {
        const reader = new SpdyHeaderReader()
        const writer = new SpdyHeaderWriter()
        for (const headers of blocks) assert.deepEqual([...reader.read(writer.write(headers))], headers)
      }),
      { numRuns: 60 },
    )
  })
})

describe('SPDY frames', () => {
  const conversation = (): Buffer => {
    const writer = new SpdyHeaderWriter()
    return Buffer.concat([
      synStream(writer, 1, { streamtype: 'error' }),
      synStream(writer, 3, { streamtype: 'stdout' }),
      writeSpdyControl('syn-reply', false, number(1), writer.write([])),
      writeSpdyControl('settings', false, number(0)),
      writeSpdyData(3, Buffer.from('hello '), false),
      writeSpdyData(3, Buffer.from('world'), false),
      writeSpdyControl('ping', false, number(7)),
      writeSpdyControl('window-update', false, number(3), number(100)),
      writeSpdyData(3, Buffer.alloc(0), true),
      writeSpdyControl('headers', true, number(1), writer.write([['a', 'b']])),
      writeSpdyControl('rst-stream', false, number(3), number(5)),
      writeSpdyData(1, Buffer.from('{}'), true),
      writeSpdyControl('goaway', false, number(3), number(0)),
    ])
  }

  it('are the same whole, cut at every byte, and byte by byte', () => {
    const bytes = conversation()
    const whole = wordsOf(new SpdyReader().push(bytes))
    assert.equal(whole.length, 13 - 1)
    assert.match(whole[1] ?? '', /^syn-stream 3 \[\["streamtype","stdout"\]\]/)
    assert.equal(whole[4], `data 3 ${Buffer.from('hello world').toString('hex')}`)
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new SpdyReader()
      assert.deepEqual(wordsOf([...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))]), whole, `cut at ${cut}`)
    }
    const reader = new SpdyReader()
    assert.deepEqual(wordsOf(Array.from(bytes).flatMap(byte => reader.push(Buffer.from([byte])))), whole)
  })

  it('come out as they were written, in any order and any cut', () => {
    const frame = fc.oneof(
      fc.record({ data: fc.uint8Array({ maxLength: 300 }), stream: fc.integer({ min: 1, max: 9 }), isLast: fc.boolean() }),
      fc.record({ ping: fc.nat(1_000) }),
      fc.record({ syn: fc.integer({ min: 1, max: 99 }), type: fc.constantFrom('stdin', 'stdout', 'stderr', 'error', 'resize') }),
    )
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), (frames, step) => {
        const writer = new SpdyHeaderWriter()
        const bytes = Buffer.concat(
          frames.map(one =>
            'data' in one
              ? writeSpdyData(one.stream, Buffer.from(one.data), one.isLast)
              : 'ping' in one
                ? writeSpdyControl('ping', false, number(one.ping))
                : synStream(writer, one.syn, { streamtype: one.type }),
          ),
        )
        const reader = new SpdyReader()
        const cut: SpdyFrame[] = []
        for (let at = 0; at < bytes.length; at += step) cut.push(...reader.push(bytes.subarray(at, at + step)))
        const written = cut.map(one => (one.kind === 'control' ? one.bytes : writeSpdyData(one.stream, one.payload, one.isLast)))
        assert.deepEqual(wordsOf(new SpdyReader().push(Buffer.concat(written))), wordsOf(new SpdyReader().push(bytes)))
        assert.deepEqual(wordsOf(cut), wordsOf(new SpdyReader().push(bytes)))
      }),
      { numRuns: 60 },
    )
  })

  it('that SPDY/3.1 does not have are refused', () => {
    for (const bytes of [
      Buffer.from([0x80, 0x02, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]),
      Buffer.from([0x80, 0x03, 0, 5, 0, 0, 0, 0]),
      Buffer.from([0x80, 0x03, 0, 3, 0, 0, 0, 2, 0, 0]),
      Buffer.from([0x80, 0x03, 0, 6, 0, 0xff, 0xff, 0xff]),
      Buffer.from('HTTP/1.1 200 OK\r\n\r\n', 'latin1').fill(0x80, 0, 1),
    ]) {
      assert.throws(() => new SpdyReader().push(bytes), RangeError)
    }
  })

  it('never fail with anything but a refusal, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          new SpdyReader().push(Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof RangeError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
