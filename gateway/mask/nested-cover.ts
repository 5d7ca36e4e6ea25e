// Covers findings inside the text form of arrays, ranges and composite values, value by value, so that braces, commas and quotes stay.
import type { CoveredText } from './text-mask.ts'

/** A quoted value (quotes inside doubled or escaped), or a bare one. */
const VALUE = /"[^"\\]*(?:(?:\\.|"")[^"\\]*)*"|[^{}(),"[\]]+/gs

export function coverNested(text: string, coverPart: (part: string) => CoveredText): CoveredText {
  const found = new Map<string, number>()
  const covered = text.replace(VALUE, value => {
    const isQuoted = value.startsWith('"')
    const result = coverPart(isQuoted ? value.slice(1, -1).replaceAll('""', '"').replaceAll(/\\(.)/gs, '$1') : value)
    if (result.found.size === 0) return value
    for (const [rule, count] of result.found) found.set(rule, (found.get(rule) ?? 0) + count)
    // What is left around a finding may need its quotes; backslash escapes are read in arrays and in composites alike.
    return `"${result.text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  })
  return { text: covered, found }
}
