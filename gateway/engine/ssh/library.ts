// The few inner parts of ssh2 1.17.0 that its defects force us to touch, each behind a check: another version fails a test, not a run.
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import handlers from 'ssh2/lib/protocol/handlers.js'
import type { Channel, Client, Connection, Session, WindowChangeInfo } from 'ssh2'

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

/** Ends a write that waits for room which will not come; what it still had is not sent. */
export function giveUpWriting(channel: Channel): void {
  const waiting = [read(channel, '_chunkcb'), read(channel, '_chunkcbErr')]
  forgetWritten(channel)
  for (const done of waiting) if (typeof done === 'function') Reflect.apply(done, undefined, [])
}

/**
 * Lets the client log in by a certificate: inside the signature the algorithm is the plain key's, everywhere else the certificate's
 * (PROTOCOL.certkeys). The library writes the same name in all places, so the packet is corrected before it is sealed.
 */
export function signPlainly(client: Client): void {
  rewritePackets(read(client, '_protocol'), plainSignature)
}

const END_OF_WRITE = 'eow@openssh.com'

/** Requests of a client on a session that the library drops: always, or once the client has closed its writing side. */
export interface SessionRequests {
  /** Nobody reads the output any more (`ssh host yes | head -1`). @see OpenSSH's PROTOCOL, 2.1 */
  readonly endOfWrite: () => void
  readonly resized: (size: WindowChangeInfo) => void
  readonly signalled: (name: string) => void
}

const heardOf = new WeakMap<Connection, WeakMap<object, SessionRequests>>()

/** Hears these requests for one session, in place of the library. */
export function onSessionRequests(client: Connection, asked: Session, heard: SessionRequests): void {
  const known = heardOf.get(client)
  if (known !== undefined) {
    known.set(asked, heard)
    return
  }
  const sessions = new WeakMap<object, SessionRequests>([[asked, heard]])
  heardOf.set(client, sessions)
  const handlers = read(read(client, '_protocol'), '_handlers')
  if (typeof handlers !== 'object' || handlers === null) throw new Error('ssh2: no handlers')
  const before = read(handlers, 'CHANNEL_REQUEST')
  if (typeof before !== 'function') throw new Error('ssh2: no handler of requests')
  Reflect.set(handlers, 'CHANNEL_REQUEST', (...request: readonly unknown[]): void => {
    const [, recipient, type, wantsReply, data] = request
    const session = typeof recipient === 'number' && wantsReply !== true ? sessionAt(client, recipient) : null
    const listener = typeof session === 'object' && session !== null ? sessions.get(session) : undefined
    if (listener === undefined || !isHeard(listener, type, data)) Reflect.apply(before, handlers, request)
  })
}

function isHeard(heard: SessionRequests, type: unknown, data: unknown): boolean {
  if (type === END_OF_WRITE) heard.endOfWrite()
  else if (type === 'window-change' && isSize(data)) heard.resized(data)
  else if (type === 'signal' && typeof data === 'string') heard.signalled(data)
  else return false
  return true
}

function isSize(value: unknown): value is WindowChangeInfo {
  return ['rows', 'cols', 'height', 'width'].every(name => typeof read(value, name) === 'number')
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

/** What both sides of the library offer for each new channel; its own constants, which it does not show. */
const WINDOW_BYTES = 2 * 1024 * 1024
const PACKET_BYTES = 32 * 1024

/**
 * Opens a channel that the library has a packet for, but no call, or only a call that does more.
 * @param method of the library's protocol: `session`, `openssh_authAgent`.
 * @throws {Error} when the other side refuses, or is gone.
 */
export function openChannel(owner: Client | Connection, type: string, method: string): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const opened = (error: unknown, channel: unknown): void => {
      if (isChannel(channel)) resolve(channel)
      else reject(error instanceof Error ? error : new Error('ssh2: no channel'))
    }
    // Nothing is sent to a socket that has ended, and nobody is told.
    if (read(read(owner, '_sock'), 'writable') !== true) {
      reject(new Error('the connection has ended'))
      return
    }
    const id = call(read(owner, '_chanMgr'), 'add', Object.assign(opened, { type }))
    call(read(owner, '_protocol'), method, id, WINDOW_BYTES, PACKET_BYTES)
  })
}

/** A channel by one of the library's own calls. @throws {Error} when the other side refuses; `reason` is its number. */
export function openedChannel(open: (done: (error: Error | undefined, channel: Channel) => void) => void): Promise<Channel> {
  return new Promise((resolve, reject) => {
    open((error, channel) => {
      if (error === undefined || error === null) resolve(channel)
      else reject(error)
    })
  })
}

export function isChannel(value: unknown): value is Channel {
  return value instanceof Duplex && typeof read(value, 'outgoing') === 'object' && typeof read(value, 'eof') === 'function'
}

/** The terminal's size, also after the writing side was ended: the library passes it no more then. */
export function sendSize(channel: Channel, { rows, cols, height, width }: WindowChangeInfo): void {
  if (canRequest(channel)) call(protocolOf(channel), 'windowChange', idOf(channel), rows, cols, height, width)
}

/** A signal, also after the writing side was ended. */
export function sendSignal(channel: Channel, name: string): void {
  if (canRequest(channel)) call(protocolOf(channel), 'signal', idOf(channel), name)
}

function canRequest(channel: Channel): boolean {
  const state = read(read(channel, 'outgoing'), 'state')
  return state === 'open' || state === 'eof'
}

function protocolOf(channel: Channel): unknown {
  return read(read(channel, '_client'), '_protocol')
}

function idOf(channel: Channel): unknown {
  return read(read(channel, 'outgoing'), 'id')
}

/** Terminal modes that each client sent last, by the library's protocol object. */
const modesOf = new WeakMap<object, Buffer>()
let seesModes = false

/** The library reads the modes of a terminal from their second byte on, and so finds none: from here on they are read whole. */
export function readTerminalModes(): void {
  if (seesModes) return
  seesModes = true
  const before = handlers[CHANNEL_REQUEST]
  if (typeof before !== 'function') throw new Error('ssh2: no handler of requests')
  handlers[CHANNEL_REQUEST] = (...seen: readonly unknown[]): unknown => {
    const [protocol, payload] = seen
    const modes = Buffer.isBuffer(payload) ? modesIn(payload) : null
    if (modes !== null && typeof protocol === 'object' && protocol !== null) modesOf.set(protocol, modes)
    return Reflect.apply(before, handlers, seen)
  }
}

/** Modes of the terminal that this client has just asked for, as it sent them. */
export function terminalModes(client: Connection): Buffer {
  const protocol = read(client, '_protocol')
  return (typeof protocol === 'object' && protocol !== null ? modesOf.get(protocol) : undefined) ?? Buffer.alloc(0)
}

/** byte 98 | uint32 channel | string `pty-req` | boolean | string term | uint32 columns, rows, width, height | string modes */
function modesIn(payload: Buffer): Buffer | null {
  if (payload.toString('latin1', 5, 16) !== '\0\0\0\u0007pty-req' || payload.length < 21) return null
  const at = 21 + payload.readUInt32BE(17) + 16
  if (at + 4 > payload.length) return null
  return Buffer.from(payload.subarray(at + 4, at + 4 + payload.readUInt32BE(at)))
}

/**
 * Refuses a channel with words: the library sends none, and says of every refusal that the destination could not be reached.
 * @param reason RFC 4254, 5.1: 1 prohibited, 2 connect failed.
 */
export function refuseChannel(client: Connection, reject: () => void, reason: number, text: string): void {
  const restore = rewritePackets(read(client, '_protocol'), payload => {
    if (payload[0] !== CHANNEL_OPEN_FAILURE) return null
    const head = Buffer.from(payload.subarray(0, 9))
    head.writeUInt32BE(reason, 5)
    return Buffer.concat([head, sized(Buffer.from(text)), sized(Buffer.alloc(0))])
  })
  try {
    reject()
  } finally {
    restore()
  }
}

const CHANNEL_OPEN_FAILURE = 92

/** A property, of whatever it is. */
export function read(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Calls a method that the library's types do not have. @throws {Error} when it is not there. */
export function call(value: unknown, name: string, ...args: readonly unknown[]): unknown {
  const method = read(value, name)
  if (typeof method !== 'function') throw new Error(`ssh2: no ${name}`)
  return Reflect.apply(method, value, args)
}
