// Reads a stream by length while a login goes on: one awaited piece at a time, bounded, ended by the signal.
import type { Duplex } from 'node:stream'
import { MAX_STARTUP_BYTES, startupLength } from '../../wire/postgres/startup.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'

/** What a peer may send ahead during a login before it is not read further. */
const MAX_AHEAD_BYTES = 65_536
/** A message of a login: challenges, proofs, parameters. */
const MAX_LOGIN_MESSAGE_BYTES = 65_536

/** The other side hung up. */
export class PeerGone extends Error {
  constructor() {
    super('the peer closed the connection')
    this.name = 'PeerGone'
  }
}

export class ByteIntake {
  #bytes = Buffer.alloc(0)
  #end: Error | null = null
  #wake: (() => void) | null = null

  /** Bytes that are here and not yet taken. */
  get ahead(): number {
    return this.#bytes.length
  }

  feed(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk])
    if (this.#bytes.length > MAX_AHEAD_BYTES + MAX_LOGIN_MESSAGE_BYTES)
      this.stop(new WireError('too many bytes before the login ended', 0, '54000'))
    this.#wake?.()
  }

  /** Every read from now on fails with this error, unless its bytes are already here. */
  stop(error: Error): void {
    this.#end ??= error
    this.#wake?.()
  }

  /** The next `length` bytes. */
  async take(length: number): Promise<Buffer> {
    await this.#until(length)
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  /** The next `length` bytes, which stay. */
  async peek(length: number): Promise<Buffer> {
    await this.#until(length)
    return this.#bytes.subarray(0, length)
  }

  /** The next untagged packet. */
  async packet(): Promise<Buffer> {
    const length = startupLength(await this.peek(4)) ?? MAX_STARTUP_BYTES
    return this.take(length)
  }

  /** The next tagged message, header included. */
  async message(): Promise<Buffer> {
    const length = (await this.peek(5)).readInt32BE(1)
    if (length < 4 || length > MAX_LOGIN_MESSAGE_BYTES) throw new WireError('a message of the login has an impossible length', 1)
    return this.take(length + 1)
  }

  /** Everything that is left. */
  rest(): Buffer {
    const rest = this.#bytes
    this.#bytes = Buffer.alloc(0)
    return rest
  }

  async #until(length: number): Promise<void> {
    while (this.#bytes.length < length) {
      if (this.#end !== null) throw this.#end
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#wake = null
    }
  }
}

/** Feeds an intake from a stream; the function returned lets go of the stream, paused. */
export function attachIntake(stream: Duplex, intake: ByteIntake, signal: AbortSignal): () => void {
  const feed = (chunk: Buffer): void => intake.feed(chunk)
  const gone = (): void => intake.stop(new PeerGone())
  const abort = (): void => intake.stop(signal.reason instanceof Error ? signal.reason : new PeerGone())
  stream.on('data', feed)
  stream.on('end', gone)
  stream.on('close', gone)
  stream.on('error', gone)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  return () => {
    stream.pause()
    stream.off('data', feed)
    stream.off('end', gone)
    stream.off('close', gone)
    stream.off('error', gone)
    signal.removeEventListener('abort', abort)
  }
}
