// What a recording keeps of a command's streams: the first lines of each as the client saw them, and how much there was.
import type { RowsEvent } from '../../core/events.ts'

const MAX_CHARACTERS = 64 * 1024
const MAX_LINE_CHARACTERS = 4 * 1024

/** `stdin` is only counted, but for a shell: what it is fed is what it runs. */
type StreamName = 'stdin' | 'stdout' | 'stderr'

export class StreamCapture {
  readonly bytes = { stdin: 0, stdout: 0, stderr: 0 }
  readonly #maxLines: number
  readonly #rows: (readonly [StreamName, string])[] = []
  readonly #open: Record<StreamName, Buffer> = { stdin: Buffer.alloc(0), stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
  readonly #lines: Record<StreamName, number> = { stdin: 0, stdout: 0, stderr: 0 }
  #characters = 0
  #omitted = 0

  constructor(maxLines: number) {
    this.#maxLines = maxLines
  }

  /** Bytes as they pass. */
  take(stream: StreamName, bytes: Buffer): void {
    this.bytes[stream] += bytes.length
    this.keep(stream, bytes)
  }

  /** Bytes that are kept, and not counted. */
  keep(stream: StreamName, bytes: Buffer): void {
    let start = 0
    for (;;) {
      const end = bytes.indexOf(0x0a, start)
      if (end === -1) break
      this.#line(stream, bytes.subarray(start, end))
      start = end + 1
      if (this.#isFull(stream)) {
        // Counting lines of a long download costs more than the figure is worth: from here on bytes are enough.
        this.#omitted += 1
        this.#open[stream] = Buffer.alloc(0)
        return
      }
    }
    if (!this.#isFull(stream) && this.#open[stream].length < MAX_LINE_CHARACTERS) {
      this.#open[stream] = Buffer.concat([this.#open[stream], bytes.subarray(start, start + MAX_LINE_CHARACTERS)])
    }
  }

  /** The event; null when there was no output. */
  event(command: number): RowsEvent | null {
    for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
      if (this.#open[stream].length > 0) this.#line(stream, Buffer.alloc(0))
    }
    if (this.#rows.length === 0 && this.#omitted === 0) return null
    return { kind: 'rows', command, columns: ['stream', 'text'], rows: this.#rows, omitted: this.#omitted }
  }

  #isFull(stream: StreamName): boolean {
    return this.#lines[stream] >= this.#maxLines || this.#characters >= MAX_CHARACTERS
  }

  #line(stream: StreamName, rest: Buffer): void {
    if (this.#isFull(stream)) {
      this.#omitted += 1
      return
    }
    const bytes = this.#open[stream].length === 0 ? rest : Buffer.concat([this.#open[stream], rest])
    this.#open[stream] = Buffer.alloc(0)
    const text = bytes.includes(0)
      ? `\\x${bytes.subarray(0, 64).toString('hex')}…`
      : bytes.subarray(0, MAX_LINE_CHARACTERS).toString('utf8')
    this.#rows.push([stream, text])
    this.#lines[stream] += 1
    this.#characters += text.length
  }
}
