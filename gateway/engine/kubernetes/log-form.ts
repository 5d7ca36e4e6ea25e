// Logs over WebSocket (binary.k8s.io): messages of the server are pieces of text, without channels; a client says nothing.
import { WebSocketReader, writeBinary } from '../../wire/kubernetes/websocket-frames.ts'
import type { StreamForm, StreamSinks } from './stream-form.ts'

const CLOSE = 8

export class LogForm implements StreamForm {
  readonly #sinks: StreamSinks
  readonly #client = new WebSocketReader()
  readonly #target = new WebSocketReader()

  constructor(sinks: StreamSinks) {
    this.#sinks = sinks
  }

  fromClient(chunk: Buffer): readonly Buffer[] {
    for (const { opcode, payload } of this.#client.push(chunk)) if (opcode <= 2) this.#sinks.record.sent(payload)
    return [chunk]
  }

  fromTarget(chunk: Buffer): readonly Buffer[] {
    return this.#target.push(chunk).flatMap(({ opcode, payload, bytes }) => {
      if (opcode > 2) return opcode === CLOSE ? [...this.flush(true), bytes] : [bytes]
      return this.#show(this.#sinks.mask.push('stdout', payload))
    })
  }

  flush(isOver: boolean): readonly Buffer[] {
    return this.#sinks.mask.flush(isOver).flatMap(([, bytes]) => this.#show(bytes))
  }

  refuse(text: string): readonly Buffer[] {
    return [writeBinary(Buffer.from(`sallyport: ${text}\n`)), Buffer.from([0x88, 2, 0x03, 0xe8])]
  }

  #show(bytes: Buffer): readonly Buffer[] {
    if (bytes.length === 0) return []
    this.#sinks.record.shown('stdout', bytes)
    return [writeBinary(bytes)]
  }
}
