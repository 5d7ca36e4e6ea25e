// What the recording keeps of a stream: the beginning of its output as the client saw it, by stream, and how many bytes went each way.
import type { Session } from '../../core/session.ts'

const MAX_KEPT_BYTES = 64 * 1_024

export class StreamRecord {
  readonly #session: Session
  readonly #number: number
  readonly #startedMs = performance.now()
  readonly #kept: { readonly stream: string; text: string }[] = []
  #keptBytes = 0
  #omittedBytes = 0
  #toClient = 0
  #toTarget = 0

  constructor(session: Session, number: number) {
    this.#session = session
    this.#number = number
  }

  sent(bytes: number): void {
    this.#toTarget += bytes
  }

  /** @param stream `stdout`, `stderr`, or a number where the name is not known. */
  shown(stream: string, bytes: Buffer): void {
    this.#toClient += bytes.length
    const room = Math.max(0, MAX_KEPT_BYTES - this.#keptBytes)
    this.#omittedBytes += Math.max(0, bytes.length - room)
    if (room === 0 || this.#session.keptRows === 0) return
    const text = bytes.subarray(0, room).toString('utf8')
    this.#keptBytes += Math.min(room, bytes.length)
    const last = this.#kept.at(-1)
    if (last?.stream === stream) last.text += text
    else this.#kept.push({ stream, text })
  }

  /** Bytes that are not kept: of a forwarded port. */
  passed(bytes: number): void {
    this.#toClient += bytes
  }

  close(tag: string, found: Iterable<readonly [string, number]>): void {
    if (this.#kept.length > 0) {
      const rows = this.#kept.map(({ stream, text }) => [stream, text])
      if (this.#omittedBytes > 0) rows.push(['', `… ${this.#omittedBytes} more bytes`])
      this.#session.append({ kind: 'rows', command: this.#number, columns: ['stream', 'text'], rows, omitted: 0 })
    }
    for (const [rule, values] of found) this.#session.append({ kind: 'mask', command: this.#number, rule, column: 'output', values })
    this.#session.append({
      kind: 'result',
      command: this.#number,
      tag: `${tag}; ${this.#toTarget} bytes in, ${this.#toClient} bytes out`,
      rows: 0,
      durationMs: Math.round(performance.now() - this.#startedMs),
    })
  }
}
