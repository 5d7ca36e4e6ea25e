// What the recording keeps of a stream. A terminal becomes an asciicast; of anything else the beginning of each stream is kept, as the client
// saw it, and how many bytes went each way; of a forwarded port only the counts.
import type { TextMask } from '../../core/masker.ts'
import type { Session } from '../../core/session.ts'
import type { TerminalRecording, TerminalSize } from '../../core/terminal.ts'
import { LineMask } from './line-mask.ts'
import { remoteStatus } from './remote-status.ts'

/** Kept of one exec or attach, both ways together. */
const MAX_KEPT_BYTES = 64 * 1_024
const MAX_STATUS_BYTES = 64 * 1_024
const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 }
const MAX_RESIZE_BYTES = 4 * 1_024
const MAX_LINE_BYTES = 1_024
/** Return, new line, interrupt, end of file. */
const LINE_ENDS = [0x0d, 0x0a, 0x03, 0x04]

export class StreamRecord {
  readonly #session: Session
  readonly #number: number
  readonly #isTerminal: boolean
  readonly #startedMs = performance.now()
  readonly #kept: { readonly stream: string; readonly parts: Buffer[] }[] = []
  readonly #text: TextMask | null
  readonly #typed: LineMask | null
  readonly #status: Buffer[] = []
  readonly #ports = new Map<string, { connections: number; in: number; out: number }>()
  #terminal: TerminalRecording | null = null
  #keptBytes = 0
  #omittedBytes = 0
  #toClient = 0
  #toTarget = 0
  #resize = ''
  /** Typed since the last line end. */
  #line: Buffer = Buffer.alloc(0)
  /** True when the recording is behind: `drained` is to be awaited before more is read. */
  isBehind = false

  /** @param text patterns; what a client types is not changed on its way, but it is not recorded plainly either. */
  constructor(session: Session, number: number, isTerminal: boolean, text: TextMask | null) {
    this.#session = session
    this.#number = number
    this.#isTerminal = isTerminal
    this.#text = text
    this.#typed = text === null ? null : new LineMask(text)
  }

  /** Bytes of `stdout` or `stderr` as the client gets them. @throws {SallyportError} RECORDING_FAILED */
  shown(stream: string, bytes: Buffer): void {
    this.#toClient += bytes.length
    if (this.#isTerminal) this.#note(this.#terminalOf(DEFAULT_SIZE).output(bytes))
    else this.#keep(stream, bytes)
  }

  /** Bytes of `stdin`. @throws {SallyportError} RECORDING_FAILED */
  sent(bytes: Buffer): void {
    this.#toTarget += bytes.length
    if (this.#isTerminal) this.#type(bytes)
    else if (this.#keptBytes >= MAX_KEPT_BYTES) this.#omittedBytes += bytes.length
    else this.#keep('stdin', this.#typed?.push(bytes) ?? bytes)
  }

  /** A piece of the stream by which a client tells how large its terminal is: JSON objects, a line each. */
  resized(bytes: Buffer): void {
    this.#resize += bytes.toString('latin1')
    const lines = this.#resize.split('\n')
    const rest = lines.pop() ?? ''
    const size = sizeOf(rest)
    this.#resize = size === null && rest.length < MAX_RESIZE_BYTES ? rest : ''
    for (const found of [...lines.map(sizeOf), size]) if (found !== null && this.#isTerminal) this.#apply(found)
  }

  /** A piece of the stream that tells how the command ended. */
  ended(bytes: Buffer): void {
    const length = this.#status.reduce((sum, part) => sum + part.length, 0)
    if (length < MAX_STATUS_BYTES) this.#status.push(Buffer.from(bytes.subarray(0, MAX_STATUS_BYTES - length)))
  }

  /** Bytes over a forwarded port: they are counted, not kept. */
  forwarded(port: string, direction: 'in' | 'out' | 'opened', bytes: number): void {
    const known = this.#ports.get(port) ?? { connections: 0, in: 0, out: 0 }
    this.#ports.set(port, known)
    if (direction === 'opened') known.connections += 1
    else known[direction] += bytes
    if (direction === 'in') this.#toTarget += bytes
    if (direction === 'out') this.#toClient += bytes
  }

  /** @param tag what to say where the command did not say how it ended. */
  close(tag: string, found: Iterable<readonly [string, number]>): void {
    if (this.#text !== null && this.#line.length > 0) this.#terminal?.input(covered(this.#line, this.#text))
    this.#terminal?.close()
    if (this.#typed !== null && !this.#isTerminal) this.#keep('stdin', this.#typed.flush())
    if (this.#kept.length > 0 && this.#session.keptRows > 0) {
      const rows = this.#kept.map(({ stream, parts }) => [stream, textOf(Buffer.concat(parts))])
      if (this.#omittedBytes > 0) rows.push(['', `… ${this.#omittedBytes} more bytes`])
      this.#session.append({ kind: 'rows', command: this.#number, columns: ['stream', 'text'], rows, omitted: 0 })
    }
    if (this.#ports.size > 0) {
      const rows = [...this.#ports].map(([port, count]) => [port, ...[count.connections, count.in, count.out].map(String)])
      const columns = ['port', 'connections', 'bytes in', 'bytes out']
      this.#session.append({ kind: 'rows', command: this.#number, columns, rows, omitted: 0 })
    }
    for (const [rule, values] of found) this.#session.append({ kind: 'mask', command: this.#number, rule, column: 'output', values })
    this.#session.append({
      kind: 'result',
      command: this.#number,
      tag: `${remoteStatus(Buffer.concat(this.#status)) ?? tag}; ${this.#toTarget} bytes in, ${this.#toClient} bytes out`,
      rows: 0,
      durationMs: Math.round(performance.now() - this.#startedMs),
    })
  }

  /** The stream was ended here: what was seen of it until then stays in the recording. */
  fail(code: string, message: string, found: Iterable<readonly [string, number]>): void {
    this.close(`ended by the gateway (${code})`, found)
    this.#session.append({ kind: 'error', command: this.#number, code, message })
  }

  /** Keys as they are; where patterns are hidden, lines as a whole. */
  #type(bytes: Buffer): void {
    if (this.#text === null) {
      this.#note(this.#terminalOf(DEFAULT_SIZE).input(bytes))
      return
    }
    this.#line = Buffer.concat([this.#line, bytes])
    const end = Math.max(...LINE_ENDS.map(key => this.#line.lastIndexOf(key))) + 1
    const ready = this.#line.length > MAX_LINE_BYTES ? this.#line.length : end
    if (ready > 0) this.#note(this.#terminalOf(DEFAULT_SIZE).input(covered(this.#line.subarray(0, ready), this.#text)))
    this.#line = this.#line.subarray(ready)
  }

  #apply(size: TerminalSize): void {
    if (this.#terminal === null) this.#terminalOf(size)
    else this.#terminal.resize(size.columns, size.rows)
  }

  #terminalOf(size: TerminalSize): TerminalRecording {
    this.#terminal ??= this.#session.openTerminal(this.#number, size)
    return this.#terminal
  }

  #note(hasRoom: boolean): void {
    if (!hasRoom) this.isBehind = true
  }

  #keep(stream: string, bytes: Buffer): void {
    const room = Math.max(0, MAX_KEPT_BYTES - this.#keptBytes)
    this.#omittedBytes += Math.max(0, bytes.length - room)
    if (room === 0 || bytes.length === 0) return
    const part = Buffer.from(bytes.subarray(0, room))
    this.#keptBytes += part.length
    const last = this.#kept.at(-1)
    if (last?.stream === stream) last.parts.push(part)
    else this.#kept.push({ stream, parts: [part] })
  }
}

function covered(bytes: Buffer, mask: TextMask): Buffer {
  if (!mask.mayFind(bytes, 0, bytes.length)) return bytes
  const { text, found } = mask.apply(bytes.toString('utf8'))
  return found.size === 0 ? bytes : Buffer.from(text)
}

function sizeOf(line: string): TerminalSize | null {
  try {
    const parsed: unknown = JSON.parse(line)
    if (typeof parsed !== 'object' || parsed === null || !('Width' in parsed) || !('Height' in parsed)) return null
    const { Width: columns, Height: rows } = parsed
    return typeof columns === 'number' && typeof rows === 'number' ? { columns, rows } : null
  } catch {
    return null
  }
}

function textOf(bytes: Buffer): string {
  return bytes.includes(0) ? `(${bytes.length} bytes that are no text)` : bytes.toString('utf8')
}
