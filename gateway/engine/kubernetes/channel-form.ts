// exec and attach over WebSocket (channel.k8s.io to v5.channel.k8s.io): the first byte of a message is its channel.
import { WebSocketReader, writeBinary } from '../../wire/kubernetes/websocket-frames.ts'
import { failedStatus } from './remote-status.ts'
import type { StreamForm, StreamSinks } from './stream-form.ts'

const STDIN = 0
const STDERR = 2
const STATUS = 3
const RESIZE = 4
/** Opcode of RFC 6455. */
const CLOSE = 8
const names: readonly string[] = ['stdin', 'stdout', 'stderr']

export class ChannelForm implements StreamForm {
  readonly #sinks: StreamSinks
  readonly #client = new WebSocketReader()
  readonly #target = new WebSocketReader()
  /** Channels of the messages that go on in continuation frames. */
  #clientChannel = -1
  #targetChannel = -1

  constructor(sinks: StreamSinks) {
    this.#sinks = sinks
  }

  fromClient(chunk: Buffer): readonly Buffer[] {
    const { record } = this.#sinks
    for (const { opcode, payload, isFinal } of this.#client.push(chunk)) {
      if (opcode > 2) continue
      if (opcode !== 0) this.#clientChannel = payload[0] ?? -1
      const content = opcode === 0 ? payload : payload.subarray(1)
      if (this.#clientChannel === STDIN) record.sent(content)
      else if (this.#clientChannel === RESIZE) record.resized(content)
      if (isFinal) this.#clientChannel = -1
    }
    return [chunk]
  }

  fromTarget(chunk: Buffer): readonly Buffer[] {
    return this.#target.push(chunk).flatMap(({ opcode, payload, isFinal, bytes }) => {
      if (opcode > 2) return opcode === CLOSE ? [...this.flush(true), bytes] : [bytes]
      if (opcode !== 0) this.#targetChannel = payload[0] ?? -1
      const channel = this.#targetChannel
      const content = opcode === 0 ? payload : payload.subarray(1)
      if (isFinal) this.#targetChannel = -1
      return this.#show(channel, content)
    })
  }

  flush(isOver: boolean): readonly Buffer[] {
    return this.#sinks.mask.flush(isOver).map(([name, bytes]) => {
      this.#sinks.record.shown(name, bytes)
      return message(names.indexOf(name), bytes)
    })
  }

  refuse(text: string): readonly Buffer[] {
    const status = failedStatus(text)
    this.#sinks.record.ended(status)
    return [message(STDERR, Buffer.from(`sallyport: ${text}\n`)), message(STATUS, status), Buffer.from([0x88, 2, 0x03, 0xe8])]
  }

  #show(channel: number, content: Buffer): readonly Buffer[] {
    const { mask, record } = this.#sinks
    const name = names[channel]
    if (name === undefined || channel === STDIN) {
      // The status comes last: what is held goes out before it. It may quote what was asked for.
      const held = channel === STATUS ? this.flush(true) : []
      const shown = Buffer.concat([mask.push('status', content), mask.end('status')])
      if (channel === STATUS) record.ended(shown)
      return [...held, message(channel, shown)]
    }
    const shown = mask.push(name, content)
    if (shown.length === 0) return content.length === 0 ? [message(channel, content)] : []
    record.shown(name, shown)
    return [message(channel, shown)]
  }
}

function message(channel: number, content: Buffer): Buffer {
  return writeBinary(Buffer.from([channel & 0xff]), content)
}
