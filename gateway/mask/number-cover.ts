// Covers for whole numbers, so that a client's number parser takes them. Binary numeric is not handled here (the mask answers NULL).
import type { TypeShape } from './type-shape.ts'

type Format = 0 | 1

/** Digits shown for a hash of each type: every number of that many digits fits. */
const HASH_DIGITS = { int2: 4, int4: 9, int8: 18, numeric: 18 } as const

/** The last `count` digits as a number; 0 when the number has fewer than twice as many digits. Sign and fraction are dropped. */
export function numberTail(cell: Buffer, shape: TypeShape, format: Format, count: number): Buffer | null {
  const digits = digitsOf(cell, shape, format)
  if (digits === null) return null
  const tail = digits.length < 2 * count ? 0n : BigInt(digits.slice(digits.length - count))
  return numberCell(tail, shape, format)
}

/** A number made from the hash, in the range of the type. */
export function hashedNumber(hash: Buffer, shape: TypeShape, format: Format): Buffer | null {
  if (shape !== 'int2' && shape !== 'int4' && shape !== 'int8' && shape !== 'numeric') return null
  return numberCell(hash.readBigUInt64BE(0) % 10n ** BigInt(HASH_DIGITS[shape]), shape, format)
}

function digitsOf(cell: Buffer, shape: TypeShape, format: Format): string | null {
  if (format === 0) {
    const text = cell.toString('latin1')
    const digits = /^[+-]?(\d+)(?:\.\d*)?$/.exec(text)?.[1]
    return digits ?? null
  }
  const width = WIDTHS[shape]
  if (width === undefined || cell.length !== width) return null
  return String(width === 8 ? cell.readBigInt64BE(0) : cell.readIntBE(0, width)).replace('-', '')
}

const WIDTHS: Readonly<Partial<Record<TypeShape, 2 | 4 | 8>>> = { int2: 2, int4: 4, int8: 8 }

function numberCell(value: bigint, shape: TypeShape, format: Format): Buffer | null {
  const width = WIDTHS[shape]
  // A tail of a longer number may not fit a narrow type: 40001 of an int2 (keep-last-5).
  if (width !== undefined && value >= 1n << BigInt(width * 8 - 1)) return numberCell(0n, shape, format)
  if (format === 0) return Buffer.from(value.toString())
  if (width === undefined) return null
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes.subarray(8 - width)
}
