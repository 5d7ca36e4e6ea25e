// exec and attach over SPDY/3.1: the client opens one stream for each of stdin, stdout, stderr, error and resize. Control frames pass as they
// are, data of the container is written anew.
import { SpdyReader, writeSpdyData } from '../../wire/kubernetes/spdy-frames.ts'
import { failedStatus } from './remote-status.ts'
import type { StreamForm, StreamSinks } from './stream-form.ts'

/** More than any client opens. */
const MAX_STREAMS = 64

export class SpdyForm implements StreamForm {
  readonly #sinks: StreamSinks
  readonly #client = new SpdyReader()
  readonly #target = new SpdyReader()
  /** What each stream is, as its opener said. */
  readonly #types = new Map<number, string>()

  constructor(sinks: StreamSinks) {
    this.#sinks = sinks
  }

  fromClient(chunk: Buffer): readonly Buffer[] {
    const { record } = this.#sinks
    for (const frame of this.#client.push(chunk)) {
      if (frame.kind === 'control') {
        if (frame.type === 'syn-stream') this.#open(frame.stream, frame.headers.get('streamtype') ?? '')
      } else {
        const type = this.#types.get(frame.stream)
        if (type === 'stdin') record.sent(frame.payload)
        else if (type === 'resize') record.resized(frame.payload)
      }
    }
    return [chunk]
  }

  fromTarget(chunk: Buffer): readonly Buffer[] {
    const { mask } = this.#sinks
    return this.#target.push(chunk).flatMap((frame): readonly Buffer[] => {
      if (frame.kind === 'control') {
        // Nothing comes on this stream, or on any, behind it.
        if (frame.type === 'rst-stream') return [...this.#rest(frame.stream), frame.bytes]
        return frame.type === 'goaway' ? [...this.flush(true), frame.bytes] : [frame.bytes]
      }
      const { stream, payload, isLast } = frame
      const name = this.#nameOf(stream)
      // The status comes last: what is held goes out before it.
      const held = name === 'error' ? this.flush(true) : []
      const isWhole = isLast || name === 'error'
      const shown = isWhole ? Buffer.concat([mask.push(name, payload), mask.end(name)]) : mask.push(name, payload)
      if (shown.length === 0 && !isLast) return held
      this.#note(name, shown)
      return [...held, writeSpdyData(stream, shown, isLast)]
    })
  }

  flush(isOver: boolean): readonly Buffer[] {
    return this.#sinks.mask.flush(isOver).map(([name, bytes]) => {
      this.#note(name, bytes)
      return writeSpdyData(this.#streamOf(name), bytes, false)
    })
  }

  refuse(text: string): readonly Buffer[] {
    const status = failedStatus(text)
    this.#sinks.record.ended(status)
    const said = (type: string, bytes: Buffer): readonly Buffer[] => {
      const stream = this.#streamOf(type)
      return stream === 0 ? [] : [writeSpdyData(stream, bytes, true)]
    }
    return [...said('stderr', Buffer.from(`sallyport: ${text}\n`)), ...said('error', status)]
  }

  #open(stream: number, type: string): void {
    // A second name for a stream would let output pass under it.
    if (this.#types.has(stream) || [...this.#types.values()].includes(type)) throw new RangeError('a stream is opened twice')
    if (this.#types.size >= MAX_STREAMS) throw new RangeError('too many streams')
    this.#types.set(stream, type)
  }

  #rest(stream: number): readonly Buffer[] {
    const name = this.#nameOf(stream)
    const rest = this.#sinks.mask.end(name)
    if (rest.length === 0) return []
    this.#note(name, rest)
    return [writeSpdyData(stream, rest, false)]
  }

  #note(name: string, bytes: Buffer): void {
    if (name === 'error') this.#sinks.record.ended(bytes)
    else this.#sinks.record.shown(name, bytes)
  }

  #nameOf(stream: number): string {
    return this.#types.get(stream) ?? `stream ${stream}`
  }

  #streamOf(name: string): number {
    for (const [stream, type] of this.#types) if (type === name) return stream
    return Number(/^stream (\d+)$/.exec(name)?.[1] ?? 0)
  }
}
