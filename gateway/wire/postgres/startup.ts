// The untagged packets before a session: SSLRequest, GSSENCRequest, CancelRequest, StartupMessage. Pure.
// Layout: int32 length, counting itself | int32 code or version | body.
import { MessageReader } from './message-reader.ts'
import { byte, int32, message } from './message-writer.ts'
import { WireError } from './wire-error.ts'

/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
export const MAX_STARTUP_BYTES = 10_000
const MIN_STARTUP_BYTES = 8

const CANCEL_CODE = 80_877_102
const SSL_CODE = 80_877_103
const GSS_CODE = 80_877_104
/** Cancel keys: 4 bytes in protocol 3.0, up to 256 since 3.2. */
const MIN_KEY_BYTES = 4
const MAX_KEY_BYTES = 256

export const version30 = 3 << 16
export const version32 = (3 << 16) | 2

export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly key: Buffer }
  | {
      readonly kind: 'startup'
      /** major << 16 | minor */
      readonly version: number
      readonly parameters: ReadonlyMap<string, string>
      /** Names that begin with `_pq_.`: protocol options, none of which is known here. */
      readonly protocolOptions: readonly string[]
    }

/**
 * The length the packet at the start of `bytes` claims, or null when fewer than 4 bytes are there.
 * @throws {WireError} when the claim is impossible: what speaks is not PostgreSQL.
 */
export function startupLength(bytes: Buffer): number | null {
  if (bytes.length < 4) return null
  const length = bytes.readUInt32BE(0)
  if (length < MIN_STARTUP_BYTES || length > MAX_STARTUP_BYTES) throw new WireError('invalid length of startup packet')
  return length
}

/** @throws {WireError} on anything but one of the four packets, of major version 3. */
export function readStartup(packet: Buffer): StartupPacket {
  const reader = new MessageReader(packet, 4, packet.length)
  const code = reader.int32()
  if (code === SSL_CODE || code === GSS_CODE) {
    reader.end()
    return { kind: code === SSL_CODE ? 'ssl' : 'gss' }
  }
  if (code === CANCEL_CODE) {
    const pid = reader.int32()
    const key = Buffer.from(reader.rest())
    if (key.length < MIN_KEY_BYTES || key.length > MAX_KEY_BYTES) throw new WireError('invalid length of cancel key', 8)
    return { kind: 'cancel', pid, key }
  }
  if (code >> 16 !== 3) throw new WireError('unsupported frontend protocol', 4)
  const parameters = new Map<string, string>()
  const protocolOptions: string[] = []
  for (let name = readText(reader); name !== ''; name = readText(reader)) {
    const value = readText(reader)
    if (name.startsWith('_pq_.')) protocolOptions.push(name)
    else if (parameters.has(name)) throw new WireError('a startup parameter is given twice', 8)
    else parameters.set(name, value)
  }
  reader.end()
  return { kind: 'startup', version: code, parameters, protocolOptions }
}

export function writeStartup(version: number, parameters: ReadonlyMap<string, string>): Buffer {
  const fields: (Buffer | string)[] = [int32(version)]
  for (const [name, value] of parameters) fields.push(name, value)
  fields.push(byte(0))
  return message(0, fields)
}

export function writeSslRequest(): Buffer {
  return message(0, [int32(SSL_CODE)])
}

export function writeCancelRequest(pid: number, key: Buffer): Buffer {
  return message(0, [int32(CANCEL_CODE), int32(pid), key])
}

function readText(reader: MessageReader): string {
  const bytes = reader.cstring()
  const text = bytes.toString('utf8')
  // U+FFFD: the bytes were not UTF-8, and nobody can say what the server would make of them.
  if (text.includes('\uFFFD')) throw new WireError('a startup parameter is not UTF-8', 8)
  return text
}
