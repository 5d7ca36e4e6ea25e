// Frames of SPDY/3.1, one direction of a connection, however its bytes are cut. Control frames come whole, data as it arrives. Pure.
// Layout, control: 1, version (15 bits) | type (16) | flags (8), length (24) | data.
// Layout, data: 0, stream (31) | flags (8), length (24) | payload.
import { SpdyHeaderReader } from './spdy-headers.ts'
import type { SpdyHeaders } from './spdy-headers.ts'

const HEAD_BYTES = 8
const FIN = 0x01
/** A control frame: a header block with its ids. */
const MAX_CONTROL_BYTES = 64 * 1_024
const VERSION = 3
const STREAM_MASK = 0x7fff_ffff

const controlCodes = {
  'syn-stream': 1,
  'syn-reply': 2,
  'rst-stream': 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  'window-update': 9,
} as const
export type SpdyControlType = keyof typeof controlCodes

export type SpdyFrame =
  | {
      readonly kind: 'control'
      readonly type: SpdyControlType
      /** Stream that it is about; 0 where it is about the connection. */
      readonly stream: number
      readonly isLast: boolean
      /** Of syn-stream, syn-reply and headers; empty for the others. */
      readonly headers: SpdyHeaders
      /** The frame as it came. */
      readonly bytes: Buffer
    }
  | {
      readonly kind: 'data'
      readonly stream: number
      /** A part of the frame's payload: all of it that is here. */
      readonly payload: Buffer
      /** With this part the sender's side of the stream ends. */
      readonly isLast: boolean
    }

export class SpdyReader {
  readonly #headers = new SpdyHeaderReader()
  #ahead: Buffer = Buffer.alloc(0)
  #data: { readonly stream: number; readonly isLast: boolean; left: number } | null = null

  /** @throws {RangeError} for a frame that is not of this protocol, or too large. */
  push(chunk: Buffer): readonly SpdyFrame[] {
    const frames: SpdyFrame[] = []
    let rest = this.#ahead.length === 0 ? chunk : Buffer.concat([this.#ahead, chunk])
    for (;;) {
      if (this.#data !== null) {
        if (rest.length === 0 && this.#data.left > 0) break
        const payload = rest.subarray(0, this.#data.left)
        rest = rest.subarray(payload.length)
        this.#data.left -= payload.length
        const { stream, isLast, left } = this.#data
        frames.push({ kind: 'data', stream, payload, isLast: isLast && left === 0 })
        if (left > 0) break
        this.#data = null
        continue
      }
      if (rest.length < HEAD_BYTES) break
      const first = rest.readUInt32BE(0)
      const flags = rest.readUInt8(4)
      const length = rest.readUIntBE(5, 3)
      if ((first & 0x8000_0000) === 0) {
        this.#data = { stream: first, isLast: (flags & FIN) !== 0, left: length }
        rest = rest.subarray(HEAD_BYTES)
        continue
      }
      if (length > MAX_CONTROL_BYTES) throw new RangeError('a control frame is too large')
      if (rest.length < HEAD_BYTES + length) break
      frames.push(this.#control(rest.subarray(0, HEAD_BYTES + length), first, flags))
      rest = rest.subarray(HEAD_BYTES + length)
    }
    this.#ahead = rest.length === 0 ? rest : Buffer.from(rest)
    return frames
  }

  #control(bytes: Buffer, first: number, flags: number): SpdyFrame {
    const type = typeOf(first & 0xffff)
    if (((first >>> 16) & 0x7fff) !== VERSION || type === null) throw new RangeError('a control frame that SPDY/3.1 does not have')
    const id = (): number => {
      if (bytes.length < HEAD_BYTES + 4) throw new RangeError('a control frame is too short')
      return bytes.readUInt32BE(HEAD_BYTES) & STREAM_MASK
    }
    const of = (stream: number, block: Buffer | null): SpdyFrame => ({
      kind: 'control',
      type,
      stream,
      isLast: (flags & FIN) !== 0,
      headers: block === null ? new Map() : this.#headers.read(block),
      bytes,
    })
    switch (type) {
      case 'syn-stream':
        return of(id(), bytes.subarray(HEAD_BYTES + 10))
      case 'syn-reply':
      case 'headers':
        return of(id(), bytes.subarray(HEAD_BYTES + 4))
      case 'rst-stream':
      case 'window-update':
        return of(id(), null)
      case 'settings':
      case 'ping':
      case 'goaway':
        return { kind: 'control', type, stream: 0, isLast: false, headers: new Map(), bytes }
    }
  }
}

export function writeSpdyData(stream: number, payload: Buffer, isLast: boolean): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(stream & STREAM_MASK, 0)
  head.writeUInt8(isLast ? FIN : 0, 4)
  head.writeUIntBE(payload.length, 5, 3)
  return Buffer.concat([head, payload])
}

/** @param body everything behind the length: ids and, packed, headers. */
export function writeSpdyControl(type: SpdyControlType, isLast: boolean, ...body: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16BE(0x8000 | VERSION, 0)
  head.writeUInt16BE(controlCodes[type], 2)
  head.writeUInt8(isLast ? FIN : 0, 4)
  head.writeUIntBE(
    body.reduce((sum, part) => sum + part.length, 0),
    5,
    3,
  )
  return Buffer.concat([head, ...body])
}

function typeOf(code: number): SpdyControlType | null {
  switch (code) {
    case 1:
      return 'syn-stream'
    case 2:
      return 'syn-reply'
    case 3:
      return 'rst-stream'
    case 4:
      return 'settings'
    case 6:
      return 'ping'
    case 7:
      return 'goaway'
    case 8:
      return 'headers'
    case 9:
      return 'window-update'
    default:
      return null
  }
}
