import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SftpSplitter } from '../../../gateway/wire/ssh/sftp-splitter.ts'
import type { SftpPiece } from '../../../gateway/wire/ssh/sftp-splitter.ts'

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const sized = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes])
const packet = (type: number, ...fields: readonly Buffer[]): Buffer => sized(Buffer.concat([Buffer.from([type]), ...fields]))
const writePacket = (content: Buffer): Buffer => packet(6, uint32(9), sized(Buffer.from('hand')), Buffer.alloc(8, 1), sized(content))
const dataPacket = (content: Buffer): Buffer => packet(103, uint32(9), sized(content))
const closePacket = packet(4, uint32(10), sized(Buffer.from('hand')))

/** All pieces, content of one packet joined. */
function pieces(chunks: readonly Buffer[]): { readonly kind: string; readonly bytes: Buffer }[] {
  const splitter = new SftpSplitter()
  const found: { kind: string; bytes: Buffer }[] = []
  let isWithin = false
  for (const chunk of chunks) {
    splitter.push(chunk)
    for (let piece: SftpPiece | null = splitter.next(); piece !== null; piece = splitter.next()) {
      const last = found.at(-1)
      if (piece.kind === 'content' && isWithin && last !== undefined) last.bytes = Buffer.concat([last.bytes, piece.bytes])
      else found.push({ kind: piece.kind, bytes: Buffer.from(piece.bytes) })
      isWithin = piece.kind === 'content' && !piece.isLast
    }
  }
  return found
}

const content = Buffer.from('the content of a file')
const stream = Buffer.concat([packet(1, uint32(3)), writePacket(content), dataPacket(Buffer.alloc(0)), closePacket, dataPacket(content)])
const expected = [
  { kind: 'packet', bytes: packet(1, uint32(3)) },
  { kind: 'head', bytes: writePacket(content).subarray(0, -content.length) },
  { kind: 'content', bytes: content },
  { kind: 'head', bytes: dataPacket(Buffer.alloc(0)) },
  { kind: 'packet', bytes: closePacket },
  { kind: 'head', bytes: dataPacket(content).subarray(0, -content.length) },
  { kind: 'content', bytes: content },
]

describe('a stream of sftp', () => {
  it('is cut the same whole, in two at every byte, and byte by byte', () => {
    assert.deepEqual(pieces([stream]), expected)
    for (let cut = 0; cut <= stream.length; cut++) assert.deepEqual(pieces([stream.subarray(0, cut), stream.subarray(cut)]), expected)
    assert.deepEqual(pieces(Array.from(stream, byte => Buffer.from([byte]))), expected)
  })

  it('is whole again when its pieces are joined, however it is cut', () => {
    const body = fc.integer({ min: 0, max: 40_000 }).map(size => randomBytes(size))
    const packets = fc.array(fc.oneof(body.map(writePacket), body.map(dataPacket), fc.constant(closePacket)), { maxLength: 5 })
    fc.assert(
      fc.property(packets, fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 20 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent)
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          chunks.push(bytes.subarray(at, at + cut))
          at += cut
        }
        assert.deepEqual(Buffer.concat(pieces(chunks).map(piece => piece.bytes)), bytes)
      }),
      { numRuns: 60 },
    )
  })

  it('gives content on as it comes, in the memory it came in', () => {
    const splitter = new SftpSplitter()
    const bytes = dataPacket(Buffer.alloc(30_000, 7))
    splitter.push(bytes.subarray(0, 1_000))
    assert.equal(splitter.next()?.kind, 'head')
    const piece = splitter.next()
    assert.ok(piece?.kind === 'content' && !piece.isLast)
    assert.equal(piece.bytes.length, 1_000 - 13)
    assert.equal(piece.bytes.buffer, bytes.buffer)
    assert.equal(splitter.next(), null)
  })

  it('is refused for lengths that no packet may have', () => {
    const cut = (bytes: Buffer): void => void pieces([bytes])
    assert.throws(() => cut(Buffer.concat([uint32(4), Buffer.alloc(8)])), /a length that no packet may have/)
    assert.throws(() => cut(Buffer.concat([uint32(300_000), Buffer.alloc(8)])), /a length that no packet may have/)
    // Content that is longer or shorter than its packet, a handle that reaches beyond it.
    assert.throws(() => cut(packet(103, uint32(9), uint32(5), Buffer.alloc(4))), /not as long as it says/)
    assert.throws(() => cut(packet(103, uint32(9), uint32(3), Buffer.alloc(4))), /not as long as it says/)
    assert.throws(() => cut(packet(103, uint32(9))), /too short/)
    assert.throws(() => cut(packet(6, uint32(9), uint32(200), Buffer.alloc(50))), /too short/)
    assert.throws(() => cut(packet(6, uint32(9), uint32(0xffff_ffff), Buffer.alloc(50))), /a handle that is too long/)
  })
})
