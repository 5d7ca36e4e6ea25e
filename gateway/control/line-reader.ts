// Cuts a byte stream into lines, however the chunks fall. A line above the bound ends the reading: the other side is not ours.
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { MAX_LINE_CHARS } from './messages.ts'

/** Told of each whole line without its end, then once of the end of the stream. */
export interface LineListener {
  onLine(line: string): void
  onEnd(): void
}

/** Reads lines until the stream ends, breaks or sends a line above the bound; a last line without its end is dropped. */
export function readLines(stream: Readable, listener: LineListener): void {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let hasEnded = false
  const end = (): void => {
    if (hasEnded) return
    hasEnded = true
    listener.onEnd()
  }
  stream.on('data', (chunk: Buffer) => {
    if (hasEnded) return
    rest += decoder.write(chunk)
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n')) {
      const line = rest.slice(0, at)
      rest = rest.slice(at + 1)
      if (line !== '') listener.onLine(line)
    }
    if (rest.length <= MAX_LINE_CHARS) return
    end()
    stream.destroy()
  })
  stream.once('end', end)
  stream.once('close', end)
  stream.once('error', end)
}
