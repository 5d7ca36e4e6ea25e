// A strip of the whole run: where commands were allowed, asked about and denied, and how long people took to answer.
// Told apart by height as well as by colour.
import type { PageEntry } from './page-story.ts'

const WIDTH = 1000
const HEIGHT = 48
const BAR = 4
const heights = { allow: 16, ask: 31, deny: HEIGHT } as const

/** SVG; where many commands fall onto one spot, the strictest decision is shown. */
export function timeline(entries: readonly PageEntry[], lastMs: number): string {
  const at = (ms: number): number => (lastMs === 0 ? 0 : ms / lastMs) * (WIDTH - BAR)
  const strictest = new Map<number, keyof typeof heights>()
  const waits: string[] = []
  for (const { ms, outcome, askedMs, answeredMs } of entries) {
    if (outcome === '') continue
    const spot = Math.round(at(ms) / BAR) * BAR
    const there = strictest.get(spot)
    if (there === undefined || heights[there] < heights[outcome]) strictest.set(spot, outcome)
    if (askedMs !== null)
      waits.push(
        `<rect class="wait" x="${at(askedMs).toFixed(1)}" y="${HEIGHT - heights.ask}" width="${Math.max(BAR, at(answeredMs ?? lastMs) - at(askedMs)).toFixed(1)}" height="6"/>`,
      )
  }
  const bars = [...strictest].map(
    ([x, outcome]) =>
      `<rect class="${outcome}" x="${x}" y="${HEIGHT - heights[outcome]}" width="${BAR - 1}" height="${heights[outcome]}"/>`,
  )
  return `<svg id="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Decisions over ${Math.round(lastMs / 1000)} seconds: tall is denied, middle is asked, low is allowed; a band is the time that people took to answer">${waits.slice(0, 500).join('')}${bars.join('')}</svg>`
}
