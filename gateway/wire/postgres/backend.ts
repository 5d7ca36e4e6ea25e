// Readers of backend messages. Each gets the buffer and [start, end) of one whole message, header included.
import { MessageReader } from './message-reader.ts'
import { WireError } from './wire-error.ts'

const BODY = 5

export interface ResultColumn {
  readonly name: string
  /** 0 when the column is not a plain table column. */
  readonly tableOid: number
  readonly attribute: number
  readonly typeOid: number
  readonly format: 0 | 1
}

export type Authentication =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly salt: Buffer }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'sasl-continue'; readonly challenge: Buffer }
  | { readonly kind: 'sasl-final'; readonly outcome: Buffer }
  | { readonly kind: 'other'; readonly code: number }

/**
 * RowDescription: int16 n | n * (string name | int32 table | int16 attribute | int32 type | int16 size | int32 modifier | int16 format).
 */
export function readRowDescription(bytes: Buffer, start: number, end: number): readonly ResultColumn[] {
  const reader = new MessageReader(bytes, start + BODY, end)
  const columns: ResultColumn[] = []
  for (let left = reader.count(19); left > 0; left--) {
    const name = reader.cstring().toString('utf8')
    const tableOid = reader.uint32()
    const attribute = reader.int16()
    const typeOid = reader.uint32()
    reader.int16()
    reader.int32()
    const format = reader.int16()
    if (format !== 0 && format !== 1) throw new WireError('a format is neither text nor binary', start)
    columns.push({ name, tableOid, attribute, typeOid, format })
  }
  reader.end()
  return columns
}

/** DataRow: int16 n | n * (int32 length or -1 | bytes). The cells are views of `bytes`. */
export function readDataRow(bytes: Buffer, start: number, end: number): readonly (Buffer | null)[] {
  const reader = new MessageReader(bytes, start + BODY, end)
  const cells: (Buffer | null)[] = []
  for (let left = reader.count(4); left > 0; left--) cells.push(reader.value())
  reader.end()
  return cells
}

/** CommandComplete: string tag. */
export function readCommandComplete(bytes: Buffer, start: number, end: number): string {
  const reader = new MessageReader(bytes, start + BODY, end)
  const tag = reader.cstring().toString('utf8')
  reader.end()
  return tag
}

/** ErrorResponse and NoticeResponse: (byte1 field | string)* | byte1 0. */
export function readFields(bytes: Buffer, start: number, end: number): ReadonlyMap<string, string> {
  const reader = new MessageReader(bytes, start + BODY, end)
  const fields = new Map<string, string>()
  for (let field = reader.byte(); field !== 0; field = reader.byte()) {
    fields.set(String.fromCodePoint(field), reader.cstring().toString('utf8'))
  }
  reader.end()
  return fields
}

/** ParameterStatus: string name | string value. */
export function readParameterStatus(bytes: Buffer, start: number, end: number): readonly [name: string, value: string] {
  const reader = new MessageReader(bytes, start + BODY, end)
  const name = reader.cstring().toString('utf8')
  const value = reader.cstring().toString('utf8')
  reader.end()
  return [name, value]
}

/** BackendKeyData: int32 pid | key, 4 to 256 bytes. */
export function readBackendKey(bytes: Buffer, start: number, end: number): { readonly pid: number; readonly key: Buffer } {
  const reader = new MessageReader(bytes, start + BODY, end)
  const pid = reader.int32()
  const key = Buffer.from(reader.rest())
  if (key.length < 4 || key.length > 256) throw new WireError('invalid length of cancel key', start)
  return { pid, key }
}

/** ReadyForQuery: byte1 `I`, `T` or `E`. */
export function readReady(bytes: Buffer, start: number, end: number): number {
  const reader = new MessageReader(bytes, start + BODY, end)
  const status = reader.byte()
  reader.end()
  if (status !== 0x49 && status !== 0x54 && status !== 0x45) throw new WireError('unknown transaction status', start + BODY)
  return status
}

/** Authentication…: int32 code | body by code. */
export function readAuthentication(bytes: Buffer, start: number, end: number): Authentication {
  const reader = new MessageReader(bytes, start + BODY, end)
  const code = reader.int32()
  switch (code) {
    case 0:
      reader.end()
      return { kind: 'ok' }
    case 3:
      return { kind: 'cleartext' }
    case 5:
      return { kind: 'md5', salt: Buffer.from(reader.bytes(4)) }
    case 10: {
      const mechanisms: string[] = []
      for (let name = reader.cstring(); name.length > 0; name = reader.cstring()) mechanisms.push(name.toString('latin1'))
      return { kind: 'sasl', mechanisms }
    }
    case 11:
      return { kind: 'sasl-continue', challenge: Buffer.from(reader.rest()) }
    case 12:
      return { kind: 'sasl-final', outcome: Buffer.from(reader.rest()) }
    default:
      return { kind: 'other', code }
  }
}

/** CopyInResponse, CopyOutResponse: byte1 format | int16 n | n * int16 format. */
export function readCopyResponse(bytes: Buffer, start: number, end: number): { readonly format: 0 | 1; readonly columns: number } {
  const reader = new MessageReader(bytes, start + BODY, end)
  const format = reader.byte()
  const columns = reader.count(2)
  if (format !== 0 && format !== 1) throw new WireError('a format is neither text nor binary', start)
  return { format, columns }
}
