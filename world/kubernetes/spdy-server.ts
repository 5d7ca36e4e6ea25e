// The server's side of one SPDY/3.1 connection, as kubelets have it: streams that a client opens, answered and written to.
import { SpdyReader, writeSpdyControl, writeSpdyData } from '../../gateway/wire/kubernetes/spdy-frames.ts'
import { SpdyHeaderWriter } from '../../gateway/wire/kubernetes/spdy-headers.ts'

export interface SpdyStream {
  readonly id: number
  readonly headers: ReadonlyMap<string, string>
  data: (bytes: Buffer) => void
  ended: () => void
  write(bytes: Buffer): void
  end(): void
}

export class SpdyServer {
  readonly #reader = new SpdyReader()
  readonly #headers = new SpdyHeaderWriter()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #send: (bytes: Buffer) => void
  readonly #opened: (stream: SpdyStream) => void

  constructor(send: (bytes: Buffer) => void, opened: (stream: SpdyStream) => void) {
    this.#send = send
    this.#opened = opened
  }

  push(chunk: Buffer): void {
    for (const frame of this.#reader.push(chunk)) {
      if (frame.kind === 'data') {
        const stream = this.#streams.get(frame.stream)
        if (frame.payload.length > 0) stream?.data(frame.payload)
        if (frame.isLast) stream?.ended()
      } else if (frame.type === 'syn-stream') this.#open(frame.stream, frame.headers, frame.isLast)
      else if (frame.type === 'ping') this.#send(frame.bytes)
      else if (frame.type === 'rst-stream') this.#streams.delete(frame.stream)
    }
  }

  #open(id: number, headers: ReadonlyMap<string, string>, isLast: boolean): void {
    const stream: SpdyStream = {
      id,
      headers,
      data: () => undefined,
      ended: () => undefined,
      write: bytes => this.#send(writeSpdyData(id, bytes, false)),
      end: () => this.#send(writeSpdyData(id, Buffer.alloc(0), true)),
    }
    this.#streams.set(id, stream)
    const number = Buffer.alloc(4)
    number.writeUInt32BE(id)
    this.#send(writeSpdyControl('syn-reply', false, number, this.#headers.write([])))
    this.#opened(stream)
    if (isLast) stream.ended()
  }
}
