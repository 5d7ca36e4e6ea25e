// Finds text in what a terminal received, wherever it was cut into pieces and however it was coloured.
import type { Cast } from './cast.ts'
import { EscapeParser } from './escape-parser.ts'

const MAX_HITS = 1000

export class OutputIndex {
  #text = ''
  /** Where the text of an event starts, and which event it is. */
  readonly #starts: number[] = []
  readonly #events: number[] = []

  constructor({ events }: Cast) {
    const parts: string[] = []
    let length = 0
    const add = (text: string): void => {
      parts.push(text)
      length += text.length
    }
    const parser = new EscapeParser({
      print: add,
      // Anything that moves the cursor ends a word; a backspace takes nothing back here.
      execute: code => code >= 0x09 && code <= 0x0d && add(code === 0x09 ? ' ' : '\n'),
      escape: () => {},
      control: ({ final }) => /[A-HfdJ]/.test(final) && add('\n'),
    })
    for (const [index, { kind, text }] of events.entries()) {
      if (kind !== 'o') continue
      this.#starts.push(length)
      this.#events.push(index)
      parser.push(text)
    }
    this.#text = parts.join('').toLowerCase()
  }

  /** Numbers of the events after which the text has come, in order; one event once. The first thousand. */
  find(query: string): readonly number[] {
    const wanted = query.toLowerCase()
    const found = new Set<number>()
    if (wanted === '') return []
    for (let at = this.#text.indexOf(wanted); at >= 0 && found.size < MAX_HITS; at = this.#text.indexOf(wanted, at + wanted.length))
      found.add(this.#eventAt(at + wanted.length - 1))
    return [...found]
  }

  #eventAt(offset: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return this.#events[low] ?? 0
  }
}
