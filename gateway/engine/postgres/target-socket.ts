// TCP and TLS to a target, read through one reused buffer where there is no TLS. Knows nothing of logins.
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Connection } from '../../core/connection.ts'
import { SallyportError } from '../../core/errors.ts'
import { writeSslRequest } from '../../wire/postgres/startup.ts'
import { attachIntake, ByteIntake, PeerGone } from './byte-intake.ts'

/** One read. Bulk results come in chunks of this size. */
const READ_BYTES = 128 * 1024
const YES = 0x53

/** Takes bytes off the target. Returns true when it is done with them: the buffer may be used again. */
export type TargetReader = (bytes: Buffer) => boolean

export interface TargetSocket {
  readonly stream: Duplex
  readonly isEncrypted: boolean
  readonly remoteAddress: string
  /** Reads by length, until `read` takes over. */
  readonly intake: ByteIntake
  write(bytes: Buffer): boolean
  /** From now on bytes go to this reader, those that are here already first. */
  read(reader: TargetReader): void
  pause(): void
  resume(): void
  destroy(): void
}

/** @throws {SallyportError} TARGET_UNREACHABLE, TARGET_UNTRUSTED. */
export async function openTargetSocket(connection: Connection, signal: AbortSignal): Promise<TargetSocket> {
  if (connection.tls.mode === 'disable') return openPlain(connection, signal)
  const socket = net.connect({ host: connection.host, port: connection.port, noDelay: true, keepAlive: true })
  await connected(socket, connection, signal)
  const intake = new ByteIntake()
  const detach = attachIntake(socket, intake, signal)
  try {
    socket.write(writeSslRequest())
    const answer = (await intake.take(1)).readUInt8(0)
    if (answer !== YES) {
      throw new SallyportError('TARGET_UNTRUSTED', `${connection.name} does not offer TLS`, {
        why: `tls: ${connection.tls.mode} is set, and the server answered that it has none`,
        fix: 'turn TLS on at the server; tls: disable sends everything in plain text',
      })
    }
    // Bytes behind the answer came in plain text: nobody knows from whom.
    if (intake.ahead > 0) throw new SallyportError('TARGET_UNTRUSTED', `${connection.name} sent bytes in plain text after agreeing to TLS`)
    detach()
    return overStream(await handshake(socket, connection, signal), true, socket.remoteAddress ?? '', signal)
  } catch (error) {
    detach()
    socket.destroy()
    if (error instanceof PeerGone) throw unreachable(connection, 'it closed the connection', error)
    throw error
  }
}

async function openPlain(connection: Connection, signal: AbortSignal): Promise<TargetSocket> {
  const intake = new ByteIntake()
  let reader: TargetReader | null = null
  let isPaused = false
  let buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  let isFree = true
  const socket = net.connect({
    host: connection.host,
    port: connection.port,
    noDelay: true,
    keepAlive: true,
    onread: {
      buffer: () => {
        if (!isFree) buffer = Buffer.allocUnsafeSlow(READ_BYTES)
        isFree = true
        return buffer
      },
      callback: (bytes, view) => {
        const chunk = Buffer.from(view.buffer, view.byteOffset, bytes)
        if (reader === null) intake.feed(chunk)
        else isFree = reader(chunk)
        return !isPaused
      },
    },
  })
  await connected(socket, connection, signal)
  const gone = (): void => intake.stop(new PeerGone())
  socket.on('close', gone)
  socket.on('error', gone)
  const abort = (): void => intake.stop(new PeerGone())
  signal.addEventListener('abort', abort, { once: true })
  return {
    stream: socket,
    isEncrypted: false,
    remoteAddress: socket.remoteAddress ?? '',
    intake,
    write: bytes => socket.write(bytes),
    read(next) {
      signal.removeEventListener('abort', abort)
      const ahead = intake.rest()
      reader = next
      if (ahead.length > 0) next(ahead)
    },
    pause() {
      isPaused = true
    },
    resume() {
      if (!isPaused) return
      isPaused = false
      socket.resume()
    },
    destroy: () => socket.destroy(),
  }
}

function overStream(stream: Duplex, isEncrypted: boolean, remoteAddress: string, signal: AbortSignal): TargetSocket {
  const intake = new ByteIntake()
  const detach = attachIntake(stream, intake, signal)
  // After `detach` somebody must still listen, or an error would end the process.
  stream.on('error', () => stream.destroy())
  return {
    stream,
    isEncrypted,
    remoteAddress,
    intake,
    write: bytes => stream.write(bytes),
    read(next) {
      detach()
      const ahead = intake.rest()
      if (ahead.length > 0) next(ahead)
      stream.on('data', (chunk: Buffer) => next(chunk))
      stream.resume()
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    destroy: () => stream.destroy(),
  }
}

async function connected(socket: net.Socket, connection: Connection, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      socket.off('connect', connect)
      socket.off('error', fail)
      signal.removeEventListener('abort', abort)
    }
    const connect = (): void => {
      settle()
      resolve()
    }
    const fail = (error: Error): void => {
      settle()
      socket.destroy()
      reject(unreachable(connection, wordsOf(error), error))
    }
    const abort = (): void => fail(new Error('no answer in time'))
    socket.once('connect', connect)
    socket.once('error', fail)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
}

async function handshake(socket: net.Socket, connection: Connection, signal: AbortSignal): Promise<tls.TLSSocket> {
  const { mode, ca } = connection.tls
  const secure = tls.connect({
    socket,
    ...(net.isIP(connection.host) === 0 ? { servername: connection.host } : {}),
    host: connection.host,
    ...(ca === null ? {} : { ca }),
    rejectUnauthorized: mode !== 'require',
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  })
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort)
      secure.destroy()
      reject(untrusted(connection, error))
    }
    const abort = (): void => fail(new Error('the handshake took too long'))
    secure.once('secureConnect', () => {
      secure.off('error', fail)
      signal.removeEventListener('abort', abort)
      resolve()
    })
    secure.once('error', fail)
    secure.once('close', () => fail(new Error('the server closed the connection during the handshake')))
    signal.addEventListener('abort', abort, { once: true })
  })
  return secure
}

function unreachable(connection: Connection, why: string, cause: unknown): SallyportError {
  return new SallyportError('TARGET_UNREACHABLE', `cannot reach ${connection.host}:${connection.port} for ${connection.name}: ${why}`, {
    why: 'the gateway itself has no route to the target, or nothing listens there',
    fix: 'use a runner inside the network, or a tunnel before this step',
    cause,
  })
}

function untrusted(connection: Connection, error: Error): SallyportError {
  return new SallyportError('TARGET_UNTRUSTED', `TLS with ${connection.name} failed: ${wordsOf(error)}`, {
    why: `tls: ${connection.tls.mode} asks for a certificate of a trusted authority${connection.tls.mode === 'verify-full' ? ` for the name ${connection.host}` : ''}`,
    fix: `name the authority (tls: { mode, ca }) of ${connection.name}, or use the name that the certificate has`,
    cause: error,
  })
}

/** Codes of the system and of OpenSSL are words enough; messages may quote what should not be printed. */
function wordsOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  return code ?? error.message
}
