// Covers findings inside JSON text and leaves it JSON: strings and keys at any depth are read without their escapes, a number that is
// found becomes a string. Text that is not JSON is covered as plain text.
import type { CoveredText } from './text-mask.ts'

/** A string, or a number, of JSON text. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs

export function coverJson(text: string, coverPart: (part: string) => CoveredText): CoveredText {
  const found = new Map<string, number>()
  const covered = text.replace(TOKEN, token => {
    const part = token.startsWith('"') ? unescaped(token) : token
    const result = coverPart(part)
    if (result.found.size === 0) return token
    for (const [rule, count] of result.found) found.set(rule, (found.get(rule) ?? 0) + count)
    return JSON.stringify(result.text)
  })
  return { text: covered, found }
}

function unescaped(token: string): string {
  if (!token.includes('\\')) return token.slice(1, -1)
  try {
    const value: unknown = JSON.parse(token)
    return typeof value === 'string' ? value : token.slice(1, -1)
  } catch {
    return token.slice(1, -1)
  }
}
