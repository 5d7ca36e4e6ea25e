// The kubelet's part in exec, attach and port-forward, for tests: real processes behind the real protocols, which are v5 and v4 over
// WebSocket, v4 over SPDY/3.1, port-forward over SPDY/3.1 and tunnelled, and by channels as older WebSocket clients do it.
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketReader, writeBinary } from '../../gateway/wire/kubernetes/websocket-frames.ts'
import { startInPod } from './pod-process.ts'
import type { PodProcess } from './pod-process.ts'
import { SpdyServer } from './spdy-server.ts'
import type { SpdyStream } from './spdy-server.ts'
import { exitStatus } from './exit-status.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TUNNEL = 'SPDY/3.1+portforward.k8s.io'
const CLOSE = Buffer.from([0x88, 2, 0x03, 0xe8])

export interface KubeletOptions {
  /** Working directory of everything that runs. */
  readonly folder: string
  /** Splits output at every so many bytes. */
  readonly pieces?: number
  /** Text of the logs over WebSocket. */
  readonly logs?: string
  /** What `attach` is attached to. */
  readonly main?: readonly string[]
  /** Ports of the pod, and where they really listen on loopback. */
  readonly ports?: ReadonlyMap<number, number>
}

export interface Kubelet {
  readonly handle: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Sizes of terminals as clients told them, JSON. */
  readonly sizes: string[]
  /** Protocols that were spoken, in order. */
  readonly spoken: string[]
  stop(): void
}

/** Where a remote command's streams are, whatever protocol carries them. */
interface Streams {
  output(stream: 'stdout' | 'stderr', bytes: Buffer): void
  /** The last words: a Status. */
  status(text: string): void
}

export function startKubelet(options: KubeletOptions): Kubelet {
  const running = new Set<PodProcess>()
  const sockets = new Set<Duplex>()
  const sizes: string[] = []
  const spoken: string[] = []

  const run = (query: URLSearchParams, subresource: string, streams: Streams): PodProcess => {
    const argv = subresource === 'exec' ? query.getAll('command') : (options.main ?? ['cat'])
    const process = startInPod(argv, query.get('tty') === 'true', options.folder, {
      output(stream, bytes) {
        const step = options.pieces ?? bytes.length
        for (let at = 0; at < bytes.length; at += step) streams.output(stream, bytes.subarray(at, at + step))
      },
      exit(code) {
        running.delete(process)
        streams.status(JSON.stringify(exitStatus(code)))
      },
    })
    running.add(process)
    return process
  }

  const handle = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://x')
    const subresource = pathname.split('/').at(-1) ?? ''
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
    const protocol = request.headers.upgrade?.toLowerCase()
    if (protocol === 'websocket') overWebSocket(request, socket, head, subresource, query)
    else if (protocol === 'spdy/3.1') overSpdy(request, socket, head, subresource, query)
    else socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
  }

  function overWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, subresource: string, query: URLSearchParams): void {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    if (subresource === 'log') {
      overLog(request, socket)
      return
    }
    const mine = [...(subresource === 'portforward' ? [TUNNEL] : ['v5.channel.k8s.io']), 'v4.channel.k8s.io']
    const protocol = mine.find(name => offered.includes(name))
    if (protocol === undefined) {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
      return
    }
    spoken.push(`${subresource} ${protocol}`)
    const accept = createHash('sha1')
      .update((request.headers['sec-websocket-key'] ?? '') + GUID)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
    )
    const say = (channel: number, bytes: Buffer): void => void socket.write(writeBinary(Buffer.from([channel]), bytes))
    if (subresource === 'portforward') {
      const receive = protocol === TUNNEL ? tunnelled(socket) : byChannels(query, say)
      readMessages(socket, head, receive)
      return
    }
    const process = run(query, subresource, {
      output: (stream, bytes) => say(stream === 'stdout' ? 1 : 2, bytes),
      status(text) {
        say(3, Buffer.from(text))
        socket.end(CLOSE)
      },
    })
    socket.once('close', () => process.end())
    readMessages(socket, head, message => {
      const [channel] = message
      const content = message.subarray(1)
      if (channel === 0) process.write(content)
      else if (channel === 4) sizes.push(content.toString().trim())
      // v5 closes a channel by message 255 with its number.
      else if (channel === 255 && content[0] === 0) process.endInput()
    })
  }

  /** The API server's own way for logs: messages without channels. */
  function overLog(request: IncomingMessage, socket: Duplex): void {
    const protocol = request.headers['sec-websocket-protocol']
    const named = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
    spoken.push(`log ${protocol ?? ''}`)
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${named}\r\n`)
    const bytes = Buffer.from(options.logs ?? '')
    const step = options.pieces ?? bytes.length
    for (let at = 0; at < bytes.length; at += step) socket.write(writeBinary(bytes.subarray(at, at + step)))
    socket.end(CLOSE)
  }

  function overSpdy(request: IncomingMessage, socket: Duplex, head: Buffer, subresource: string, query: URLSearchParams): void {
    const version = subresource === 'portforward' ? 'portforward.k8s.io' : 'v4.channel.k8s.io'
    // A kubelet does not look for commas: each line of the header is one version.
    const offered = request.rawHeaders.filter(
      (_, index) => index % 2 === 1 && /^x-stream-protocol-version$/i.test(request.rawHeaders[index - 1] ?? ''),
    )
    if (!offered.includes(version)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
      return
    }
    spoken.push(`${subresource} SPDY/3.1`)
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: ${version}\r\n\r\n`,
    )
    const send = (bytes: Buffer): void => {
      if (socket.writable) socket.write(bytes)
    }
    const server =
      subresource === 'portforward' ? new SpdyServer(send, forwarded) : new SpdyServer(send, remoteCommand(socket, subresource, query))
    const push = (chunk: Buffer): void => {
      try {
        server.push(chunk)
      } catch {
        socket.destroy()
      }
    }
    push(head)
    socket.on('data', push)
    socket.once('end', () => socket.end())
  }

  /** Starts once every stream that the query names is there. */
  function remoteCommand(socket: Duplex, subresource: string, query: URLSearchParams): (stream: SpdyStream) => void {
    const isOn = (name: string): boolean => query.get(name) === 'true'
    const wanted = ['error', ...['stdin', 'stdout', 'stderr'].filter(isOn), ...(isOn('tty') ? ['resize'] : [])]
    const streams = new Map<string, SpdyStream>()
    return stream => {
      streams.set(stream.headers.get('streamtype') ?? '', stream)
      if (!wanted.every(type => streams.has(type))) return
      const process = run(query, subresource, {
        output: (type, bytes) => streams.get(type)?.write(bytes),
        status(text) {
          for (const type of ['stdout', 'stderr']) streams.get(type)?.end()
          streams.get('error')?.write(Buffer.from(text))
          streams.get('error')?.end()
        },
      })
      socket.once('close', () => process.end())
      const stdin = streams.get('stdin')
      if (stdin === undefined) process.endInput()
      else {
        stdin.data = bytes => process.write(bytes)
        stdin.ended = () => process.endInput()
      }
      const resize = streams.get('resize')
      if (resize !== undefined) resize.data = bytes => void sizes.push(bytes.toString().trim())
    }
  }

  function connect(port: string): net.Socket {
    const target = net.connect(options.ports?.get(Number(port)) ?? 1, '127.0.0.1')
    target.on('error', () => target.destroy())
    sockets.add(target)
    target.once('close', () => sockets.delete(target))
    return target
  }

  function forwarded(stream: SpdyStream): void {
    const port = stream.headers.get('port') ?? ''
    if (stream.headers.get('streamtype') === 'error') {
      if (options.ports?.has(Number(port)) !== true) stream.write(Buffer.from(`nothing listens on ${port}`))
      stream.end()
      return
    }
    const target = connect(port)
    stream.data = bytes => void target.write(bytes)
    stream.ended = () => void target.end()
    target.on('data', (bytes: Buffer) => stream.write(bytes))
    target.once('close', () => stream.end())
  }

  function tunnelled(socket: Duplex): (message: Buffer) => void {
    const server = new SpdyServer(bytes => {
      if (socket.writable) socket.write(writeBinary(bytes))
    }, forwarded)
    return message => server.push(message)
  }

  function byChannels(query: URLSearchParams, say: (channel: number, bytes: Buffer) => void): (message: Buffer) => void {
    const targets = query.getAll('ports').map((port, index) => {
      const number = Buffer.alloc(2)
      number.writeUInt16LE(Number(port))
      for (const channel of [2 * index, 2 * index + 1]) say(channel, number)
      const target = connect(port)
      target.on('data', (bytes: Buffer) => say(2 * index, bytes))
      return target
    })
    return message => void targets[(message[0] ?? 0) / 2]?.write(message.subarray(1))
  }

  return {
    handle,
    sizes,
    spoken,
    stop() {
      for (const process of running) process.end()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function readMessages(socket: Duplex, head: Buffer, receive: (message: Buffer) => void): void {
  const reader = new WebSocketReader()
  const read = (chunk: Buffer): void => {
    for (const { opcode, payload } of reader.push(chunk)) {
      if (opcode === 8) socket.end(CLOSE)
      else if (opcode === 9) socket.write(Buffer.concat([Buffer.from([0x8a, payload.length]), payload]))
      else if (opcode <= 2) receive(payload)
    }
  }
  read(head)
  socket.on('data', read)
}
