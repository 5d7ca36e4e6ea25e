// Cuts an event that would make an over-long line, and says in the event itself what was cut.

/** Path in the event (`text`, `rows.3.0`) -> how long it was: characters of a text, entries of a list. */
type Cuts = Record<string, number>

/**
 * The event as JSON of at most `maxChars`, with a member `truncated` (see Cuts) when something had to be cut.
 * A cut text ends in `…`; a cut list just ends.
 */
export function boundedJson(event: object, maxChars: number): string {
  const whole = JSON.stringify(event)
  if (whole.length <= maxChars) return whole
  // Texts first, then lists: what a command said is worth more than how many times.
  for (let share = 4; ; share *= 4) {
    const cuts: Cuts = {}
    const maxText = Math.max(16, Math.floor(maxChars / share))
    const maxEntries = Math.max(4, Math.floor(maxChars / share / 8))
    const bounded = JSON.stringify({ ...cutMembers(event, '', maxText, maxEntries, cuts), truncated: cuts })
    if (bounded.length <= maxChars || (maxText === 16 && maxEntries === 4)) return bounded
  }
}

function cutMembers(value: object, path: string, maxText: number, maxEntries: number, cuts: Cuts): object {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cut(member, `${path}${name}`, maxText, maxEntries, cuts)]))
}

function cut(value: unknown, path: string, maxText: number, maxEntries: number, cuts: Cuts): unknown {
  if (typeof value === 'string') {
    if (value.length <= maxText) return value
    cuts[path] = value.length
    return `${value.slice(0, maxText - 1)}…`
  }
  if (Array.isArray(value)) {
    if (value.length > maxEntries) cuts[path] = value.length
    return value.slice(0, maxEntries).map((entry, index) => cut(entry, `${path}.${index}`, maxText, maxEntries, cuts))
  }
  return typeof value === 'object' && value !== null ? cutMembers(value, `${path}.`, maxText, maxEntries, cuts) : value
}
