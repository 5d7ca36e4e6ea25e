// Bytes on their way, chunk by chunk: read while there is room, written on in as few pieces as they came in. No promise for a chunk that needs none.
import type { Readable, Writable } from 'node:stream'

/**
 * Gives each chunk to `take`; while the promise it returns is not settled, nothing more is read.
 * Resolves when the stream has ended or closed. @throws what `take` throws.
 */
export function readAll(source: Readable, take: (chunk: Buffer) => Promise<unknown> | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      source.off('data', next)
      source.pause()
      reject(error)
    }
    const next = (chunk: Buffer): void => {
      try {
        const room = take(chunk)
        if (room === null) return
        source.pause()
        room.then(() => source.resume(), fail)
      } catch (error) {
        fail(error)
      }
    }
    source.on('data', next)
    source.once('end', resolve)
    source.once('close', resolve)
  })
}

/** Joins pieces that lie one behind the other in memory, so that a chunk that is passed whole is written whole. */
export class PieceWriter {
  readonly #sink: Writable
  #run: Buffer | null = null
  #hasRoom = true

  constructor(sink: Writable) {
    this.#sink = sink
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return
    const run = this.#run
    if (run !== null && run.buffer === piece.buffer && run.byteOffset + run.length === piece.byteOffset) {
      this.#run = Buffer.from(run.buffer, run.byteOffset, run.length + piece.length)
      return
    }
    this.flush()
    this.#run = piece
  }

  /** Writes what was added. False: wait for 'drain' before more is added. */
  flush(): boolean {
    if (this.#run !== null) this.#hasRoom = this.#sink.write(this.#run)
    this.#run = null
    return this.#hasRoom || !this.#sink.writableNeedDrain
  }
}
