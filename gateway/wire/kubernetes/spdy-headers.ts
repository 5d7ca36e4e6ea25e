// Header blocks of SPDY/3.1: one zlib stream for each direction of a connection, which starts with the protocol's own dictionary and is
// flushed to a byte's end after every block. Pure.
// Layout of a block: number of pairs (32 bits) | length (32), name | length (32), value | …
import { deflateRawSync, constants, inflateRawSync } from 'node:zlib'

export type SpdyHeaders = ReadonlyMap<string, string>

/** What deflate can look back to. */
const WINDOW_BYTES = 32_768
/** Of one block, unpacked; exec and port-forward need less than a hundred bytes. */
const MAX_BLOCK_BYTES = 64 * 1_024
/** Method, window, and that a dictionary follows; then the dictionary's Adler-32. */
const ZLIB_HEAD = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2])

// The dictionary (SPDY Protocol, draft 3.1, 2.6.10.1): words with their lengths in front, then text without.
const words =
  `options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization
  cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range
  content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified
  location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding
  upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin`
    .split(/\s+/)
    .map(word => word.replace('_', ' '))
const statuses = '100 101 201 202 205 206 300 302 303 304 305 306 307 402 405 406 407 408 409 410 411 412 413 414 415 416 417 502 504 505'
const phrases = `203 Non-Authoritative Information|204 No Content|301 Moved Permanently|400 Bad Request|401 Unauthorized|403 Forbidden|404 Not Found|500 Internal Server Error|501 Not Implemented|503 Service Unavailable`
const rest =
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'

/** 1423 bytes. */
export const spdyDictionary: Buffer = Buffer.concat([
  ...words.map(measured),
  Buffer.from(statuses.replaceAll(' ', '') + phrases.replaceAll('|', '') + rest),
])

/** Unpacks the blocks of one direction, in their order. */
export class SpdyHeaderReader {
  #window: Buffer | null = null

  /** @throws {RangeError} when it cannot be unpacked, is too large or is no list of pairs: nothing behind it can be read either. */
  read(block: Buffer): SpdyHeaders {
    const isFirst = this.#window === null
    // The level among the first two bytes is the writer's own business.
    if (isFirst && (block.length < 6 || (block.readUInt8(0) & 0x0f) !== 8 || !block.subarray(2, 6).equals(ZLIB_HEAD.subarray(2)))) {
      throw new RangeError('a header block does not begin as one')
    }
    const window = this.#window ?? spdyDictionary
    const plain = unpack(isFirst ? block.subarray(6) : block, window)
    this.#window = slid(window, plain)
    return pairsOf(plain)
  }
}

/** Packs the blocks of one direction. */
export class SpdyHeaderWriter {
  #window: Buffer | null = null

  write(headers: Iterable<readonly [string, string]>): Buffer {
    const pairs = [...headers]
    const plain = Buffer.concat([number(pairs.length), ...pairs.flatMap(([name, value]) => [measured(name), measured(value)])])
    const window = this.#window ?? spdyDictionary
    const packed = deflateRawSync(plain, { dictionary: window, finishFlush: constants.Z_SYNC_FLUSH })
    const isFirst = this.#window === null
    this.#window = slid(window, plain)
    return isFirst ? Buffer.concat([ZLIB_HEAD, packed]) : packed
  }
}

function unpack(block: Buffer, dictionary: Buffer): Buffer {
  try {
    return inflateRawSync(block, { dictionary, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_BLOCK_BYTES })
  } catch (error) {
    throw new RangeError('a header block cannot be unpacked', { cause: error })
  }
}

function slid(window: Buffer, added: Buffer): Buffer {
  const all = Buffer.concat([window, added])
  return all.subarray(Math.max(0, all.length - WINDOW_BYTES))
}

function pairsOf(plain: Buffer): SpdyHeaders {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > plain.length) throw new RangeError('a header block ends early')
    at += length
    return plain.subarray(at - length, at)
  }
  const text = (): string => take(take(4).readUInt32BE(0)).toString('latin1')
  const headers = new Map<string, string>()
  const count = take(4).readUInt32BE(0)
  for (let pair = 0; pair < count; pair += 1) {
    const name = text().toLowerCase()
    // Two readers could take different ones.
    if (headers.has(name)) throw new RangeError('a header block has a name twice')
    headers.set(name, text())
  }
  if (at !== plain.length) throw new RangeError('a header block has more than its pairs')
  return headers
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function measured(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([number(bytes.length), bytes])
}
