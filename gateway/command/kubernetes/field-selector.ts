// The name that a field selector pins, as the API server finds it: it becomes the name of a list's attributes.

/** Names that the server takes for a segment of a path (apimachinery, IsValidPathSegmentName). */
function isSegment(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/%]/.test(name)
}

/**
 * The value that `metadata.name` must equal, or `''`: the selector is absent, pins no name, or is one the server cannot decode.
 * @param selector text of `fieldSelector`: terms with a comma between them, `\` escapes a comma, an equals sign or itself.
 */
export function pinnedName(selector: string): string {
  const terms = selectedFields(selector)
  const pinned = terms?.find(({ field, isEqual }) => isEqual && field === 'metadata.name')?.value ?? ''
  return isSegment(pinned) ? pinned : ''
}

interface SelectedField {
  readonly field: string
  readonly value: string
  readonly isEqual: boolean
}

/** Terms of a field selector in the order in which the server looks at them, which sorts them; null where it cannot read them. */
function selectedFields(selector: string): readonly SelectedField[] | null {
  const terms: SelectedField[] = []
  const sorted = splitTerms(selector).toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  for (const term of sorted) {
    if (term === '') continue
    const parts = splitTerm(term)
    const value = parts === null ? null : unescape(parts.value)
    if (parts === null || value === null) return null
    terms.push({ ...parts, value })
  }
  return terms
}

function splitTerms(selector: string): readonly string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < selector.length; at += 1) {
    if (selector[at] === '\\') at += 1
    else if (selector[at] === ',') {
      terms.push(selector.slice(start, at))
      start = at + 1
    }
  }
  return [...terms, selector.slice(start)]
}

/** `field=value`, `field==value` or `field!=value`, at the first operator. */
function splitTerm(term: string): SelectedField | null {
  for (let at = 0; at < term.length; at += 1) {
    const rest = term.slice(at, at + 2)
    if (rest === '!=' || rest === '==') return { field: term.slice(0, at), value: term.slice(at + 2), isEqual: rest === '==' }
    if (term[at] === '=') return { field: term.slice(0, at), value: term.slice(at + 1), isEqual: true }
  }
  return null
}

function unescape(value: string): string | null {
  let text = ''
  for (let at = 0; at < value.length; at += 1) {
    const letter = value[at] ?? ''
    if (letter === ',' || letter === '=') return null
    if (letter !== '\\') {
      text += letter
      continue
    }
    at += 1
    const next = value[at] ?? ''
    if (next !== '\\' && next !== ',' && next !== '=') return null
    text += next
  }
  return text
}
