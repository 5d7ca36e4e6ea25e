// Reads the first line of a comment. What is not exactly an answer is never one; but it says why, so that its writer can be told.
import { readCode } from './approval-code.ts'

export type AnswerLine =
  | { readonly kind: 'approve'; readonly codes: readonly string[] }
  | { readonly kind: 'deny'; readonly code: string; readonly reason: string }
  | { readonly kind: 'status' | 'help' }
  /** Perhaps an answer; it does not count. `codes` are what looks like one, `isAddressed` says that `/sallyport` stands in it. */
  | { readonly kind: 'malformed'; readonly reason: MalformedReason; readonly codes: readonly string[]; readonly isAddressed: boolean }
  /** Ordinary talk. */
  | { readonly kind: 'unrelated' }

export type MalformedReason = 'not_ascii' | 'in_code' | 'quoted' | 'not_first_line' | 'not_exact'

const MAX_CODES = 10
const MAX_REASON_CHARACTERS = 200
/** More of a comment than this is not looked at. */
const MAX_READ_CHARACTERS = 4_000

/** @param body the comment as the server holds it, whole. */
export function readAnswerLine(body: string): AnswerLine {
  const text = body.slice(0, MAX_READ_CHARACTERS)
  const first = /^[^\r\n]*/.exec(text)?.[0] ?? ''
  const exact = readExact(first)
  if (exact !== null) return exact
  const plain = withoutDisguise(text)
  const codes = codesIn(plain)
  const isAddressed = /\/\s*sallyport\b/i.test(plain)
  if (!isAddressed && codes.length === 0) return { kind: 'unrelated' }
  return { kind: 'malformed', reason: reasonOf(text, first), codes, isAddressed }
}

function readExact(line: string): AnswerLine | null {
  const [, verb, rest] = /^\/sallyport +(approve|deny|status|help)( .*)?$/.exec(line) ?? []
  if (verb === undefined) return null
  // Limit: only SP separates; a tab or a no-break space is not exact.
  const words = (rest ?? '').split(' ').filter(word => word !== '')
  switch (verb) {
    case 'status':
    case 'help':
      return words.length === 0 ? { kind: verb } : null
    case 'approve': {
      const codes = words.map(readCode)
      if (codes.length === 0 || codes.length > MAX_CODES) return null
      const known = codes.filter(code => code !== null)
      return known.length === codes.length ? { kind: 'approve', codes: [...new Set(known)] } : null
    }
    default: {
      const [, written, reason] = /^ +([^ ]+)(?: +(.*?))? *$/.exec(rest ?? '') ?? []
      const code = written === undefined ? null : readCode(written)
      // The reason may be in any language, but holds nothing that cannot be seen.
      if (code === null || /[\p{C}\p{Zl}\p{Zp}]/u.test(reason ?? '')) return null
      return {
        kind: 'deny',
        code,
        reason: Array.from(reason ?? '')
          .slice(0, MAX_REASON_CHARACTERS)
          .join(''),
      }
    }
  }
}

function reasonOf(text: string, first: string): MalformedReason {
  const line =
    text.split(/\r\n|\r|\n/).find(each => /sallyport\b/i.test(withoutDisguise(each)) || codesIn(withoutDisguise(each)).length > 0) ?? first
  if (/^\s*>/.test(line) || /\bwrote:\s*(?:$|>)/m.test(text)) return 'quoted'
  if (/^(?: {4}| {0,3}\t)/.test(line) || /^\s*(?:`|~{3})/.test(first)) return 'in_code'
  if (/[^\u0020-\u007e]/.test(line)) return 'not_ascii'
  return line === first ? 'not_exact' : 'not_first_line'
}

/** Compatibility forms folded and invisible characters taken out: good enough to see what somebody meant, never to act on it. */
function withoutDisguise(text: string): string {
  return text.normalize('NFKC').replaceAll(/\p{Cf}/gu, '')
}

function codesIn(text: string): readonly string[] {
  const found = text.match(/(?<![\w-])[0-9A-TV-Za-tv-z]{4}-[0-9A-TV-Za-tv-z]{4}(?![\w-])/g) ?? []
  return [...new Set(found.slice(0, MAX_CODES).flatMap(each => readCode(each) ?? []))]
}
