// Covers a piece of text by kind: for cells of text types and for what patterns find. The cover's length says nothing of the text's.
import { createHmac } from 'node:crypto'
import type { CellWriter } from '../core/masker.ts'
import type { MaskKind } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'
import { MAX_SHORT_BYTES, ShortHash } from './short-hash.ts'

const STARS = '********'
const STAR = 0x2a
const HASH_BYTES = 16

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
  return { isPlain: true, maxBytes: 2 * HASH_BYTES, write: (bytes, start, end, out, at) => hash.write(bytes, start, end, out, at) }
}

/** The end of text cells, without reading the rest, where it is ASCII. @param count letters that are kept. */
export function keepLastWriter(count: number): CellWriter {
  return {
    isPlain: false,
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
