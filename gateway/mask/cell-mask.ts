// One kind of mask for cells of any type, in text and binary format. Constant wherever it can be, so that rows cost no object.
import type { CellMask, CellWriter } from '../core/masker.ts'
import type { MaskKind } from '../core/mask-rule.ts'
import { redactedValue, zeroValue } from './blank-value.ts'
import { numberTail, hashedNumber } from './number-cover.ts'
import { KeyedHash, hashWriter, keepDomainWriter, keepLastWriter, textCover } from './text-cover.ts'
import { typeShape } from './type-shape.ts'
import type { TypeShape } from './type-shape.ts'

type Format = 0 | 1

/** @param rule name of the `masks:` entry. @param runKey key of this run, for `hash`. */
export function cellMask(rule: string, kind: MaskKind, runKey: Buffer): CellMask {
  const constants = new Map<number, Buffer | null | undefined>()
  const hash = new KeyedHash(runKey)
  const vary = varyingCell(kind, runKey, hash)
  const textWriter = writerOf(kind, hash)
  const constant = (typeOid: number, format: Format): Buffer | null | undefined => {
    const key = typeOid * 2 + format
    if (!constants.has(key)) constants.set(key, constantCell(kind, typeShape(typeOid), format))
    return constants.get(key)
  }
  return {
    rule,
    constant,
    apply(cell, typeOid, format) {
      const fixed = constant(typeOid, format)
      return fixed === undefined ? vary(cell, typeShape(typeOid), format) : fixed
    },
    writer: typeOid => (typeShape(typeOid) === 'text' ? textWriter : null),
  }
}

function writerOf(kind: MaskKind, hash: KeyedHash): CellWriter | null {
  switch (kind.kind) {
    case 'hash':
      return hashWriter(hash)
    case 'keep-last':
      return keepLastWriter(kind.count)
    case 'keep-domain':
      return keepDomainWriter
    case 'redact':
    case 'null':
    case 'zero':
      return null
  }
}

/** undefined where the output depends on the value. */
function constantCell(kind: MaskKind, shape: TypeShape, format: Format): Buffer | null | undefined {
  switch (kind.kind) {
    case 'null':
      return null
    case 'redact':
      return redactedValue(shape, format)
    case 'zero':
      return zeroValue(shape, format)
    case 'keep-last':
      return shape === 'text' || isNumber(shape, format) ? undefined : redactedValue(shape, format)
    case 'keep-domain':
      return shape === 'text' ? undefined : redactedValue(shape, format)
    case 'hash':
      return isHashable(shape, format) ? undefined : redactedValue(shape, format)
  }
}

function isNumber(shape: TypeShape, format: Format): boolean {
  return shape === 'int2' || shape === 'int4' || shape === 'int8' || (shape === 'numeric' && format === 0)
}

function isHashable(shape: TypeShape, format: Format): boolean {
  return shape === 'text' || shape === 'json' || shape === 'jsonb' || shape === 'bytea' || shape === 'uuid' || isNumber(shape, format)
}

function varyingCell(kind: MaskKind, runKey: Buffer, hashes: KeyedHash): (cell: Buffer, shape: TypeShape, format: Format) => Buffer | null {
  const cover = textCover(kind, runKey)
  return (cell, shape, format) => {
    if (shape === 'text') {
      if (kind.kind === 'hash') return Buffer.from(hashes.hex(cell), 'latin1')
      return Buffer.from(cover(cell.toString('utf8')))
    }
    if (kind.kind === 'keep-last') return numberTail(cell, shape, format, kind.count)
    if (kind.kind !== 'hash') return redactedValue(shape, format)
    const hex = hashes.hex(cell)
    const hash = Buffer.from(hex, 'hex')
    if (shape === 'json' || shape === 'jsonb') return Buffer.from(`${shape === 'jsonb' && format === 1 ? '\u0001' : ''}"${hex}"`)
    if (shape === 'bytea') return format === 0 ? Buffer.from(`\\x${hex}`) : hash
    return shape === 'uuid' ? hashedUuid(hash, format) : hashedNumber(hash, shape, format)
  }
}

/** Shaped as a random (version 4) UUID. */
function hashedUuid(hash: Buffer, format: Format): Buffer {
  const bytes = Buffer.from(hash)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  if (format === 1) return bytes
  const hex = bytes.toString('hex')
  return Buffer.from(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`)
}
