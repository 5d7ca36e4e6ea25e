// Writes objects in the API's protobuf form, for tests.

function varint(value: bigint): Buffer {
  const out: number[] = []
  for (let left = value; ; left >>= 7n) {
    if (left < 0x80n) return Buffer.from([...out, Number(left)])
    out.push(Number(left & 0x7fn) | 0x80)
  }
}

export function number(field: number, value: bigint): Buffer {
  return Buffer.concat([varint(BigInt(field << 3)), varint(value)])
}

export function bytes(field: number, value: string | Buffer): Buffer {
  const content = Buffer.from(value)
  return Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(content.length)), content])
}

export function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), bytes(1, Buffer.concat([bytes(1, apiVersion), bytes(2, kind)])), bytes(2, raw)])
}

export function secret(parts: { name: string; data: Record<string, Buffer>; stringData: Record<string, string> }): Buffer {
  const map = (field: number, entries: Record<string, string | Buffer>): Buffer =>
    Buffer.concat(Object.entries(entries).map(([key, value]) => bytes(field, Buffer.concat([bytes(1, key), bytes(2, value)]))))
  return envelope(
    'v1',
    'Secret',
    Buffer.concat([bytes(1, bytes(1, parts.name)), map(2, parts.data), bytes(3, 'Opaque'), map(4, parts.stringData)]),
  )
}
