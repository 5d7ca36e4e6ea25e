// The few inner parts of ssh2 1.17.0 that its defects force us to touch, each behind a check: another version fails a test, not a run.
import type { Channel, Client } from 'ssh2'

/** True while data can still be sent. The library's write to a channel that is not open never calls back. */
export function isOpen(channel: Channel): boolean {
  return read(read(channel, 'outgoing'), 'state') === 'open'
}

/** Forgets a chunk that was written whole: the library keeps it, and would send it again when the other stream waits for room. */
export function forgetWritten(channel: Channel): void {
  for (const name of ['_chunk', '_chunkcb', '_chunkErr', '_chunkcbErr']) Reflect.set(channel, name, undefined)
}

/**
 * Lets the client log in by a certificate: inside the signature the algorithm is the plain key's, everywhere else the certificate's
 * (PROTOCOL.certkeys). The library writes the same name in all places, so the packet is corrected before it is sealed.
 */
export function signPlainly(client: Client): void {
  const writer = read(read(read(client, '_protocol'), '_packetRW'), 'write')
  if (typeof writer !== 'object' || writer === null) throw new Error('ssh2: no packet writer')
  const finalize: unknown = read(writer, 'finalize')
  const alloc: unknown = read(writer, 'alloc')
  const start: unknown = read(writer, 'allocStart')
  if (typeof finalize !== 'function' || typeof alloc !== 'function' || typeof start !== 'number') throw new Error('ssh2: no packet writer')
  const corrected = (packet: unknown, force: unknown): unknown => {
    const payload = Buffer.isBuffer(packet) ? plainSignature(packet.subarray(start)) : null
    if (payload === null) return Reflect.apply(finalize, writer, [packet, force])
    const shorter: unknown = Reflect.apply(alloc, writer, [payload.length])
    if (!Buffer.isBuffer(shorter)) throw new Error('ssh2: no packet')
    payload.copy(shorter, start)
    return Reflect.apply(finalize, writer, [shorter, force])
  }
  Reflect.set(writer, 'finalize', corrected)
}

const USERAUTH_REQUEST = 50
const CERTIFICATE = '-cert-v01@openssh.com'

/**
 * byte 50 | string user | string service | string `publickey` | boolean TRUE | string algorithm | string key | string signature,
 * the signature being string algorithm | string bytes. Returns the payload with the inner algorithm shortened; null for any other packet.
 */
function plainSignature(payload: Buffer): Buffer | null {
  if (payload[0] !== USERAUTH_REQUEST) return null
  let at = 1
  const string = (): Buffer => {
    const end = at + 4 + payload.readUInt32BE(at)
    const value = payload.subarray(at + 4, end)
    at = end
    return value
  }
  string()
  string()
  if (string().toString('latin1') !== 'publickey' || payload[at++] !== 1) return null
  string()
  string()
  const head = payload.subarray(0, at)
  at += 4
  const algorithm = string().toString('latin1')
  if (!algorithm.endsWith(CERTIFICATE)) return null
  const signature = Buffer.concat([sized(Buffer.from(algorithm.slice(0, -CERTIFICATE.length))), sized(string())])
  return Buffer.concat([head, sized(signature)])
}

function sized(value: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(value.length)
  return Buffer.concat([length, value])
}

function read(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
