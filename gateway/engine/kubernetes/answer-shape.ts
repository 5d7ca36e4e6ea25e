// The forms an answer can have, each with its way of masking: one document, a long list, watch events, text. Bytes in, bytes out.
import type { CoveredField, ObjectMask, TextMask } from '../../core/masker.ts'
import { ItemScanner } from '../../wire/kubernetes/item-scanner.ts'
import { LineCutter } from '../../wire/kubernetes/line-cutter.ts'

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
const MAX_LINE_BYTES = 1_024 * 1_024

/** Nothing is masked here. */
export function plainShaper(): Shaper {
  return { push: chunk => [chunk], end: () => [], isLive: true, items: 0 }
}

export function documentShaper(masks: ObjectMask, resource: string, count: Count): Shaper {
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
      return [covered(Buffer.concat(parts, length), masks, resource, count)]
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

/** Text by lines; a line that has not ended waits for its end. */
export function textShaper(mask: TextMask | null, count: Count): Shaper {
  if (mask === null) return plainShaper()
  const cutter = new LineCutter(MAX_LINE_BYTES)
  let items = 0
  const line = (bytes: Buffer): Buffer => {
    items += 1
    if (!mask.mayFind(bytes, 0, bytes.length)) return bytes
    const { text, found } = mask.apply(bytes.toString('utf8'))
    if (found.size === 0) return bytes
    count([...found].map(([rule, values]) => ({ rule, field: 'text', values })))
    return Buffer.from(text)
  }
  return {
    push: chunk => cutter.push(chunk).map(line),
    end: () => [line(cutter.rest())],
    isLive: true,
    get items() {
      return items
    },
  }
}

function covered(json: Buffer, masks: ObjectMask, resource: string, count: Count): Buffer {
  if (!masks.mayCover(json, resource)) return json
  const result = masks.apply(json, resource)
  count(result.covered)
  return result.json
}
