// Covers a piece of text by kind: for cells of text types and for what patterns find. The cover's length says nothing of the text's.
import { createHmac } from 'node:crypto'
import type { CellWriter } from '../core/masker.ts'
import type { MaskKind } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'
import { MAX_SHORT_BYTES, ShortHash } from './short-hash.ts'

const STARS = '********'
const STAR = 0x2a
const HASH_BYTES = 16
const HIDDEN_USER = '***@'
const AT = 0x40
const MAX_DOMAIN_BYTES = 253
const isDomainByte = new Uint8Array(256)
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-') isDomainByte[letter.charCodeAt(0)] = 1

/** Covers one text. */
export type TextCover = (text: string) => string

/**
 * @param runKey key of this run for `hash`: equal values stay equal within a run and mean nothing outside of it.
 */
export function textCover(kind: MaskKind, runKey: Buffer): TextCover {
  switch (kind.kind) {
    case 'redact':
      return () => REDACTED
    case 'null':
    case 'zero':
      return () => ''
    case 'keep-last':
      return text => keepLast(text, kind.count)
    case 'keep-domain':
      return keepDomain
    case 'hash': {
      const hash = new KeyedHash(runKey)
      return text => hash.hex(Buffer.from(text))
    }
  }
}

/** 16 bytes that depend on the value and the run's key only, as hex. */
export class KeyedHash {
  readonly #short: ShortHash
  readonly #longKey: Buffer
  readonly #out = Buffer.alloc(2 * HASH_BYTES)

  constructor(runKey: Buffer) {
    this.#short = new ShortHash(createHmac('sha256', runKey).update('short values').digest())
    this.#longKey = createHmac('sha256', runKey).update('long values').digest()
  }

  hex(value: Buffer): string {
    this.write(value, 0, value.length, this.#out, 0)
    return this.#out.toString('latin1')
  }

  /** Writes 32 hex digits. Short values by BLAKE2s, others by HMAC-SHA-256: which of them says no more than the hash itself. */
  write(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    if (end - start <= MAX_SHORT_BYTES) this.#short.write(bytes, start, end, out, at)
    else {
      const digest = createHmac('sha256', this.#longKey).update(bytes.subarray(start, end)).digest('hex')
      out.write(digest.slice(0, 2 * HASH_BYTES), at, 'latin1')
    }
    return 2 * HASH_BYTES
  }
}

/** Hash of text cells, where they stand. */
export function hashWriter(hash: KeyedHash): CellWriter {
  return { maxBytes: 2 * HASH_BYTES, write: (bytes, start, end, out, at) => hash.write(bytes, start, end, out, at) }
}

/** The end of text cells, without reading the rest, where it is ASCII. @param count letters that are kept. */
export function keepLastWriter(count: number): CellWriter {
  return {
    maxBytes: STARS.length + count,
    write(bytes, start, end, out, at) {
      const from = end - count
      if (end - start < 2 * count) return -1
      // Letters of several bytes would be counted as several.
      for (let place = end - 2 * count; place < end; place++) if ((bytes[place] ?? 0x80) >= 0x80) return -1
      for (let place = 0; place < STARS.length; place++) out[at + place] = STAR
      for (let place = 0; place < count; place++) out[at + STARS.length + place] = bytes[from + place] ?? STAR
      return STARS.length + count
    },
  }
}

/** The domain of text cells; -1 where it does not look like one. */
export const keepDomainWriter: CellWriter = {
  maxBytes: HIDDEN_USER.length + MAX_DOMAIN_BYTES,
  write(bytes, start, end, out, at) {
    let from = end
    while (from > start && bytes[from - 1] !== AT) from--
    // Nothing before the at sign, or no at sign: the words of `keepDomain` stand for it.
    if (from - 1 <= start || end === from || end - from > MAX_DOMAIN_BYTES) return -1
    for (let place = from; place < end; place++) if (isDomainByte[bytes[place] ?? 0] === 0) return -1
    if (isBorderByte(bytes[from]) || isBorderByte(bytes[end - 1])) return -1
    for (let place = 0; place < HIDDEN_USER.length; place++) out[at + place] = HIDDEN_USER.charCodeAt(place)
    for (let place = from; place < end; place++) out[at + HIDDEN_USER.length + place - from] = bytes[place] ?? 0
    return HIDDEN_USER.length + end - from
  },
}

/** A dot or a hyphen, with which no domain begins or ends. */
function isBorderByte(byte: number | undefined): boolean {
  return byte === 0x2e || byte === 0x2d
}

/** A text shorter than twice what is kept would be given away by its end: then stars stand for the end too. */
function keepLast(text: string, count: number): string {
  const letters = Array.from(text)
  if (letters.length < 2 * count) return STARS + '*'.repeat(count)
  return STARS + letters.slice(letters.length - count).join('')
}

function keepDomain(text: string): string {
  const at = text.lastIndexOf('@')
  const domain = text.slice(at + 1)
  // Only something that looks like a host name is kept; an at sign in a sentence must not show the rest of it.
  if (at < 1 || !/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(domain)) return REDACTED
  return `***@${domain}`
}
