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

/** The members of one line of JSON; null when it is not an object. */
export function readMembers(line: string): Members | null {
  try {
    const value: unknown = JSON.parse(line)
    return isMembers(value) ? value : null
  } catch {
    return null
  }
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
