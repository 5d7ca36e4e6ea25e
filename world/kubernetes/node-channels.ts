// How a kubelet talks in exec and attach: the streams of one command, over SPDY/3.1 or over WebSocket, from protocol version 4 on.
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { PassThrough, Writable } from 'node:stream'
import type { Duplex, Readable } from 'node:stream'
import { WebSocketReader, writeBinary } from '../../gateway/wire/kubernetes/websocket-frames.ts'
import { serveSpdy } from './spdy.ts'

export interface Channels {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** One JSON object for each change: Width, Height. */
  readonly resize: Readable
  /** The last word, after all output. */
  finish(status: object): void
}

/** What the client asked for; kubelets name it in the query. */
export interface Wanted {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** @returns null when the request does not ask for SPDY with a protocol known here; it was answered then. */
export function openSpdyChannels(request: IncomingMessage, socket: Duplex, head: Buffer, wanted: Wanted): Promise<Channels> | null {
  const offered = [request.headers['x-stream-protocol-version'] ?? []].flat().flatMap(names => names.split(/, */))
  if (!offered.includes('v4.channel.k8s.io')) {
    refuse(socket, `unable to upgrade: protocols are v4.channel.k8s.io, not ${offered.join(', ')}`)
    return null
  }
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
  )
  if (head.length > 0) socket.unshift(head)
  const names = [
    'error',
    ...(wanted.stdin ? ['stdin'] : []),
    ...(wanted.stdout ? ['stdout'] : []),
    ...(wanted.stderr && !wanted.tty ? ['stderr'] : []),
    ...(wanted.tty ? ['resize'] : []),
  ]
  return new Promise(resolve => {
    const streams = new Map<string, Duplex>()
    const connection = serveSpdy(socket, stream => {
      streams.set(stream.headers.get('streamtype') ?? '', stream)
      if (!names.every(name => streams.has(name))) return
      const [stdout, stderr, error] = ['stdout', 'stderr', 'error'].map(name => streams.get(name) ?? new PassThrough().resume())
      resolve({
        stdin: streams.get('stdin') ?? new PassThrough().end(),
        stdout: stdout ?? new PassThrough().resume(),
        stderr: stderr ?? new PassThrough().resume(),
        resize: streams.get('resize') ?? new PassThrough().end(),
        finish(status) {
          stdout?.end()
          stderr?.end()
          error?.end(JSON.stringify(status), () => connection.close())
        },
      })
    })
  })
}

/** @param versions those this kubelet speaks, the best first: `v5` lets the client close its input. */
export function openWebSocketChannels(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: Wanted,
  versions: readonly ('v4' | 'v5')[],
): Channels | null {
  const protocol = acceptWebSocket(
    request,
    socket,
    versions.map(version => `${version}.channel.k8s.io`),
  )
  if (protocol === null) return null
  const [stdin, resize] = [new PassThrough(), new PassThrough()]
  const reader = new WebSocketReader()
  const take = (chunk: Buffer): void => {
    for (const { opcode, payload } of reader.push(chunk)) {
      if (opcode === 8) {
        stdin.end()
        socket.end()
      } else if (opcode === 9) socket.write(Buffer.concat([Buffer.from([0x8a, payload.length]), payload]))
      else if (payload[0] === 255 && payload[1] === 0 && protocol.startsWith('v5')) stdin.end()
      else if (payload[0] === 0 && stdin.writable) stdin.write(Buffer.from(payload.subarray(1)))
      else if (payload[0] === 4) resize.write(Buffer.from(payload.subarray(1)))
    }
  }
  if (head.length > 0) take(head)
  socket.on('data', take)
  socket.once('close', () => {
    stdin.end()
    resize.end()
  })
  const channel = (number: number): Writable =>
    new Writable({
      write(bytes: Buffer, _, done) {
        if (socket.writable) socket.write(writeBinary(Buffer.from([number]), bytes), () => done())
        else done()
      },
    })
  // Kubelets begin with an empty message in the first channel that they write to.
  socket.write(writeBinary(Buffer.from([wanted.stdout ? 1 : wanted.stderr ? 2 : 3])))
  return {
    stdin,
    resize,
    stdout: channel(1),
    stderr: channel(2),
    finish(status) {
      if (!socket.writable) return
      socket.write(writeBinary(Buffer.from([3]), Buffer.from(JSON.stringify(status))))
      socket.end(Buffer.from([0x88, 2, 0x03, 0xe8]))
    },
  }
}

/** Answers the handshake. @returns the protocol agreed on, null when there is none: the request was refused then. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, known: readonly string[]): string | null {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
  const protocol = known.find(name => offered.includes(name))
  if (protocol === undefined) {
    refuse(socket, `websocket: the protocols are ${known.join(', ')}`)
    return null
  }
  const accept = createHash('sha1')
    .update((request.headers['sec-websocket-key'] ?? '') + GUID)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  )
  return protocol
}

export function refuse(socket: Duplex, words: string, status = '403 Forbidden'): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(words)}\r\nConnection: close\r\n\r\n${words}`,
  )
}
