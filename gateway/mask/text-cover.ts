// Covers a piece of text by kind: for cells of text types and for what patterns find. The cover's length says nothing of the text's.
import { createHmac } from 'node:crypto'
import type { MaskKind } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'

const STARS = '********'
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
    case 'hash':
      return text => keyedHash(runKey, Buffer.from(text)).toString('hex')
  }
}

/** 16 bytes that depend on the value and the run's key only. */
export function keyedHash(runKey: Buffer, value: Buffer): Buffer {
  return createHmac('sha256', runKey).update('sallyport mask\0').update(value).digest().subarray(0, HASH_BYTES)
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
