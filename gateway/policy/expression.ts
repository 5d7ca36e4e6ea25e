// Regular expressions of the policy: RE2 syntax, linear time. Compiled once; they come from loaded policies only.
import { RE2JS } from '@bufbuild/re2'

const compiled = new Map<string, RE2JS>()

function compile(source: string): RE2JS {
  const known = compiled.get(source)
  if (known !== undefined) return known
  const fresh = RE2JS.compile(source)
  compiled.set(source, fresh)
  return fresh
}

/** Why a regular expression cannot be used, or null. */
export function patternProblem(source: string): string | null {
  try {
    compile(source)
    return null
  } catch {
    return 'this is not a regular expression that RE2 reads (no look-around, no back-references)'
  }
}

/** True when the expression is found anywhere in the text. @throws when `patternProblem` would have said why. */
export function matchesPattern(source: string, text: string): boolean {
  return compile(source).test(text)
}
