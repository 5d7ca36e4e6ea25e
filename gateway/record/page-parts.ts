// How a replay page carries the recording it shows, so that the page alone can be verified: files as gzip in base64,
// and, where the gateway wrote the page, a signed note over everything before it.
import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import { canonicalBase64 } from './signed-note.ts'

const SIGNATURE_HEAD = '<script type="text/plain" id="page-signature">\n'
const PART_TAIL = '</script>\n'

/** First line of the note that a gateway signs its page with. */
const PAGE_NOTE = 'sallyport replay page'

function partHead(name: string): string {
  return `<script type="text/plain" id="file:${name}">\n`
}

/** @param packed the file as gzip in base64. */
export function pagePart(name: string, packed: string): string {
  return `${partHead(name)}${packed}\n${PART_TAIL}`
}

/** A terminal for the player: as the recording's own file, or, where that one is sealed, as a part of this page alone. */
export function castPart(name: string, isSealed: boolean, packedCast: string): string {
  return isSealed ? `<script type="text/plain" id="cast:${name}">\n${packedCast}\n${PART_TAIL}` : pagePart(name, packedCast)
}

/** Gzip in base64. */
export async function packed(bytes: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<string> {
  const gzip = createGzip()
  const whole = buffer(gzip)
  for await (const chunk of bytes) gzip.write(chunk)
  gzip.end()
  return (await whole).toString('base64')
}

/** How a page starts that a gateway signed: without its signature at the end it is not whole. */
export function pageStart(isSigned: boolean): string {
  return `<!doctype html>\n<html lang="en"${isSigned ? ' data-signed' : ''}>\n`
}

export function pageSignature(note: string): string {
  return `${SIGNATURE_HEAD}${note}${PART_TAIL}`
}

/** What the note signs: a digest of the page up to its signature. */
export function pageNoteText(sha256: string): string {
  return `${PAGE_NOTE}\nsha256:${sha256}\n`
}

/** The note as a gateway writes it: one signature. A second one could hold anything, also markup, and would be outside of what is signed. */
export function isPageNote(note: string): boolean {
  return /^[^\n]+\n[^\n]+\n\n[^\n]+\n$/u.test(note)
}

/** The page without the files that it carries: they are judged as files, and packed differently by different versions of zlib. */
export function withoutParts(page: string): string {
  let rest = ''
  let from = 0
  for (const { start, end } of partsIn(page)) {
    rest += page.slice(from, start)
    from = end
  }
  return rest + page.slice(from)
}

/** Name -> gzip in base64; null when a name comes twice. */
export function readParts(page: string): ReadonlyMap<string, string> | null {
  const parts = new Map<string, string>()
  for (const { kind, name, start, end } of partsIn(page)) {
    if (kind !== 'file') continue
    if (parts.has(name)) return null
    parts.set(name, page.slice(start, end))
  }
  return parts
}

/** Where the base64 of each part stands. Not by one expression: a part of many megabytes is too much for one. */
function* partsIn(page: string): Generator<{ readonly kind: string; readonly name: string; readonly start: number; readonly end: number }> {
  const head = /^<script type="text\/plain" id="(file|cast):([^"\n]+)">\n/gmu
  for (let found = head.exec(page); found !== null; found = head.exec(page)) {
    const [whole, kind = '', name = ''] = found
    const start = found.index + whole.length
    const end = page.indexOf('\n', start)
    if (!page.startsWith(`\n${PART_TAIL}`, end) || canonicalBase64(page.slice(start, end)) === null) continue
    yield { kind, name, start, end }
    head.lastIndex = end
  }
}

/** The page's own signature and where it starts; null when the page ends otherwise. */
export function readSignature(page: Buffer): { readonly note: string; readonly signedBytes: number } | null {
  const start = page.lastIndexOf(SIGNATURE_HEAD)
  if (start < 0) return null
  const block = page.toString('utf8', start)
  if (!block.endsWith(`\n${PART_TAIL}`)) return null
  return { note: block.slice(SIGNATURE_HEAD.length, -PART_TAIL.length), signedBytes: start }
}
