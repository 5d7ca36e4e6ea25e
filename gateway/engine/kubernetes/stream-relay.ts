// The two sides of a switched connection. What the container says is masked and recorded; what the client says goes on as it is.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { TextMask } from '../../core/masker.ts'
import { SpdyDataReader } from '../../wire/kubernetes/spdy-data.ts'
import { WebSocketReader, writeBinary } from '../../wire/kubernetes/websocket-frames.ts'
import { LineMask } from './line-mask.ts'
import type { StreamRecord } from './stream-record.ts'

export type StreamForm =
  /** Channels of a WebSocket: the first byte of a message is 1 for stdout, 2 for stderr, 3 for the status. */
  | 'channels'
  | 'spdy'
  /** A forwarded port: bytes of any protocol. */
  | 'bytes'

/** A line that does not end: a prompt is shown after this time. */
const PATIENCE_MS = 150

export interface StreamSides {
  readonly client: Duplex
  readonly target: Duplex
  readonly form: StreamForm
  readonly text: TextMask | null
  readonly record: StreamRecord
  readonly signal: AbortSignal
}

/** Resolves when both sides are closed. @throws {RangeError} when a frame cannot be read: both are closed then. */
export async function relayStreams(sides: StreamSides): Promise<ReadonlyMap<string, number>> {
  const { client, target, record, signal } = sides
  const output = outputOf(sides)
  const stop = (): void => {
    client.destroy()
    target.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  client.on('error', stop)
  target.on('error', stop)
  client.once('close', () => target.destroy())
  try {
    await Promise.all([
      pump(client, target, chunk => {
        record.sent(chunk.length)
        return [chunk]
      }),
      pump(target, client, chunk => output.push(chunk)).then(() => {
        for (const bytes of output.end()) client.write(bytes)
        client.end()
      }),
    ])
  } finally {
    signal.removeEventListener('abort', stop)
    output.stop()
    target.destroy()
    client.end()
  }
  return output.found()
}

async function pump(from: Duplex, to: Duplex, pass: (chunk: Buffer) => readonly Buffer[]): Promise<void> {
  try {
    for await (const chunk of from) {
      if (!(chunk instanceof Buffer)) continue
      for (const bytes of pass(chunk)) {
        if (to.writable && !to.write(bytes)) await Promise.race([once(to, 'drain'), once(to, 'close')])
      }
    }
  } catch (error) {
    // A side that is gone is the end of the stream; a frame that cannot be read is a failure.
    if (error instanceof RangeError) throw error
  }
  if (to.writable) to.end()
}

interface Output {
  push(chunk: Buffer): readonly Buffer[]
  end(): readonly Buffer[]
  stop(): void
  found(): ReadonlyMap<string, number>
}

function outputOf(sides: StreamSides): Output {
  switch (sides.form) {
    case 'channels':
      return new ChannelOutput(sides)
    case 'spdy': {
      const reader = new SpdyDataReader()
      return unmasked(chunk => {
        for (const { stream, payload } of reader.push(chunk)) sides.record.shown(`stream ${stream}`, payload)
      })
    }
    case 'bytes':
      return unmasked(chunk => sides.record.passed(chunk.length))
  }
}

function unmasked(look: (chunk: Buffer) => void): Output {
  return {
    push(chunk) {
      look(chunk)
      return [chunk]
    },
    end: () => [],
    stop: () => undefined,
    found: () => new Map(),
  }
}

class ChannelOutput implements Output {
  readonly #sides: StreamSides
  readonly #reader = new WebSocketReader()
  readonly #masks = new Map<number, LineMask>()
  /** Channel of the message that goes on in continuation frames. */
  #channel = -1
  #timer: NodeJS.Timeout | null = null

  constructor(sides: StreamSides) {
    this.#sides = sides
  }

  push(chunk: Buffer): readonly Buffer[] {
    const frames = this.#reader.push(chunk)
    const out = frames.flatMap(({ opcode, payload, isFinal, bytes }) => {
      if (opcode > 2) return opcode === 8 ? [...this.#flush(), bytes] : [bytes]
      if (opcode !== 0) this.#channel = payload[0] ?? -1
      const channel = this.#channel
      const content = opcode === 0 ? payload : payload.subarray(1)
      if (isFinal) this.#channel = -1
      if (channel === 1 || channel === 2) return this.#show(channel, content)
      // The status comes last: what is held goes out before it.
      const held = channel === 3 ? this.#flush() : []
      return [...held, content.length === 0 && opcode === 0 ? bytes : writeBinary(Buffer.from([channel & 0xff]), content)]
    })
    this.#watch()
    return out
  }

  end(): readonly Buffer[] {
    return this.#flush()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  found(): ReadonlyMap<string, number> {
    const all = new Map<string, number>()
    for (const mask of this.#masks.values()) for (const [rule, times] of mask.found) all.set(rule, (all.get(rule) ?? 0) + times)
    return all
  }

  #show(channel: number, content: Buffer): Buffer[] {
    const { text, record } = this.#sides
    const shown = text === null ? content : this.#maskOf(channel, text).push(content)
    if (shown.length === 0) return content.length === 0 ? [writeBinary(Buffer.from([channel]))] : []
    record.shown(channel === 1 ? 'stdout' : 'stderr', shown)
    return [writeBinary(Buffer.from([channel]), shown)]
  }

  #flush(): Buffer[] {
    return [...this.#masks].flatMap(([channel, mask]) => {
      const rest = mask.flush()
      if (rest.length === 0) return []
      this.#sides.record.shown(channel === 1 ? 'stdout' : 'stderr', rest)
      return [writeBinary(Buffer.from([channel]), rest)]
    })
  }

  #maskOf(channel: number, text: TextMask): LineMask {
    const known = this.#masks.get(channel)
    if (known !== undefined) return known
    const mask = new LineMask(text)
    this.#masks.set(channel, mask)
    return mask
  }

  #watch(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (![...this.#masks.values()].some(mask => mask.hasHeld)) return
    this.#timer = setTimeout(() => {
      for (const bytes of this.#flush()) if (this.#sides.client.writable) this.#sides.client.write(bytes)
    }, PATIENCE_MS)
  }
}
