// The client's stream, message by message and in order: one that must wait holds back those behind it, within a bound.
import { SallyportError } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import { writeParameterStatus } from '../../wire/postgres/backend-writer.ts'
import { Framer } from '../../wire/postgres/framer.ts'
import type { FrameSink } from '../../wire/postgres/framer.ts'
import { frontend } from '../../wire/postgres/message-type.ts'
import type { Conversation } from './conversation.ts'
import { Outbox } from './outbox.ts'

/** Query and Parse up to the parser's own limit; Bind with its values. PostgreSQL takes 1 GB. */
const MAX_INSPECTED_BYTES = 16 * 1024 * 1024 + 1024
/** What is kept of a client that writes while it has to wait; then it is not read. */
const MAX_QUEUED_BYTES = 1024 * 1024
/** The end of a client that is not read shows only when something is written to it. */
const PULSE_MS = 1_000

interface Piece {
  readonly type: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** Reads one message, or a piece of COPY data. A promise means: nothing more until it is settled. */
export type ReadMessage = (type: number, bytes: Buffer, start: number, end: number) => Promise<void> | null

export class ClientStream implements FrameSink {
  /** What goes to the target, in one write a chunk. */
  readonly outbox = new Outbox()
  readonly #conversation: Conversation
  readonly #read: ReadMessage
  readonly #framer: Framer
  #queue: Piece[] = []
  #queuedBytes = 0
  #isWaiting = false
  #isPaused = false
  #isOver = false
  #pulse: NodeJS.Timeout | null = null

  constructor(conversation: Conversation, read: ReadMessage) {
    this.#conversation = conversation
    this.#read = read
    this.#framer = new Framer(this, MAX_INSPECTED_BYTES)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes the next bytes of the client. @throws {WireError} when they are not the protocol. */
  push(chunk: Buffer): void {
    // Read only so that the client comes to read its last words.
    if (this.#isOver) return
    this.#framer.push(chunk)
    this.send()
    if (this.#queuedBytes > MAX_QUEUED_BYTES || this.#conversation.target.socket.stream.writableNeedDrain) this.#pause()
  }

  /** Sends what was admitted, unless the session has ended. */
  send(): void {
    if (this.#isOver) return
    const { socket } = this.#conversation.target
    this.outbox.flush(bytes => {
      failpoint('target.before-forward')
      failpoint('target.mid-message', () => socket.write(bytes.subarray(0, bytes.length >> 1)))
      socket.write(bytes)
      failpoint('target.forwarded')
    })
  }

  /** Nothing more is read. */
  stop(): void {
    this.#isOver = true
    this.#queue = []
    this.#stopPulse()
  }

  /** The target takes bytes again. */
  resume(): void {
    if (!this.#isPaused || this.#queuedBytes > MAX_QUEUED_BYTES) return
    this.#isPaused = false
    this.#stopPulse()
    this.#conversation.client.resume()
  }

  wantsWhole(type: number): boolean {
    return type !== frontend.copyData
  }

  onMessage(type: number, bytes: Buffer, start: number, end: number): void {
    this.onPiece(type, bytes, start, end)
  }

  onPiece(type: number, bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return
    // Also when others wait before it: the client is leaving, so what is held never runs.
    if (type === frontend.terminate) {
      this.send()
      this.#conversation.end('client ended the session')
    } else if (this.#isWaiting) {
      this.#queue.push({ type, bytes, start, end })
      this.#queuedBytes += end - start
    } else this.#take(type, bytes, start, end)
  }

  #take(type: number, bytes: Buffer, start: number, end: number): void {
    const wait = this.#read(type, bytes, start, end)
    if (wait === null) return
    this.#isWaiting = true
    this.send()
    wait.then(
      () => this.#goOn(),
      (error: unknown) => this.#conversation.end(error instanceof SallyportError ? error.code : 'failed', error),
    )
  }

  #goOn(): void {
    this.#isWaiting = false
    try {
      while (!this.#isWaiting && !this.#isOver) {
        const piece = this.#queue.shift()
        if (piece === undefined) break
        this.#queuedBytes -= piece.end - piece.start
        this.#take(piece.type, piece.bytes, piece.start, piece.end)
      }
      this.send()
    } catch (error) {
      this.#conversation.end('protocol violation of the client', error)
    }
    if (!this.#isWaiting && !this.#conversation.target.socket.stream.writableNeedDrain) this.resume()
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#conversation.client.pause()
    if (this.#isWaiting) this.#pulse ??= setInterval(() => this.#beat(), PULSE_MS)
  }

  /** Repeats a setting that the client knows: allowed at any time, and without effect. */
  #beat(): void {
    const { client, target } = this.#conversation
    if (client.writableLength > 0) return
    this.#conversation.tell(writeParameterStatus('client_encoding', target.parameters.get('client_encoding') ?? 'UTF8'))
  }

  #stopPulse(): void {
    if (this.#pulse !== null) clearInterval(this.#pulse)
    this.#pulse = null
  }
}
