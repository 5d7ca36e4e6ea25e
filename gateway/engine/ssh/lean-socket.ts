// Sockets that read into one large buffer again and again, where Node would make two buffers for each read: fewer system calls, less to collect.
// What is read is only good until the listener of 'data' returns; once packets are sealed, opening them copies out what is kept.
import { connect, Socket } from 'node:net'
import type { OnReadOpts, SocketConstructorOpts } from 'node:net'
import { read } from './library.ts'

const READ_BYTES = 256 * 1024

export interface LeanSocket {
  readonly socket: Socket
  /** From now on the buffer is passed as it is: nobody keeps a part of it. Until then what was read is copied. */
  reuse(): void
}

export function connectLean(host: string, port: number): LeanSocket {
  return leanSocket(onread => connect({ host, port, onread }))
}

/** Reads on in place of a socket that was accepted; when either is closed, the other is. */
export function takeOver(accepted: Socket): LeanSocket {
  const handle = read(accepted, '_handle')
  // Without a handle there is nothing to take over: it is closed, or not of the system.
  if (typeof handle !== 'object' || handle === null || accepted.readableLength > 0) return { socket: accepted, reuse: () => {} }
  const lean = leanSocket(onread => {
    const options: SocketConstructorOpts = { onread }
    Reflect.set(options, 'handle', handle)
    return new Socket(options)
  })
  Reflect.set(accepted, '_handle', null)
  lean.socket.once('close', () => accepted.destroy())
  accepted.once('close', () => lean.socket.destroy())
  return lean
}

function leanSocket(open: (onread: OnReadOpts) => Socket): LeanSocket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  let isReused = false
  const socket = open({
    buffer,
    callback: bytes => {
      const seen = buffer.subarray(0, bytes)
      socket.emit('data', isReused ? seen : Buffer.from(seen))
      return true
    },
  })
  return {
    socket,
    reuse: () => {
      isReused = true
    },
  }
}
