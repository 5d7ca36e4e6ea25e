// Builds messages: type, length counting itself, body. Strings must not hold a zero byte.

/** One field of a body: a string is written with its terminator, a Buffer as it is. */
export type Field = Buffer | string

/** A tagged message; `type` 0 writes an untagged one (startup, SSLRequest, CancelRequest). */
export function message(type: number, fields: readonly Field[]): Buffer {
  let length = 4
  for (const field of fields) length += typeof field === 'string' ? Buffer.byteLength(field) + 1 : field.length
  const tag = type === 0 ? 0 : 1
  const bytes = Buffer.allocUnsafe(length + tag)
  if (tag === 1) bytes.writeUInt8(type, 0)
  bytes.writeInt32BE(length, tag)
  let at = tag + 4
  for (const field of fields) {
    if (typeof field === 'string') {
      at += bytes.write(field, at)
      bytes.writeUInt8(0, at++)
    } else {
      at += field.copy(bytes, at)
    }
  }
  return bytes
}

export function byte(value: number): Buffer {
  return Buffer.of(value)
}

export function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** A length and the bytes; null becomes length -1. */
export function value(bytes: Buffer | null): Buffer {
  return bytes === null ? int32(-1) : Buffer.concat([int32(bytes.length), bytes])
}
