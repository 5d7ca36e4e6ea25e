// Text into HTML: nothing of it can become markup, and what cannot be seen is named.
import { visible } from '../core/visible-text.ts'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function html(text: string): string {
  return visible(text).replaceAll(/[&<>"']/g, character => entities[character] ?? '')
}

/** A link, when it leads to a web page; the text alone otherwise. */
export function htmlLink(url: string, text: string): string {
  return /^https:\/\/[^\s"'<>]+$/.test(url)
    ? `<a href="${html(url)}" rel="noreferrer noopener">${html(text)}</a>`
    : html(`${text} ${url}`.trim())
}
