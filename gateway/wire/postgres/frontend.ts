// Readers of frontend messages. Each gets the buffer and [start, end) of one whole message, header included.
// Every reader insists on the message's end: bytes after the last field would reach the server unread.
import { MessageReader } from './message-reader.ts'
import { WireError } from './wire-error.ts'

const BODY = 5

export interface ParseMessage {
  readonly name: string
  readonly text: Buffer
  readonly typeOids: readonly number[]
}

export interface BindMessage {
  readonly portal: string
  readonly statement: string
  readonly formats: readonly number[]
  readonly values: readonly (Buffer | null)[]
  readonly resultFormats: readonly number[]
}

/** What Describe and Close name. */
export interface NamedMessage {
  readonly kind: 'statement' | 'portal'
  readonly name: string
}

export interface ExecuteMessage {
  readonly portal: string
  /** 0 = all rows. */
  readonly maxRows: number
}

export interface FunctionCallMessage {
  readonly functionOid: number
  readonly values: readonly (Buffer | null)[]
}

/** Query: string. The text without its terminator, which must be the last byte. */
export function readQuery(bytes: Buffer, start: number, end: number): Buffer {
  const reader = new MessageReader(bytes, start + BODY, end)
  const text = reader.cstring()
  reader.end()
  return text
}

/** Parse: string name | string query | int16 n | n * int32 type OID. */
export function readParse(bytes: Buffer, start: number, end: number): ParseMessage {
  const reader = new MessageReader(bytes, start + BODY, end)
  const name = readName(reader)
  const text = reader.cstring()
  const typeOids: number[] = []
  for (let left = reader.count(4); left > 0; left--) typeOids.push(reader.uint32())
  reader.end()
  return { name, text, typeOids }
}

/**
 * Bind: string portal | string statement | int16 n | n * int16 format | int16 n | n * (int32 length | bytes)
 * | int16 n | n * int16 result format.
 */
export function readBind(bytes: Buffer, start: number, end: number): BindMessage {
  const reader = new MessageReader(bytes, start + BODY, end)
  const portal = readName(reader)
  const statement = readName(reader)
  const formats = readFormats(reader)
  const values: (Buffer | null)[] = []
  for (let left = reader.count(4); left > 0; left--) values.push(reader.value())
  const resultFormats = readFormats(reader)
  reader.end()
  if (formats.length > 1 && formats.length !== values.length)
    throw new WireError('bind has another number of formats than of values', start)
  return { portal, statement, formats, values, resultFormats }
}

/** Describe and Close: byte1 `S` or `P` | string name. */
export function readNamed(bytes: Buffer, start: number, end: number): NamedMessage {
  const reader = new MessageReader(bytes, start + BODY, end)
  const kind = reader.byte()
  const name = readName(reader)
  reader.end()
  if (kind === 0x53) return { kind: 'statement', name }
  if (kind === 0x50) return { kind: 'portal', name }
  throw new WireError('neither a statement nor a portal is named', start + BODY)
}

/** Execute: string portal | int32 maximum number of rows. */
export function readExecute(bytes: Buffer, start: number, end: number): ExecuteMessage {
  const reader = new MessageReader(bytes, start + BODY, end)
  const portal = readName(reader)
  const maxRows = reader.int32()
  reader.end()
  return { portal, maxRows }
}

/** FunctionCall: int32 OID | int16 n | n * int16 format | int16 n | n * (int32 length | bytes) | int16 result format. */
export function readFunctionCall(bytes: Buffer, start: number, end: number): FunctionCallMessage {
  const reader = new MessageReader(bytes, start + BODY, end)
  const functionOid = reader.uint32()
  readFormats(reader)
  const values: (Buffer | null)[] = []
  for (let left = reader.count(4); left > 0; left--) values.push(reader.value())
  reader.int16()
  reader.end()
  return { functionOid, values }
}

/** A message without fields: Sync, Flush, Terminate, CopyDone. */
export function readEmpty(bytes: Buffer, start: number, end: number): void {
  new MessageReader(bytes, start + BODY, end).end()
}

/** CopyFail: string reason. PasswordMessage and friends are read by the login. */
export function readCopyFail(bytes: Buffer, start: number, end: number): Buffer {
  const reader = new MessageReader(bytes, start + BODY, end)
  const reason = reader.cstring()
  reader.end()
  return reason
}

/** SASLInitialResponse: string mechanism | int32 length or -1 | bytes. */
export function readSaslInitial(bytes: Buffer, start: number, end: number): { readonly mechanism: string; readonly response: Buffer } {
  const reader = new MessageReader(bytes, start + BODY, end)
  const mechanism = reader.cstring().toString('latin1')
  const response = reader.value()
  reader.end()
  return { mechanism, response: response ?? Buffer.alloc(0) }
}

// A name that is not UTF-8 could look like another one; nobody could say which statement it means.
function readName(reader: MessageReader): string {
  const bytes = reader.cstring()
  if (bytes.length === 0) return ''
  const name = bytes.toString('utf8')
  if (name.includes('\uFFFD')) throw new WireError('a name is not UTF-8')
  return name
}

function readFormats(reader: MessageReader): readonly number[] {
  const formats: number[] = []
  for (let left = reader.count(2); left > 0; left--) {
    const format = reader.int16()
    if (format !== 0 && format !== 1) throw new WireError('a format is neither text nor binary')
    formats.push(format)
  }
  return formats
}
