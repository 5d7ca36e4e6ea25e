// Colours the words of SQL. Only for the eye: what it cannot tell apart stays as it is, and nothing is added or left out.

const keywords = new Set(
  'add all alter analyze and any as asc begin between by call case cast check column commit concurrently conflict constraint copy create cross current cursor database declare default delete deny desc distinct do drop else end escape except execute exists explain extension false fetch first for foreign from full function grant group having if ilike in index inner insert intersect interval into is join key language lateral left like limit lock materialized natural not null nulls of offset on only or order outer over partition primary procedure recursive references refresh reindex release rename replace returning revoke right role rollback row rows savepoint schema security select sequence session set show some table tablespace temp temporary then to transaction trigger true truncate type union unique update using vacuum values view when where window with within'.split(
    ' ',
  ),
)
/** Comments, texts, quoted names, parameters and numbers, words; in this order. */
const TOKEN =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<string>\$(?<tag>[A-Za-z_]*)\$[\s\S]*?(?:\$\k<tag>\$|$)|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$))|(?<name>"(?:[^"]|"")*(?:"|$))|(?<number>\$\d+|\b\d+(?:\.\d+)?\b)|(?<word>[A-Za-z_][\w$]*)/g
/** Longer texts would take longer than a look at them is worth. */
const MAX_CHARS = 20_000

/** Colours the statements below this element. */
export function colourSql(below: HTMLElement): void {
  for (const code of below.querySelectorAll<HTMLElement>('code.sql')) {
    const sql = code.textContent ?? ''
    if (sql.length <= MAX_CHARS && code.childElementCount === 0) code.replaceChildren(...pieces(sql))
  }
}

function pieces(sql: string): readonly Node[] {
  const made: Node[] = []
  let at = 0
  for (const match of sql.matchAll(TOKEN)) {
    const kind = kindOf(match)
    if (kind === null) continue
    if (match.index > at) made.push(document.createTextNode(sql.slice(at, match.index)))
    const piece = document.createElement('span')
    piece.className = kind
    piece.textContent = match[0]
    made.push(piece)
    at = match.index + match[0].length
  }
  made.push(document.createTextNode(sql.slice(at)))
  return made
}

function kindOf({ groups }: RegExpExecArray): string | null {
  if (groups?.['comment'] !== undefined) return 'sql-comment'
  if (groups?.['string'] !== undefined) return 'sql-string'
  if (groups?.['number'] !== undefined) return 'sql-number'
  return keywords.has(groups?.['word']?.toLowerCase() ?? '') ? 'sql-keyword' : null
}
