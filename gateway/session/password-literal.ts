// Finds the literals of SQL that set a password, so that neither a recording nor a comment shows them.
// A reader of tokens, not of grammar: where it is in doubt it hides more, never less.

const HIDDEN = "'[password]'"
/** A literal this soon after the word `password` belongs to it: `PASSWORD 'x'`, `password = 'x'`, `"password" => 'x'`, `PASSWORD U&'x'`. */
const MAX_BETWEEN = 3

type Token = { readonly kind: 'word' | 'string' | 'sign'; readonly start: number; readonly end: number }

/** Replaces every literal after a word of password, and every `password=…` inside a literal (connection strings). */
export function hidePasswords(sql: string): { readonly text: string; readonly found: number } {
  if (!/pass|secret|identified|:\/\//i.test(sql)) return { text: sql, found: 0 }
  let text = ''
  let from = 0
  let found = 0
  let distance = Number.POSITIVE_INFINITY
  for (const token of tokensOf(sql)) {
    const raw = sql.slice(token.start, token.end)
    if (token.kind === 'string') {
      const shown = distance <= MAX_BETWEEN ? HIDDEN : hideInside(raw)
      if (shown !== raw) {
        text += sql.slice(from, token.start) + shown
        from = token.end
        found += 1
      }
      // A continued literal ('a' newline 'b') is one value: the next literal at once is hidden with it.
      distance = distance <= MAX_BETWEEN ? MAX_BETWEEN : Number.POSITIVE_INFINITY
      continue
    }
    if (token.kind === 'word' && /(?:^|_|")(?:password|passwd|passphrase|passcode|secret|sslpassword|identified)(?:$|_|")/i.test(raw))
      distance = 0
    else distance += token.kind === 'sign' && raw === ';' ? Number.POSITIVE_INFINITY : 1
  }
  return { text: text + sql.slice(from), found }
}

/** `password=x` and `://user:x@host` inside a literal. A quoted value may hold anything, so all that follows it is hidden too. */
function hideInside(literal: string): string {
  return literal
    .replaceAll(/((?:^|[\s'"$;&?])(?:ssl)?pass(?:word|wd|phrase)\s*=\s*)(?:['"\\][\s\S]*|[^\s'"&;]+)/gi, (whole: string, name: string) =>
      /['"\\]/.test(whole.charAt(name.length)) ? `${name}[password]'` : `${name}[password]`,
    )
    .replaceAll(/(:\/\/[^\s:/@']*:)[^\s@']*@/g, '$1[password]@')
}

/** The tokens of SQL that matter here. Comments are skipped; what never ends runs to the end of the text. */
function* tokensOf(sql: string): Generator<Token> {
  const pattern =
    /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<escaped>[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$))|(?<plain>(?:[uU]&|[bBxXnN])?'(?:[^']|'')*(?:'|$))|(?<dollar>\$(?<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\k<tag>\$|$))|(?<word>"(?:[^"]|"")*(?:"|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d+)|(?<sign>\S)/g
  for (const match of sql.matchAll(pattern)) {
    const groups = match.groups ?? {}
    if (groups['comment'] !== undefined) continue
    const kind = groups['word'] !== undefined ? 'word' : groups['sign'] !== undefined ? 'sign' : 'string'
    yield { kind, start: match.index, end: match.index + match[0].length }
  }
}
