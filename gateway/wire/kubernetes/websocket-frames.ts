// WebSocket frames as they come over a connection (RFC 6455, 5.2): read one side of it, write unmasked binary messages. Pure.
// Layout: fin, opcode | masked, length (7 bits, or 16, or 64) | masking key, if masked | payload.

/** One frame of a stream; kubelets send far less at a time. */
const MAX_FRAME_BYTES = 8 * 1_024 * 1_024

export interface WebSocketFrame {
  readonly isFinal: boolean
  /** 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number
  /** Without its masking. */
  readonly payload: Buffer
  /** The frame as it came. */
  readonly bytes: Buffer
}

export class WebSocketReader {
  #ahead: Buffer = Buffer.alloc(0)

  /** @throws {RangeError} for a frame that is too large, or has bits that no agreed extension explains. */
  push(chunk: Buffer): readonly WebSocketFrame[] {
    this.#ahead = this.#ahead.length === 0 ? chunk : Buffer.concat([this.#ahead, chunk])
    const frames: WebSocketFrame[] = []
    for (let frame = this.#next(); frame !== null; frame = this.#next()) {
      frames.push(frame)
      this.#ahead = this.#ahead.subarray(frame.bytes.length)
    }
    return frames
  }

  #next(): WebSocketFrame | null {
    const bytes = this.#ahead
    if (bytes.length < 2) return null
    const first = bytes.readUInt8(0)
    const second = bytes.readUInt8(1)
    if ((first & 0x70) !== 0) throw new RangeError('a frame uses an extension that was not agreed on')
    let at = 2
    let length = second & 0x7f
    if (length === 126) {
      if (bytes.length < 4) return null
      length = bytes.readUInt16BE(2)
      at = 4
    } else if (length === 127) {
      if (bytes.length < 10) return null
      const long = bytes.readBigUInt64BE(2)
      if (long > BigInt(MAX_FRAME_BYTES)) throw new RangeError('a frame is too large')
      length = Number(long)
      at = 10
    }
    const isMasked = (second & 0x80) !== 0
    const from = isMasked ? at + 4 : at
    if (bytes.length < from + length) return null
    const payload = isMasked ? unmasked(bytes.subarray(from, from + length), bytes.subarray(at, from)) : bytes.subarray(from, from + length)
    return { isFinal: (first & 0x80) !== 0, opcode: first & 0x0f, payload, bytes: bytes.subarray(0, from + length) }
  }
}

/** A whole binary message, unmasked, as a server sends it. */
export function writeBinary(...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length < 126) return Buffer.concat([Buffer.from([0x82, length]), ...parts])
  const head = Buffer.alloc(length < 65_536 ? 4 : 10)
  head[0] = 0x82
  if (length < 65_536) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, ...parts])
}

function unmasked(payload: Buffer, key: Buffer): Buffer {
  const plain = Buffer.from(payload)
  for (let at = 0; at < plain.length; at += 1) plain[at] = (plain[at] ?? 0) ^ (key[at % 4] ?? 0)
  return plain
}
