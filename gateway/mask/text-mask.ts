// Finds what the policy's patterns describe in text and covers it. Text without a candidate costs one pass over its bytes.
import type { TextMask } from '../core/masker.ts'
import type { MaskRule } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'
import { patternOf } from './built-in-patterns.ts'
import { coverJson } from './json-cover.ts'
import { coverNested } from './nested-cover.ts'
import type { Pattern } from './pattern.ts'
import { textCover } from './text-cover.ts'
import type { TextCover } from './text-cover.ts'
import { collectSigns, noSigns } from './text-signs.ts'

interface Finder {
  readonly rule: string
  readonly pattern: Pattern
  readonly cover: TextCover
}

interface Finding {
  readonly start: number
  end: number
  readonly rules: Set<string>
  cover: TextCover
}

/** What an application of a TextMask answers. */
export interface CoveredText {
  readonly text: string
  readonly found: ReadonlyMap<string, number>
}

const NOTHING: ReadonlyMap<string, number> = new Map()

/**
 * @returns null when no rule has a pattern.
 * @throws {SallyportError} POLICY_INVALID for an unknown pattern or a bad expression.
 */
export function textMask(rules: readonly MaskRule[], runKey: Buffer): TextMask | null {
  const finders: Finder[] = rules.flatMap(rule => {
    const cover = textCover(rule.with, runKey)
    return rule.patterns.map(pattern => ({ rule: rule.name, pattern: patternOf(pattern), cover }))
  })
  if (finders.length === 0) return null
  const signs = noSigns()
  return {
    rules: [...new Set(finders.map(finder => finder.rule))],
    apply: text => coverText(text, finders),
    applyJson: text => coverJson(text, part => coverText(part, finders)),
    applyNested: text => coverNested(text, part => coverText(part, finders)),
    mayFind(bytes, start, end) {
      collectSigns(bytes, start, end, signs)
      // An escape may hide a sign (\u0040 in json text is an at sign).
      return finders.some(finder => finder.pattern.mayMatch(signs, end - start)) || hasEscape(bytes, start, end)
    },
  }
}

function hasEscape(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end - 1; index++) if (bytes[index] === 0x5c && bytes[index + 1] === 0x75) return true
  return false
}

function coverText(text: string, finders: readonly Finder[]): CoveredText {
  const findings = merged(finders.flatMap(finder => findingsOf(text, finder)))
  if (findings.length === 0) return { text, found: NOTHING }
  const found = new Map<string, number>()
  let covered = ''
  let done = 0
  for (const finding of findings) {
    covered += text.slice(done, finding.start) + finding.cover(text.slice(finding.start, finding.end))
    done = finding.end
    for (const rule of finding.rules) found.set(rule, (found.get(rule) ?? 0) + 1)
  }
  return { text: covered + text.slice(done), found }
}

function findingsOf(text: string, finder: Finder): Finding[] {
  return finder.pattern.find(text).map(({ start, end }) => ({ start, end, rules: new Set([finder.rule]), cover: finder.cover }))
}

/** Overlapping findings of different rules become one that shows nothing: what one rule keeps, the other may hide. */
function merged(findings: readonly Finding[]): readonly Finding[] {
  const result: Finding[] = []
  for (const finding of findings.toSorted((one, other) => one.start - other.start || other.end - one.end)) {
    const last = result.at(-1)
    if (last === undefined || finding.start >= last.end) {
      result.push(finding)
      continue
    }
    last.end = Math.max(last.end, finding.end)
    for (const rule of finding.rules) last.rules.add(rule)
    if (last.cover !== finding.cover) last.cover = () => REDACTED
  }
  return result
}
