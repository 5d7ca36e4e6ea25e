// Two streams joined to one: bytes both ways as they are, each end passed on by itself, counted. A close of one closes the other.
import type { Duplex } from 'node:stream'
import { isChannel, isOpen } from './library.ts'

export interface Carried {
  /** From the first to the second. */
  there: number
  back: number
}

/**
 * Resolves when both are closed. Never rejects.
 * @param counted told of each chunk, for what is recorded before the end.
 */
export function joinStreams(first: Duplex, second: Duplex, counted: (there: number, back: number) => void = () => {}): Promise<Carried> {
  const carried: Carried = { there: 0, back: 0 }
  return new Promise(resolve => {
    const closed = new Set<Duplex>()
    const ended = new Set<Duplex>()
    const over = (stream: Duplex, other: Duplex): void => {
      if (closed.has(stream)) return
      closed.add(stream)
      // What still stands in the other one has nowhere to go, and its close is told only when it is read.
      other.unpipe(stream)
      other.resume()
      close(other)
      if (closed.size === 2) resolve(carried)
    }
    const pass = (from: Duplex, to: Duplex, count: (bytes: number) => void): void => {
      from.on('data', (chunk: Buffer) => count(chunk.length))
      from.pipe(to, { end: false })
      from.once('end', () => {
        ended.add(from)
        endOf(to, () => {
          if (ended.size < 2) return
          close(first)
          close(second)
        })
      })
      from.on('error', () => close(from))
      from.once('close', () => over(from, to))
    }
    pass(first, second, bytes => {
      carried.there += bytes
      counted(bytes, 0)
    })
    pass(second, first, bytes => {
      carried.back += bytes
      counted(0, bytes)
    })
  })
}

/** Ends the writing side once all is written: the library's own end() closes the reading side too. */
function endOf(stream: Duplex, done: () => void): void {
  if (!isChannel(stream)) {
    stream.end(done)
    return
  }
  if (!isOpen(stream)) {
    done()
    return
  }
  stream.write(Buffer.alloc(0), () => {
    stream.eof()
    done()
  })
}

function close(stream: Duplex): void {
  if (isChannel(stream)) stream.close()
  else {
    stream.end()
    setImmediate(() => stream.destroy())
  }
}
