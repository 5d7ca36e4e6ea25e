// The head of an answer as the client may see it: without what would tell of the body that was not shown, and with no value in its words.
import type { IncomingHttpHeaders } from 'node:http'
import type { TextMask } from '../../core/masker.ts'
import { answeredHeaders } from './request-headers.ts'
import type { Headers } from './request-headers.ts'

/** They stand for the body as the server sent it, some as a hash of it. */
const ofBody = ['content-encoding', 'etag', 'content-md5', 'digest', 'content-digest', 'repr-digest', 'want-digest']
const WARNING = /\d{3} \S+ "((?:[^"\\]|\\.)*)"(?: "[^"]*")?/g
/** Warnings of the API server itself, about kinds and names of fields; any other is a webhook's, and may quote. */
const plainWarnings = [
  /\bis deprecated\b/,
  /^(?:unknown|duplicate) field \\?"[^"]*"$/,
  /^would violate PodSecurity /,
  /^metadata\.(?:name|finalizers): /,
]

/**
 * @param text null = no pattern is looked for. @param isHidden something of the objects in this answer is hidden.
 * @param added more values of Warning.
 */
export function shownHeaders(from: IncomingHttpHeaders, text: TextMask | null, isHidden: boolean, added: readonly string[]): Headers {
  const shown = answeredHeaders(from)
  for (const name of ofBody) delete shown[name]
  const warnings = [from['warning'] ?? []].flat().flatMap(line => warningsIn(line, isHidden))
  delete shown['warning']
  if (warnings.length + added.length > 0) shown['warning'] = [...warnings, ...added]
  if (text === null) return shown
  return Object.fromEntries(
    Object.entries(shown).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(one => covered(one, text)) : covered(value, text),
    ]),
  )
}

function warningsIn(line: string, isHidden: boolean): readonly string[] {
  const all = [...line.matchAll(WARNING)]
  const plain = isHidden ? all.filter(([, words = '']) => plainWarnings.some(known => known.test(words))) : all
  const kept = plain.map(([whole]) => whole)
  return plain.length === all.length ? kept : [...kept, '299 - "sallyport: a warning is not shown, because it may quote what is hidden"']
}

/** A cover holds nothing that a header may not have. */
function covered(value: string, text: TextMask): string {
  const bytes = Buffer.from(value)
  return text.mayFind(bytes, 0, bytes.length) ? text.apply(value).text : value
}
