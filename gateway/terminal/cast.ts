// Reads asciicast v2, line by line. A recording that was cut off is read as far as it goes; what is no event is counted, not guessed.
import type { TerminalSize } from './screen.ts'

export interface CastEvent {
  /** Since the start; never goes back. */
  readonly seconds: number
  /** Output, input, resize, marker. */
  readonly kind: 'o' | 'i' | 'r' | 'm'
  readonly text: string
}

export interface Cast {
  readonly size: TerminalSize
  readonly title: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly events: readonly CastEvent[]
  /** Lines that are no events. */
  readonly broken: number
}

const kinds = ['o', 'i', 'r', 'm'] as const

/** null when it has no header of version 2. */
export function readCast(text: string): Cast | null {
  const [head = '', ...lines] = text.split('\n')
  const header = parsed(head)
  if (typeof header !== 'object' || header === null || memberOf(header, 'version') !== 2) return null
  const events: CastEvent[] = []
  let broken = 0
  let now = 0
  for (const line of lines) {
    if (line === '') continue
    const event = eventOf(parsed(line))
    if (event === null) broken += 1
    else {
      now = Math.max(now, event.seconds)
      events.push({ ...event, seconds: now })
    }
  }
  const [columns, rows] = [memberOf(header, 'width'), memberOf(header, 'height')].map(side => (typeof side === 'number' ? side : 0))
  const title = memberOf(header, 'title')
  const timestamp = memberOf(header, 'timestamp')
  return {
    size: { columns: columns || 80, rows: rows || 24 },
    title: typeof title === 'string' ? title : '',
    timestamp: typeof timestamp === 'number' ? timestamp : 0,
    events,
    broken,
  }
}

/** The size that a resize event names; null when it names none. */
export function resizeOf({ kind, text }: CastEvent): TerminalSize | null {
  const [, columns, rows] = /^(\d{1,4})x(\d{1,4})$/.exec(text) ?? []
  return kind === 'r' && columns !== undefined && rows !== undefined ? { columns: Number(columns), rows: Number(rows) } : null
}

function eventOf(line: unknown): CastEvent | null {
  if (!Array.isArray(line)) return null
  const [seconds, code, text]: readonly unknown[] = line
  const kind = kinds.find(name => name === code)
  if (typeof seconds !== 'number' || kind === undefined || typeof text !== 'string') return null
  return { seconds, kind, text }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function memberOf(value: object, name: string): unknown {
  return Object.entries(value).find(([key]) => key === name)?.[1]
}
