// What was said on one PostgreSQL connection, read from its bytes alone and without the gateway's own readers; the last message may be cut.

export interface Spoken {
  readonly type: string
  /** Type, length and all. */
  readonly bytes: Buffer
  /** False for the last one, when the connection ended in the middle of it. */
  readonly isWhole: boolean
}

/** @param hasStartup true for what a client says: its first message has no type. */
export function readSpoken(
  bytes: Buffer,
  hasStartup: boolean,
): { readonly startup: ReadonlyMap<string, string>; readonly messages: readonly Spoken[] } {
  let at = 0
  const startup = new Map<string, string>()
  if (hasStartup) {
    if (bytes.length < 4 || bytes.length < bytes.readUInt32BE(0)) return { startup, messages: [] }
    at = bytes.readUInt32BE(0)
    const words = bytes.toString('utf8', 8, at).split('\0')
    for (let index = 0; index + 1 < words.length; index += 2) startup.set(words[index]!, words[index + 1]!)
  }
  const messages: Spoken[] = []
  while (at < bytes.length) {
    const end = bytes.length - at < 5 ? Number.POSITIVE_INFINITY : at + 1 + bytes.readUInt32BE(at + 1)
    messages.push({
      type: String.fromCharCode(bytes[at]!),
      bytes: bytes.subarray(at, Math.min(end, bytes.length)),
      isWhole: end <= bytes.length,
    })
    at = Math.min(end, bytes.length)
  }
  return { startup, messages }
}

/** The text of a Query or Parse, as far as it is there. */
export function textIn({ type, bytes }: Spoken): string {
  const rest = bytes.subarray(5)
  // Of a Parse the name comes first.
  const start = type === 'P' ? rest.indexOf(0) + 1 : 0
  return rest.subarray(start).toString('utf8').split('\0', 1)[0]!
}

/** The values of a whole Bind: portal, statement, formats, values; all as text here. */
export function valuesIn({ bytes }: Spoken): (string | null)[] {
  const formats = bytes.indexOf(0, bytes.indexOf(0, 5) + 1) + 1
  return cellsAt(bytes, formats + 2 + 2 * bytes.readUInt16BE(formats))
}

/** The cells of a whole DataRow. */
export function cellsIn({ bytes }: Spoken): (string | null)[] {
  return cellsAt(bytes, 5)
}

function cellsAt(bytes: Buffer, start: number): (string | null)[] {
  const cells: (string | null)[] = []
  let at = start + 2
  for (let left = bytes.readUInt16BE(start); left > 0; left -= 1) {
    const length = bytes.readInt32BE(at)
    at += 4
    cells.push(length < 0 ? null : bytes.toString('utf8', at, at + length))
    at += Math.max(0, length)
  }
  return cells
}
