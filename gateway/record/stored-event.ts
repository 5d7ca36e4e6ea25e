// A line of a log as it is read back: JSON that nobody has vouched for yet.

export type Members = Readonly<Record<string, unknown>>

/** A line of `events.jsonl` that was written in the clear. */
export interface StoredEvent extends Members {
  readonly seq: number
  readonly at: string
  readonly ms: number
  readonly session: string | null
  readonly kind: string
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Above this a line is looked through before it is read: shorter ones have no room for nesting that could exhaust anybody. */
const PLAIN_CHARS = 2048
const MAX_NESTING = 64

/** The members of one line of JSON; null when it is not an object, or nested deeper than anything that is written. */
export function readMembers(line: string): Members | null {
  // What is plainly no object is not worth an exception: there may be millions of such lines.
  if (!line.startsWith('{')) return null
  try {
    if (line.length > PLAIN_CHARS && isNestedDeeply(line)) return null
    const value: unknown = JSON.parse(line)
    return isMembers(value) ? value : null
  } catch {
    return null
  }
}

function isNestedDeeply(json: string): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    switch (json.charAt(at)) {
      case '"':
        at = endOfText(json, at)
        break
      case '[':
      case '{':
        depth += 1
        if (depth > MAX_NESTING) return true
        break
      case ']':
      case '}':
        depth -= 1
        break
      default:
    }
  }
  return false
}

/** Where the closing quote stands, or the end of what is none. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let slashes = 0
    while (json[end - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return end
  }
  return json.length
}

export function isStoredEvent(members: Members): members is StoredEvent {
  const { seq, at, ms, session, kind } = members
  const isStamped = typeof seq === 'number' && typeof at === 'string' && typeof ms === 'number'
  return isStamped && (session === null || typeof session === 'string') && typeof kind === 'string'
}

/** Texts of events that came from outside; empty or 0 where the member is missing or of another type. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
