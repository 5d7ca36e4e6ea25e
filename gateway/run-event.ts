// The event of a GitHub run. Written by the runner, readable by the job: it chooses where people are asked, it proves nothing.

/** The event's JSON; null outside GitHub or when it is no JSON. */
export function readEvent(text: string | null): unknown {
  if (text === null) return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
