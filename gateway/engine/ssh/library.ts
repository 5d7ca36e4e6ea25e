// The few inner parts of ssh2 1.17.0 that its defects force us to touch, each behind a check: another version fails a test, not a run.
import { Socket } from 'node:net'
import type { Channel, Client, Connection, Session } from 'ssh2'

/** True while data can still be sent. The library's write to a channel that is not open never calls back. */
export function isOpen(channel: Channel): boolean {
  return read(read(channel, 'outgoing'), 'state') === 'open'
}

/** One system call for all packets of a turn: the library writes each packet, and its tag, by itself. */
export function gatherWrites(socket: Socket): void {
  const write: unknown = read(socket, 'write')
  if (typeof write !== 'function') return
  Reflect.set(socket, 'write', (...call: readonly unknown[]): unknown => {
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    return Reflect.apply(write, socket, call)
  })
}

/** Gathers the writes to a target, once the library has its socket. */
export function gatherTargetWrites(client: Client): void {
  const socket = read(client, '_sock')
  if (socket instanceof Socket) gatherWrites(socket)
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
  rewritePackets(read(client, '_protocol'), plainSignature)
}

const END_OF_WRITE = 'eow@openssh.com'

/**
 * Calls back when a client says that nobody reads a command's output any more (`ssh host yes | head -1`), which the library drops.
 * @see OpenSSH's PROTOCOL, 2.1
 */
export function onEndOfWrite(client: Connection, asked: Session, ended: () => void): void {
  const handlers = read(read(client, '_protocol'), '_handlers')
  if (typeof handlers !== 'object' || handlers === null) throw new Error('ssh2: no handlers')
  const before = read(handlers, 'CHANNEL_REQUEST')
  if (typeof before !== 'function') throw new Error('ssh2: no handler of requests')
  const handler = (...call: readonly unknown[]): void => {
    const [, recipient, type] = call
    if (type === END_OF_WRITE && typeof recipient === 'number' && sessionAt(client, recipient) === asked) ended()
    else Reflect.apply(before, handlers, call)
  }
  Reflect.set(handlers, 'CHANNEL_REQUEST', handler)
  asked.once('close', () => {
    if (read(handlers, 'CHANNEL_REQUEST') === handler) Reflect.set(handlers, 'CHANNEL_REQUEST', before)
  })
}

/** Tells the target that nobody reads a command's output any more: the library has no call for it, so another request lends its packet. */
export function sendEndOfWrite(channel: Channel): void {
  const protocol = read(read(channel, '_client'), '_protocol')
  const id = read(read(channel, 'outgoing'), 'id')
  const send = read(protocol, 'openssh_agentForward')
  if (typeof protocol !== 'object' || protocol === null || typeof send !== 'function' || typeof id !== 'number')
    throw new Error('ssh2: no protocol')
  const restore = rewritePackets(protocol, payload =>
    payload[0] === CHANNEL_REQUEST ? Buffer.concat([payload.subarray(0, 5), sized(Buffer.from(END_OF_WRITE)), Buffer.from([0])]) : null,
  )
  try {
    Reflect.apply(send, protocol, [id, false])
  } finally {
    restore()
  }
}

function sessionAt(client: Connection, recipient: number): unknown {
  const manager = read(client, '_chanMgr')
  const get = read(manager, 'get')
  return typeof get === 'function' ? Reflect.apply(get, manager, [recipient]) : undefined
}

/** Lets `change` replace payloads before they are sealed, until the returned function is called. */
function rewritePackets(protocol: unknown, change: (payload: Buffer) => Buffer | null): () => void {
  const writer = read(read(protocol, '_packetRW'), 'write')
  if (typeof writer !== 'object' || writer === null) throw new Error('ssh2: no packet writer')
  const finalize: unknown = read(writer, 'finalize')
  const alloc: unknown = read(writer, 'alloc')
  const start: unknown = read(writer, 'allocStart')
  if (typeof finalize !== 'function' || typeof alloc !== 'function' || typeof start !== 'number') throw new Error('ssh2: no packet writer')
  const corrected = (packet: unknown, force: unknown): unknown => {
    // While keys are exchanged anew, packets wait without the room in front that a sealed one needs.
    const room = read(protocol, '_kexinit') === undefined ? start : 0
    const payload = Buffer.isBuffer(packet) ? change(packet.subarray(room)) : null
    if (payload === null) return Reflect.apply(finalize, writer, [packet, force])
    const made: unknown = Reflect.apply(alloc, writer, [payload.length])
    if (!Buffer.isBuffer(made)) throw new Error('ssh2: no packet')
    payload.copy(made, room)
    return Reflect.apply(finalize, writer, [made, force])
  }
  Reflect.set(writer, 'finalize', corrected)
  return () => Reflect.set(writer, 'finalize', finalize)
}

const CHANNEL_REQUEST = 98
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
