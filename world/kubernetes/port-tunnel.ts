// How a kubelet forwards ports: pairs of streams over SPDY/3.1, or the same SPDY inside of WebSocket messages (kubectl 1.31 and newer).
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { WebSocketReader, writeBinary } from '../../gateway/wire/kubernetes/websocket-frames.ts'
import { acceptWebSocket, refuse } from './node-channels.ts'
import { serveSpdy } from './spdy.ts'
import type { SpdyStream } from './spdy.ts'

const PROTOCOL = 'portforward.k8s.io'

/** @param portOf where a port of the pod really listens on this machine; null = nothing listens. */
export function forwardPorts(request: IncomingMessage, socket: Duplex, head: Buffer, portOf: (port: number) => number | null): void {
  if (request.headers.upgrade?.toLowerCase() === 'websocket') {
    if (acceptWebSocket(request, socket, [`SPDY/3.1+${PROTOCOL}`]) === null) return
    servePairs(new MessageBytes(socket, head), portOf)
    return
  }
  if (request.headers['x-stream-protocol-version'] !== PROTOCOL) {
    refuse(socket, `unable to upgrade: the protocol is ${PROTOCOL}`)
    return
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${PROTOCOL}\r\n\r\n`,
  )
  if (head.length > 0) socket.unshift(head)
  servePairs(socket, portOf)
}

function servePairs(bytes: Duplex, portOf: (port: number) => number | null): void {
  const errors = new Map<string, SpdyStream>()
  serveSpdy(bytes, stream => {
    const id = stream.headers.get('requestid') ?? ''
    if (stream.headers.get('streamtype') === 'error') {
      errors.set(id, stream)
      return
    }
    const error = errors.get(id)
    errors.delete(id)
    const asked = Number(stream.headers.get('port'))
    const port = portOf(asked)
    const target = net.connect({ port: port ?? 1, host: '127.0.0.1', allowHalfOpen: true })
    target.once('connect', () => {
      stream.pipe(target)
      target.pipe(stream)
      target.once('end', () => error?.end())
    })
    target.on('error', () => {
      error?.end(`error forwarding port ${asked}: connection refused`)
      stream.end()
      target.destroy()
    })
    stream.once('close', () => target.destroy())
  })
}

/** The bytes inside of binary WebSocket messages, as one stream. */
class MessageBytes extends Duplex {
  readonly #socket: Duplex

  constructor(socket: Duplex, head: Buffer) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    const reader = new WebSocketReader()
    const take = (chunk: Buffer): void => {
      for (const { opcode, payload } of reader.push(chunk)) {
        if (opcode === 8) this.push(null)
        else if (opcode === 9) socket.write(Buffer.concat([Buffer.from([0x8a, payload.length]), payload]))
        else if (opcode <= 2 && payload.length > 0) this.push(Buffer.from(payload))
      }
    }
    if (head.length > 0) take(head)
    socket.on('data', take)
    socket.once('close', () => this.push(null))
    socket.on('error', () => socket.destroy())
  }

  override _read(): void {}

  override _write(bytes: Buffer, _: string, done: () => void): void {
    if (this.#socket.writable) this.#socket.write(writeBinary(bytes), () => done())
    else done()
  }

  override _final(done: () => void): void {
    this.#socket.end(Buffer.from([0x88, 2, 0x03, 0xe8]), () => done())
  }

  override _destroy(_: Error | null, done: () => void): void {
    this.#socket.destroy()
    done()
  }
}
