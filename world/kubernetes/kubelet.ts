// The kubelet's part in exec, for tests: speaks v5 and v4 of the remote command protocol over WebSocket, and runs three small programs.
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketReader, writeBinary } from '../../gateway/wire/kubernetes/websocket-frames.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** `echo …`, `cat` (until stdin is closed), `fail` (status 3). @param pieces splits output at every so many bytes. */
export function smallKubelet(pieces = 1_000): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    const protocol = ['v5.channel.k8s.io', 'v4.channel.k8s.io'].find(name => offered.includes(name))
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || protocol === undefined) {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const accept = createHash('sha1')
      .update((request.headers['sec-websocket-key'] ?? '') + GUID)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
    )
    const query = new URL(request.url ?? '/', 'http://x').searchParams
    const [program = '', ...words] = query.getAll('command')
    const say = (text: string | Buffer): void => {
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += pieces) socket.write(writeBinary(Buffer.from([1]), bytes.subarray(at, at + pieces)))
    }
    const end = (status: object): void => {
      socket.write(writeBinary(Buffer.from([3]), Buffer.from(JSON.stringify({ metadata: {}, ...status }))))
      socket.end(Buffer.from([0x88, 2, 0x03, 0xe8]))
    }
    socket.on('error', () => socket.destroy())
    if (program === 'echo') {
      say(`${words.join(' ')}\n`)
      end({ status: 'Success' })
    } else if (program === 'cat') {
      const reader = new WebSocketReader()
      const read = (chunk: Buffer): void => {
        for (const { opcode, payload } of reader.push(chunk)) {
          if (opcode === 8) socket.end()
          // v5 closes a channel by message 255 with its number.
          else if (payload[0] === 255) end({ status: 'Success' })
          else if (payload[0] === 0) say(payload.subarray(1))
        }
      }
      read(head)
      socket.on('data', read)
    } else
      end({
        status: 'Failure',
        reason: 'NonZeroExitCode',
        message: 'it failed',
        details: { causes: [{ reason: 'ExitCode', message: '3' }] },
      })
  }
}
