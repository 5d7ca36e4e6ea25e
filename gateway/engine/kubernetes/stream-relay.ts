// The two sides of a switched connection, at the pace of the slower one and of the recording. What cannot be read, shown or recorded ends it.
import type { Duplex } from 'node:stream'
import { SallyportError } from '../../core/errors.ts'
import type { OutputMask } from './output-mask.ts'
import type { StreamForm } from './stream-form.ts'
import type { StreamRecord } from './stream-record.ts'

/** A line that does not end may be a prompt: it is shown after this time. */
const PATIENCE_MS = 150
/** The same where somebody types, and sees what they type. */
const TERMINAL_PATIENCE_MS = 30

export interface StreamSides {
  readonly client: Duplex
  readonly target: Duplex
  readonly form: StreamForm
  readonly mask: OutputMask
  readonly record: StreamRecord
  readonly isTerminal: boolean
  readonly drained: () => Promise<void>
  readonly signal: AbortSignal
}

/**
 * Resolves when both sides are closed.
 * @throws {SallyportError} PROTOCOL_VIOLATION, MASK_UNPROVEN, RECORDING_FAILED; both sides are closed then, and the client was told.
 */
export async function relayStreams(sides: StreamSides): Promise<void> {
  const { client, target, form, mask, isTerminal, signal } = sides
  let timer: NodeJS.Timeout | null = null
  let failure: SallyportError | null = null
  const stop = (): void => {
    client.destroy()
    target.destroy()
  }
  const fail = (error: unknown): void => {
    failure ??= error instanceof SallyportError ? error : unreadable(error)
    target.destroy()
    if (client.writable) for (const bytes of form.refuse(failure.message)) client.write(bytes)
    client.end()
  }
  const showHeld = (): void => {
    try {
      for (const bytes of form.flush(false)) if (client.writable) client.write(bytes)
    } catch (error) {
      fail(error)
    }
  }
  const show = (chunk: Buffer): readonly Buffer[] => {
    const out = form.fromTarget(chunk)
    if (timer !== null) clearTimeout(timer)
    timer = mask.hasHeld ? setTimeout(showHeld, isTerminal ? TERMINAL_PATIENCE_MS : PATIENCE_MS) : null
    return out
  }
  signal.addEventListener('abort', stop, { once: true })
  client.on('error', stop)
  target.on('error', stop)
  client.once('close', () => target.destroy())
  try {
    await Promise.all([
      pump(client, target, sides, chunk => form.fromClient(chunk)).catch(fail),
      pump(target, client, sides, show)
        .then(() => {
          if (failure !== null) return
          for (const bytes of form.flush(true)) if (client.writable) client.write(bytes)
          client.end()
        })
        .catch(fail),
    ])
  } finally {
    signal.removeEventListener('abort', stop)
    if (timer !== null) clearTimeout(timer)
    target.destroy()
    client.end()
  }
  if (failure !== null) throw failure
}

async function pump(from: Duplex, to: Duplex, { record, drained }: StreamSides, pass: (chunk: Buffer) => readonly Buffer[]): Promise<void> {
  const chunks: AsyncIterator<unknown> = from[Symbol.asyncIterator]()
  for (;;) {
    const next = await chunks.next().catch(() => null)
    // A side that is gone is the end of the stream.
    if (next === null || next.done === true) break
    if (!(next.value instanceof Buffer)) continue
    for (const bytes of pass(next.value)) {
      if (to.writable && !to.write(bytes)) await roomIn(to)
    }
    if (record.isBehind) {
      record.isBehind = false
      await drained()
    }
  }
  if (to.writable) to.end()
}

/** Resolves when there is room again, or nobody to wait for. */
function roomIn(to: Duplex): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.once('drain', done)
    to.once('close', done)
  })
}

function unreadable(error: unknown): SallyportError {
  return error instanceof RangeError
    ? new SallyportError('PROTOCOL_VIOLATION', `the stream cannot be read: ${error.message}`, { cause: error })
    : new SallyportError('INTERNAL', 'the stream failed', { cause: error })
}
