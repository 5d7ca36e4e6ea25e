// Rows as psql prints them: aligned, `+` where a value goes on in the next line, numbers to the right.
import { visible } from '../core/visible-text.ts'

/** Characters that take two columns of a terminal; combining marks take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu

/** As numbers and money are spelled by PostgreSQL; `0815` is a text. Types are not recorded, so a text of such digits looks like one. */
const NUMBER = /^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-][0-9]+)?|NaN|-?Infinity|-?\$[0-9,]+\.[0-9]{2}|)$/
const TAB_COLUMNS = 8

/** @param rows null = SQL NULL, shown as nothing, as psql does. */
export function textTable(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  if (columns.length === 0) return '--\n'
  const heads = columns.map(column => expanded(visible(column).replaceAll('\n', '↵')))
  const cells = rows.map(row =>
    columns.map((_, at) =>
      visible(row[at] ?? '')
        .split('\n')
        .map(expanded),
    ),
  )
  const widths = heads.map(widthOf)
  for (const row of cells)
    for (const [at, parts] of row.entries()) for (const part of parts) widths[at] = Math.max(widths[at] ?? 0, widthOf(part))
  const isNumber = columns.map((_, at) => rows.length > 0 && rows.every(row => NUMBER.test(row[at] ?? '')))
  const lines = [
    heads.map((head, at) => ` ${centred(head, widths[at] ?? 0)} `).join('|'),
    widths.map(width => '-'.repeat(width + 2)).join('+'),
  ]
  for (const row of cells) {
    const height = row.reduce((most, parts) => Math.max(most, parts.length), 1)
    for (let part = 0; part < height; part += 1)
      lines.push(
        row
          .map((parts, at) => {
            const text = parts[part] ?? ''
            const fill = ' '.repeat((widths[at] ?? 0) - widthOf(text))
            return ` ${isNumber[at] === true ? fill + text : text + fill}${part + 1 < parts.length ? '+' : ' '}`
          })
          .join('|'),
      )
  }
  return lines.map(line => `${line.trimEnd()}\n`).join('')
}

/** Tabs as blanks, up to the next eighth column of the cell. */
function expanded(line: string): string {
  if (!line.includes('\t')) return line
  let text = ''
  for (const part of line.split(/(\t)/)) text += part === '\t' ? ' '.repeat(TAB_COLUMNS - (widthOf(text) % TAB_COLUMNS)) : part
  return text
}

function centred(text: string, width: number): string {
  const fill = width - widthOf(text)
  const left = Math.floor(fill / 2)
  return ' '.repeat(left) + text + ' '.repeat(fill - left)
}

function widthOf(text: string): number {
  return (text.match(/./gsu) ?? []).length + (text.match(WIDE) ?? []).length - (text.match(/\p{M}/gu) ?? []).length
}
