// A forwarded port: bytes of any protocol, which nobody can mask. They are counted by port, and pass as they are.
// Three ways: SPDY/3.1, the same inside of a WebSocket, and the channels of older WebSocket clients (two for each port: data, error).
import { SpdyReader } from '../../wire/kubernetes/spdy-frames.ts'
import { WebSocketReader } from '../../wire/kubernetes/websocket-frames.ts'
import type { StreamForm } from './stream-form.ts'
import type { StreamRecord } from './stream-record.ts'

/** Connections of one client over its time; what was closed is forgotten. */
const MAX_STREAMS = 10_000

type Look = (chunk: Buffer) => void

/** @param isTunnel the frames stand in messages of a WebSocket. */
export function spdyPortForm(record: StreamRecord, isTunnel: boolean): StreamForm {
  const ports = new Map<number, string>()
  const look = (direction: 'in' | 'out'): Look => {
    const reader = new SpdyReader()
    return chunk => {
      for (const frame of reader.push(chunk)) {
        if (frame.kind === 'data') {
          const port = ports.get(frame.stream)
          if (port !== undefined) record.forwarded(port, direction, frame.payload.length)
        } else if (frame.type === 'syn-stream' && direction === 'in' && frame.headers.get('streamtype') === 'data') {
          if (ports.size >= MAX_STREAMS) throw new RangeError('too many connections over one forwarded port')
          const port = frame.headers.get('port') ?? ''
          ports.set(frame.stream, port)
          record.forwarded(port, 'opened', 0)
        } else if (frame.type === 'rst-stream') ports.delete(frame.stream)
      }
    }
  }
  const client = isTunnel ? inMessages(look('in')) : look('in')
  const target = isTunnel ? inMessages(look('out')) : look('out')
  return passing(client, target)
}

/** @param ports as the query lists them: two channels each. */
export function channelPortForm(record: StreamRecord, ports: readonly string[]): StreamForm {
  const opened = new Set<number>()
  const look = (direction: 'in' | 'out'): Look => {
    const reader = new WebSocketReader()
    let channel = -1
    return chunk => {
      for (const { opcode, payload } of reader.push(chunk)) {
        if (opcode > 2) continue
        if (opcode !== 0) channel = payload[0] ?? -1
        const port = channel % 2 === 0 ? ports[channel / 2] : undefined
        if (port === undefined) continue
        const length = opcode === 0 ? payload.length : payload.length - 1
        if (opened.has(channel) || direction === 'in') record.forwarded(port, direction, length)
        else {
          // The first message of the server repeats the port.
          opened.add(channel)
          record.forwarded(port, 'opened', 0)
        }
      }
    }
  }
  return passing(look('in'), look('out'))
}

function inMessages(inner: Look): Look {
  const reader = new WebSocketReader()
  return chunk => {
    for (const { opcode, payload } of reader.push(chunk)) if (opcode <= 2) inner(payload)
  }
}

function passing(client: Look, target: Look): StreamForm {
  return {
    fromClient(chunk) {
      client(chunk)
      return [chunk]
    },
    fromTarget(chunk) {
      target(chunk)
      return [chunk]
    },
    flush: () => [],
    refuse: () => [],
  }
}
