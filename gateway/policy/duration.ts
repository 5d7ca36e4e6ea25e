// `90s`, `30m`, `1h` -> milliseconds; the schema has checked the form.

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds; 0 for a text that is no duration, which the schema never lets through. */
export function parseDuration(text: string): number {
  return Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? 0)
}
