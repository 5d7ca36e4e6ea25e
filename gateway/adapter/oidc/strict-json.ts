// JSON without the freedoms that let two readers see two documents: strict UTF-8, no byte order mark, no member twice,
// no `__proto__`, bounded depth.

/** What is wrong besides syntax; `value` is what an ordinary reader would see (the last of two members wins). */
export interface StrictJson {
  readonly value: unknown
  readonly flaw: 'duplicate member' | 'forbidden member' | 'nested too deep' | null
}

/** @returns null when the bytes are not JSON in UTF-8. */
export function readStrictJson(bytes: Buffer, maxDepth: number): StrictJson | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    // A byte order mark stays in the text and is no JSON, so parsing refuses it.
    const value: unknown = JSON.parse(text)
    return { value, flaw: findFlaw(text, maxDepth) }
  } catch {
    return null
  }
}

/** @returns the members when the value is an object and not a list; null otherwise. */
export function readObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

/** Walks valid JSON once. Names are compared as decoded, so an escaped spelling of the same name is found too. */
function findFlaw(text: string, maxDepth: number): StrictJson['flaw'] {
  /** Names seen in each open object; null for a list. */
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]
    if (sign === '{') open.push(new Set())
    else if (sign === '[') open.push(null)
    else if (sign === '}' || sign === ']') open.pop()
    else if (sign === '"') {
      const end = endOfString(text, at)
      const names = open.at(-1) ?? null
      if (names !== null && isName(text, at)) {
        const name = String(JSON.parse(text.slice(at, end)))
        if (names.has(name)) return 'duplicate member'
        if (name === '__proto__') return 'forbidden member'
        names.add(name)
      }
      at = end - 1
    }
    if (open.length > maxDepth) return 'nested too deep'
  }
  return null
}

/** Index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** In an object a name stands after `{` or `,`, a value after `:`. */
function isName(text: string, start: number): boolean {
  let at = start - 1
  while (/\s/.test(text[at] ?? '')) at -= 1
  return text[at] === '{' || text[at] === ','
}
