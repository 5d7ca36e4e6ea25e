// As much of GitHub's markdown as request comments use, for the stand-in's page. Everything else is shown as text.

/** HTML of a comment. Only `<details>`, `<summary>` and `<sub>` pass; all other markup is escaped. */
export function renderMarkdown(source: string): string {
  const lines = source.replaceAll(/<!--[\s\S]*?-->/g, '').split('\n')
  const html: string[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    const [, marks] = /^(`{3,})[^`]*$/.exec(line) ?? []
    if (marks !== undefined) {
      const end = lines.findIndex((each, index) => index > at && new RegExp(`^\`{${marks.length},}\\s*$`).test(each))
      const last = end === -1 ? lines.length : end
      html.push(`<pre><code>${escapeHtml(lines.slice(at + 1, last).join('\n'))}</code></pre>`)
      at = last
    } else if (line.startsWith('| ') || line.startsWith('|-')) {
      const rows: string[] = []
      for (; (lines[at] ?? '').startsWith('|'); at += 1) rows.push(lines[at] ?? '')
      at -= 1
      html.push(tableOf(rows))
    } else html.push(lineOf(line))
  }
  return html.join('\n')
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}

function tableOf(rows: readonly string[]): string {
  const cells = rows.filter(row => !/^\|[\s|:-]*\|$/.test(row)).map(row => row.slice(1, -1).split('|'))
  return `<table>${cells.map(row => `<tr>${row.map(cell => `<td>${inline(cell.trim())}</td>`).join('')}</tr>`).join('')}</table>`
}

function lineOf(line: string): string {
  if (/^<\/?details>$/.test(line)) return line
  const [, heading] = /^### (.*)$/.exec(line) ?? []
  if (heading !== undefined) return `<h3>${inline(heading)}</h3>`
  const [, item] = /^- (.*)$/.exec(line) ?? []
  if (item !== undefined) return `<li>${inline(item)}</li>`
  const [, quote] = /^> (.*)$/.exec(line) ?? []
  if (quote !== undefined) return `<blockquote>${inline(quote)}</blockquote>`
  return line.trim() === '' ? '' : `<p>${inline(line)}</p>`
}

function inline(text: string): string {
  return escapeHtml(text)
    .replaceAll('&amp;#', '&#')
    .replaceAll(/&lt;(\/?(?:details|summary|sub))&gt;/g, '<$1>')
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/\[([^\]]+)\]\((https?:\/\/[^)\s]+|#)\)/g, '<a href="$2">$1</a>')
    .replaceAll(/(^|[\s,])@([\w/-]+)/g, '$1<span class="mention">@$2</span>')
}
