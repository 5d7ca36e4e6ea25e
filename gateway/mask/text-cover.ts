// Covers a piece of text by kind: for cells of text types and for what patterns find. The cover's length says nothing of the text's.
import { hash } from 'node:crypto'
import type { MaskKind } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'

const STARS = '********'
const STAR = 0x2a
const HASH_BYTES = 16
/** Of SHA-256. */
const DIGEST_BYTES = 32
const BLOCK_BYTES = 64

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
      const hashed = keyedHash(runKey)
      return text => hashed(Buffer.from(text))
    }
  }
}

/** 16 bytes that depend on the value and the run's key only, as hex. */
export type KeyedHash = (value: Buffer) => string

/** Longer values get a block of their own. */
const KEPT_VALUE_BYTES = 4_096

/**
 * HMAC-SHA-256 (RFC 2104) by two one-shot hashes into blocks that are kept: no object for a value. Hex, because node makes a Buffer for a
 * digest four times as slowly as a string.
 */
export function keyedHash(runKey: Buffer): KeyedHash {
  const key = Buffer.alloc(BLOCK_BYTES)
  ;(runKey.length > BLOCK_BYTES ? hash('sha256', runKey, 'buffer') : runKey).copy(key)
  const inner = Buffer.alloc(BLOCK_BYTES + KEPT_VALUE_BYTES)
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES)
  for (let at = 0; at < BLOCK_BYTES; at++) {
    inner[at] = (key[at] ?? 0) ^ 0x36
    outer[at] = (key[at] ?? 0) ^ 0x5c
  }
  return value => {
    const isKept = value.length <= KEPT_VALUE_BYTES
    if (isKept) value.copy(inner, BLOCK_BYTES)
    const block = isKept ? inner.subarray(0, BLOCK_BYTES + value.length) : Buffer.concat([inner.subarray(0, BLOCK_BYTES), value])
    outer.write(hash('sha256', block, 'hex'), BLOCK_BYTES, 'hex')
    return hash('sha256', outer, 'hex').slice(0, 2 * HASH_BYTES)
  }
}

/**
 * The same cover for a cell whose end is ASCII, without reading the rest; null when it must be read as text.
 * @param count letters that are kept.
 */
export function keepLastBytes(cell: Buffer, count: number): Buffer | null {
  const from = cell.length - 2 * count
  if (from < 0) return null
  for (let at = from; at < cell.length; at++) if ((cell[at] ?? 0x80) >= 0x80) return null
  const cover = Buffer.allocUnsafe(STARS.length + count)
  cover.fill(STAR, 0, STARS.length)
  for (let at = 0; at < count; at++) cover[STARS.length + at] = cell[cell.length - count + at] ?? STAR
  return cover
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
