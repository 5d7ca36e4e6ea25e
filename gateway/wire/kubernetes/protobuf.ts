// Fields of one protobuf message, strictly: what two readers could take apart differently is refused. Pure.
// Layout of a field: number << 3 | wire type (varint) | value; a value of wire type 2 has its length (varint) in front.

export type ProtobufValue = bigint | Buffer

/** Fields of one message by number, in their order. */
export type ProtobufFields = ReadonlyMap<number, readonly ProtobufValue[]>

const MAX_FIELDS = 100_000

/** @throws {RangeError} when the bytes are no message. */
export function readFields(bytes: Buffer): ProtobufFields {
  const fields = new Map<number, ProtobufValue[]>()
  let at = 0
  let count = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = bytes[at]
      if (byte === undefined) throw new RangeError('a number ends early')
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new RangeError('a number is too long')
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('a field ends early')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    count += 1
    if (count > MAX_FIELDS) throw new RangeError('a message has too many fields')
    const tag = varint()
    const number = Number(tag >> 3n)
    if (number === 0 || number > 0x1fff_ffff) throw new RangeError('a field that no message has')
    const values = fields.get(number) ?? []
    fields.set(number, values)
    values.push(valueOf(Number(tag & 7n)))
  }
  return fields

  function valueOf(wireType: number): ProtobufValue {
    switch (wireType) {
      case 0:
        return varint()
      case 1:
        return take(8)
      case 2: {
        const length = varint()
        if (length > BigInt(bytes.length)) throw new RangeError('a field ends early')
        return take(Number(length))
      }
      case 5:
        return take(4)
      default:
        throw new RangeError('a field of a kind that is not used')
    }
  }
}

/** The bytes of a field that stands at most once; null when it is absent. @throws {RangeError} when it stands twice, or is a number. */
export function bytesOf(fields: ProtobufFields, number: number): Buffer | null {
  const [value, second] = fields.get(number) ?? []
  if (second !== undefined) throw new RangeError('a field stands twice')
  if (value === undefined) return null
  if (typeof value === 'bigint') throw new RangeError('a number where bytes are expected')
  return value
}

/** The text of such a field, empty when it is absent. @throws {RangeError} when it is no UTF-8. */
export function textOf(fields: ProtobufFields, number: number): string {
  return text(bytesOf(fields, number) ?? Buffer.alloc(0))
}

export function textsOf(fields: ProtobufFields, number: number): readonly string[] {
  return messagesOf(fields, number).map(text)
}

/** Bytes of a field that may repeat. */
export function messagesOf(fields: ProtobufFields, number: number): readonly Buffer[] {
  return (fields.get(number) ?? []).map(value => {
    if (typeof value === 'bigint') throw new RangeError('a number where bytes are expected')
    return value
  })
}

/** A map with text keys. @throws {RangeError} for a key that stands twice. */
export function mapOf(fields: ProtobufFields, number: number): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const entry of messagesOf(fields, number)) {
    const pair = readFields(entry)
    const key = textOf(pair, 1)
    if (found.has(key)) throw new RangeError('a key stands twice')
    found.set(key, bytesOf(pair, 2) ?? Buffer.alloc(0))
  }
  return found
}

function text(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new RangeError('a text is no UTF-8', { cause: error })
  }
}
