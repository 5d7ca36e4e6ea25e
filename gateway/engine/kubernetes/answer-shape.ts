// The forms an answer can have, each with its way of masking: one document, a long list, watch events, text. Bytes in, bytes out.
import type { CoveredField, ObjectMask, TextMask } from '../../core/masker.ts'
import { ItemScanner } from '../../wire/kubernetes/item-scanner.ts'
import { LineCutter } from '../../wire/kubernetes/line-cutter.ts'
import { LineMask } from './line-mask.ts'

export interface Shaper {
  /** Masked bytes that may go out now. */
  push(chunk: Buffer): readonly Buffer[]
  /** The last ones. */
  end(): readonly Buffer[]
  /** Comes as it happens, not as fast as it can. */
  readonly isLive: boolean
  /** Objects or lines so far. */
  readonly items: number
}

type Count = (covered: readonly CoveredField[]) => void

/** One document that is not a list. */
const MAX_DOCUMENT_BYTES = 32 * 1_024 * 1_024
/** A watch event holds one object, maybe twice. */
const MAX_EVENT_BYTES = 16 * 1_024 * 1_024

/** Nothing is masked here. */
export function plainShaper(): Shaper {
  return { push: chunk => [chunk], end: () => [], isLive: true, items: 0 }
}

export function documentShaper(masks: ObjectMask, resource: string, count: Count): Shaper {
  return wholeShaper(json => covered(json, masks, resource, count))
}

/** The words of a request that failed. */
export function failureShaper(masks: ObjectMask, resource: string, isWrite: boolean, count: Count): Shaper {
  return wholeShaper(json => {
    const result = masks.applyFailure(json, resource, isWrite)
    count(result.covered)
    return result.json
  })
}

function wholeShaper(cover: (json: Buffer) => Buffer): Shaper {
  const parts: Buffer[] = []
  let length = 0
  let items = 0
  return {
    push(chunk) {
      parts.push(chunk)
      length += chunk.length
      if (length > MAX_DOCUMENT_BYTES) throw new RangeError('the answer is too large to be masked')
      return []
    },
    end() {
      if (length === 0) return []
      items = 1
      return [cover(Buffer.concat(parts, length))]
    },
    isLive: false,
    get items() {
      return items
    },
  }
}

/** A list: whole while it is short, element by element when it is not. */
export function listShaper(masks: ObjectMask, resource: string, count: Count, whole: Shaper, maxWholeBytes: number): Shaper {
  let waiting: Buffer[] | null = []
  let length = 0
  let items = 0
  const scanner = new ItemScanner()
  const scan = (chunk: Buffer): readonly Buffer[] =>
    scanner.push(chunk).map(piece => {
      if (piece.kind === 'frame') return piece.bytes
      items += 1
      return covered(piece.bytes, masks, resource, count)
    })
  return {
    push(chunk) {
      if (waiting === null) return scan(chunk)
      waiting.push(chunk)
      length += chunk.length
      if (length <= maxWholeBytes) return []
      const first = waiting
      waiting = null
      return first.flatMap(scan)
    },
    end() {
      if (waiting === null) {
        scanner.end()
        return []
      }
      for (const chunk of waiting) whole.push(chunk)
      items = 1
      return whole.end()
    },
    isLive: false,
    get items() {
      return items
    },
  }
}

export function watchShaper(masks: ObjectMask, resource: string, count: Count): Shaper {
  const cutter = new LineCutter(MAX_EVENT_BYTES)
  let items = 0
  const event = (line: Buffer): Buffer => {
    if (line.length <= 1) return line
    items += 1
    const json = covered(line, masks, resource, count)
    return json.at(-1) === 0x0a ? json : Buffer.concat([json, Buffer.from('\n')])
  }
  return {
    push: chunk => cutter.push(chunk).map(event),
    // A cut event is no JSON, and is not shown.
    end: () => (cutter.rest().length === 0 ? [] : []),
    isLive: true,
    get items() {
      return items
    },
  }
}

/** Text by lines; a line that has not ended waits for its end, and a private key for its last line. */
export function textShaper(mask: TextMask | null, count: Count): Shaper {
  if (mask === null) return plainShaper()
  const lines = new LineMask(mask)
  const told = new Map<string, number>()
  let items = 0
  const shown = (bytes: Buffer): readonly Buffer[] => {
    for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) items += 1
    const fresh = [...lines.found].map(([rule, times]) => ({ rule, field: 'text', values: times - (told.get(rule) ?? 0) }))
    for (const [rule, times] of lines.found) told.set(rule, times)
    count(fresh.filter(({ values }) => values > 0))
    return bytes.length === 0 ? [] : [bytes]
  }
  return {
    push: chunk => shown(lines.push(chunk)),
    end: () => shown(lines.flush()),
    isLive: true,
    get items() {
      return items
    },
  }
}

/** Text in which a server says why it failed, about objects of which something is hidden. */
export function refusalShaper(): Shaper {
  return wholeShaper(text =>
    text.toString('latin1').trim() === '404 page not found'
      ? text
      : Buffer.from('the server refused it, in words that may quote what is hidden\n'),
  )
}

function covered(json: Buffer, masks: ObjectMask, resource: string, count: Count): Buffer {
  if (!masks.mayCover(json, resource)) return json
  const result = masks.apply(json, resource)
  count(result.covered)
  return result.json
}
