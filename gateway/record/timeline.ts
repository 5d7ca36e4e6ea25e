// A strip of the whole run: where commands were allowed, asked about and denied. Told apart by height as well as by colour.
import type { PageEntry } from './page-story.ts'

const WIDTH = 1000
const HEIGHT = 40
const BAR = 4
const heights = { allow: 14, ask: 27, deny: HEIGHT } as const

/** SVG; where many commands fall onto one spot, the strictest decision is shown. */
export function timeline(entries: readonly PageEntry[], lastMs: number): string {
  const strictest = new Map<number, keyof typeof heights>()
  for (const { ms, outcome } of entries) {
    if (outcome === '') continue
    const at = Math.round(((lastMs === 0 ? 0 : ms / lastMs) * (WIDTH - BAR)) / BAR) * BAR
    const there = strictest.get(at)
    if (there === undefined || heights[there] < heights[outcome]) strictest.set(at, outcome)
  }
  const bars = [...strictest].map(
    ([at, outcome]) =>
      `<rect class="${outcome}" x="${at}" y="${HEIGHT - heights[outcome]}" width="${BAR - 1}" height="${heights[outcome]}"/>`,
  )
  return `<svg id="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Decisions over ${Math.round(lastMs / 1000)} seconds: tall is denied, middle is asked, low is allowed">${bars.join('')}</svg>`
}
