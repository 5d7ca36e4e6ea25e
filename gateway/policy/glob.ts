// Globs of the policy: `*` is any run of characters within one segment, `**` any run at all, `?` one character.
// Matching follows all positions at once and never backtracks: at most text times pattern steps.

/** A compiled glob. */
export interface Glob {
  readonly source: string
  matches(text: string): boolean
}

type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'run' }
  | { readonly kind: 'any' }

/**
 * Compiles a glob.
 *
 * @param separator what `*` and `?` do not cross; null = they cross everything.
 */
export function compileGlob(source: string, separator: '/' | null): Glob {
  const tokens = tokensOf(source, separator)
  const [only] = tokens
  if (tokens.length === 0) return { source, matches: text => text === '' }
  if (tokens.length === 1 && only !== undefined) {
    if (only.kind === 'text') return { source, matches: text => text === only.text }
    if (only.kind === 'any') return { source, matches: () => true }
  }
  return { source, matches: text => matchTokens(tokens, text, separator) }
}

function tokensOf(source: string, separator: '/' | null): readonly Token[] {
  const tokens: Token[] = []
  for (const part of source.match(/\*+|\?|[^*?]+/gs) ?? []) {
    if (part.startsWith('*')) tokens.push(part.length > 1 || separator === null ? { kind: 'any' } : { kind: 'run' })
    else if (part === '?') tokens.push({ kind: 'one' })
    else tokens.push({ kind: 'text', text: part })
  }
  return tokens
}

/** Reachable positions, token by token: no backtracking, at most text times tokens steps. */
function matchTokens(tokens: readonly Token[], text: string, separator: '/' | null): boolean {
  let reached = new Set([0])
  for (const token of tokens) {
    const next = new Set<number>()
    switch (token.kind) {
      case 'text':
        for (const at of reached) if (text.startsWith(token.text, at)) next.add(at + token.text.length)
        break
      case 'one':
        for (const at of reached) if (at < text.length && text[at] !== separator) next.add(at + 1)
        break
      case 'any':
        for (let at = lowest(reached); at <= text.length; at += 1) next.add(at)
        break
      case 'run':
        for (const start of reached) {
          for (let at = start; !next.has(at); at += 1) {
            next.add(at)
            if (at >= text.length || text[at] === separator) break
          }
        }
        break
    }
    if (next.size === 0) return false
    reached = next
  }
  return reached.has(text.length)
}

function lowest(positions: ReadonlySet<number>): number {
  let low = Infinity
  for (const position of positions) low = Math.min(low, position)
  return low
}
