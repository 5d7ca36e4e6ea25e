// The server's side of SPDY/3.1, as kubelets speak it: streams with headers over one connection that was switched to it.
// Layout: control bit, version 3 (15 bits), type (16) or stream id (31) | flags (8) | length (24) | payload. Headers are one zlib stream a side.
import { Duplex } from 'node:stream'
import { constants, createDeflate, createInflate } from 'node:zlib'

const FIN = 1
const types = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const
const MAX_PAYLOAD = 16_384

/** One stream that the client opened; ends its half of the stream when it is ended. */
export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: ReadonlyMap<string, string>
  readonly #send: (payload: Buffer, flags: number, done: () => void) => void

  constructor(id: number, headers: ReadonlyMap<string, string>, send: (payload: Buffer, flags: number, done: () => void) => void) {
    super({ allowHalfOpen: true })
    this.id = id
    this.headers = headers
    this.#send = send
  }

  override _read(): void {}

  override _write(bytes: Buffer, _: string, done: () => void): void {
    for (let at = MAX_PAYLOAD; at < bytes.length; at += MAX_PAYLOAD) {
      this.#send(bytes.subarray(at - MAX_PAYLOAD, at), 0, () => undefined)
    }
    this.#send(bytes.subarray(Math.floor((bytes.length - 1) / MAX_PAYLOAD) * MAX_PAYLOAD), 0, done)
  }

  override _final(done: () => void): void {
    this.#send(Buffer.alloc(0), FIN, done)
  }
}

export interface SpdyConnection {
  /** Says that no stream follows, and closes. */
  close(): void
}

/** @param onStream gets each stream as the client opens it, after it was told that it is open. */
export function serveSpdy(socket: Duplex, onStream: (stream: SpdyStream) => void): SpdyConnection {
  const streams = new Map<number, SpdyStream>()
  const inflate = createInflate({ dictionary })
  const deflate = createDeflate({ dictionary })
  let lastId = 0
  void read().finally(() => {
    inflate.close()
    deflate.close()
    for (const stream of streams.values()) stream.destroy()
    socket.destroy()
  })
  return {
    close() {
      if (!socket.writable) return
      socket.write(control(types.goAway, 0, uint32s(lastId, 0)))
      socket.end()
    },
  }

  async function read(): Promise<void> {
    let ahead: Buffer = Buffer.alloc(0)
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        ahead = ahead.length === 0 ? chunk : Buffer.concat([ahead, chunk])
        while (ahead.length >= 8) {
          const length = ahead.readUIntBE(5, 3)
          if (ahead.length < 8 + length) break
          await take(ahead.subarray(0, 8), ahead.subarray(8, 8 + length))
          ahead = ahead.subarray(8 + length)
        }
      }
    } catch {
      // The connection is gone, and its streams with it.
    }
  }

  async function take(head: Buffer, payload: Buffer): Promise<void> {
    const word = head.readUInt32BE(0)
    const isLast = (head.readUInt8(4) & FIN) !== 0
    if (word < 0x8000_0000) {
      const stream = streams.get(word)
      if (payload.length > 0) stream?.push(Buffer.from(payload))
      if (isLast) stream?.push(null)
      return
    }
    switch (word & 0xffff) {
      case types.synStream: {
        const id = payload.readUInt32BE(0)
        const headers = readHeaders(await flushed(inflate, payload.subarray(10)))
        lastId = id
        const stream = new SpdyStream(id, headers, (bytes, flags, done) => {
          if (socket.writable) socket.write(Buffer.concat([uint32s(id, (flags << 24) | bytes.length), bytes]), () => done())
          else done()
        })
        stream.on('error', () => stream.destroy())
        streams.set(id, stream)
        if (isLast) stream.push(null)
        socket.write(control(types.synReply, 0, Buffer.concat([uint32s(id), await flushed(deflate, uint32s(0))])))
        onStream(stream)
        break
      }
      case types.reset:
        streams.get(payload.readUInt32BE(0))?.destroy()
        break
      case types.ping:
        // Odd numbers are the client's.
        if (payload.readUInt32BE(0) % 2 === 1) socket.write(control(types.ping, 0, payload))
        break
    }
  }
}

function control(type: number, flags: number, payload: Buffer): Buffer {
  return Buffer.concat([uint32s(0x8003_0000 + type, (flags << 24) | payload.length), payload])
}

function uint32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4))
  return bytes
}

function readHeaders(block: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  let at = 4
  const text = (): string => {
    const length = block.readUInt32BE(at)
    at += 4 + length
    return block.toString('utf8', at - length, at)
  }
  for (let left = block.readUInt32BE(0); left > 0; left -= 1) headers.set(text().toLowerCase(), text())
  return headers
}

/** What a running (de)compression makes of one block. */
function flushed(through: ReturnType<typeof createInflate> | ReturnType<typeof createDeflate>, block: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const collect = (part: Buffer): void => void parts.push(part)
    through.once('error', reject)
    through.on('data', collect)
    through.write(block)
    through.flush(constants.Z_SYNC_FLUSH, () => {
      // The flush has left; its bytes are read by now, or in the same turn.
      setImmediate(() => {
        through.off('data', collect)
        through.off('error', reject)
        resolve(Buffer.concat(parts))
      })
    })
  })
}

/** The words that both sides of SPDY/3 know beforehand (SPDY draft 3.1, 2.6.10.1): each with its length, then the rest in one piece. */
const known =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200|OK version HTTP/1.1 url public set-cookie keep-alive origin'
const tail =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'
const dictionary = Buffer.concat([
  ...known.split(' ').flatMap(word => [uint32s(word.length), Buffer.from(word.replace('|', ' '))]),
  Buffer.from(tail),
])
