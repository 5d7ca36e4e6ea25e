// Objects of JSON that name a key twice. One reader takes the first, another the last, a third puts both together: what people were shown
// would not be what the server takes.

/** A string, or a sign; what stands between is numbers and words. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gs

/** The key that stands twice in one object; null when there is none. @param json valid JSON. */
export function twinKey(json: string): string | null {
  /** Keys of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = []
  let word = ''
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const keys = open.at(-1)
      const key = word.includes('\\') ? String(JSON.parse(word)) : word.slice(1, -1)
      if (keys?.has(key) === true) return key
      keys?.add(key)
    } else if (token !== ',') word = token
  }
  return null
}
