// YAML text -> plain data that knows where everything stands. Bounded: size, depth, nodes after aliases are followed.
// Refuses what makes a policy mean something else than it seems: duplicate keys, tags, other YAML versions, unsafe numbers.
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit } from 'yaml'
import type { Document } from 'yaml'

/** Largest policy file, in bytes. */
export const MAX_POLICY_BYTES = 256 * 1024
const MAX_DEPTH = 24
/** Counted after aliases are followed, so an alias bomb ends here. */
const MAX_NODES = 50_000
const MAX_ALIASES = 500

/** Counted from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

export type Path = readonly PropertyKey[]

export interface Located {
  readonly place: Place
  readonly text: string
}

export interface YamlTree {
  readonly value: unknown
  /** Where the value at the path begins, or its nearest parent that exists. */
  placeOf(path: Path): Place
  /** Where the key of the value at the path begins. */
  placeOfKey(path: Path): Place
}

/** Reads one YAML document, or says why not. Texts never quote the file: it may hold a secret by mistake. */
export function readYaml(text: string): { readonly tree: YamlTree | null; readonly problems: readonly Located[] } {
  const start = { line: 1, column: 1 }
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    return { tree: null, problems: [{ place: start, text: `the file is larger than ${MAX_POLICY_BYTES / 1024} KiB` }] }
  }
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, version: '1.2', uniqueKeys: true, strict: true })
  if (!Array.isArray(documents) || documents.length === 0) return { tree: null, problems: [{ place: start, text: 'the file is empty' }] }
  const [document, second] = documents
  if (document === undefined) return { tree: null, problems: [{ place: start, text: 'the file is empty' }] }
  const reader = new TreeReader(document, offset => placeAt(lines, offset))
  const errors = [...document.errors, ...document.warnings]
  // One error of this kind comes for every level that was left.
  const deep = errors.find(error => error.code === 'RESOURCE_EXHAUSTION')
  for (const error of deep === undefined ? errors : [deep]) reader.refuse(error.pos[0], wordsOf(error.code))
  if (second !== undefined) reader.refuse(second.range[0], 'only one document is read; a second one begins here')
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    reader.refuse(0, `YAML ${document.directives.yaml.version} reads words differently; only YAML 1.2 is read`)
  }
  if (aliasesIn(document) > MAX_ALIASES) reader.refuse(0, `more than ${MAX_ALIASES} aliases`)
  if (reader.problems.length > 0) return { tree: null, problems: reader.problems }
  const value = reader.read(document.contents, [], 0)
  return reader.problems.length > 0 ? { tree: null, problems: reader.problems } : { tree: reader.treeOf(value), problems: [] }
}

class TreeReader {
  readonly problems: Located[] = []
  readonly #places = new Map<string, { key: Place; value: Place }>()
  readonly #document: Document.Parsed
  readonly #placeAt: (offset: number) => Place
  #nodes = 0

  constructor(document: Document.Parsed, at: (offset: number) => Place) {
    this.#document = document
    this.#placeAt = at
  }

  refuse(offset: number, text: string): void {
    if (this.problems.length < 20) this.problems.push({ place: this.#placeAt(offset), text })
  }

  read(node: unknown, path: Path, depth: number): unknown {
    const offset = offsetOf(node)
    if (depth > MAX_DEPTH || this.#nodes > MAX_NODES) {
      if (this.#nodes !== Infinity) this.refuse(offset, depth > MAX_DEPTH ? 'nested too deeply' : 'too large, aliases followed')
      this.#nodes = Infinity
      return null
    }
    this.#nodes += 1
    if (path.length === 0) this.#places.set('', { key: this.#placeAt(offset), value: this.#placeAt(offset) })
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) this.refuse(offset, 'this alias has no anchor before it')
      return target === undefined ? null : this.read(target, path, depth + 1)
    }
    if (isMap(node)) return this.#readMap(node.items, path, depth)
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const at = this.#placeAt(offsetOf(item, offset))
        this.#places.set(keyOf([...path, index]), { key: at, value: at })
        return this.read(item, [...path, index], depth + 1)
      })
    }
    return isScalar(node) ? this.#readScalar(node.value, offset) : null
  }

  #readMap(pairs: readonly { key: unknown; value?: unknown }[], path: Path, depth: number): unknown {
    const entries = new Map<string, unknown>()
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? key.value : null
      if (typeof name !== 'string' || name === '__proto__') {
        this.refuse(offsetOf(key), 'a key must be plain text; put a number or a word like true in quotes')
        continue
      }
      if (name === '<<') continue
      const place = this.#placeAt(offsetOf(key))
      this.#places.set(keyOf([...path, name]), {
        key: place,
        value: value === null ? place : this.#placeAt(offsetOf(value, offsetOf(key))),
      })
      entries.set(name, this.read(value, [...path, name], depth + 1))
    }
    for (const { key, value } of pairs) if (isScalar(key) && key.value === '<<') this.#merge(entries, value, path, depth)
    return Object.fromEntries(entries)
  }

  /** `<<: *base` or a list of them: what the map itself says wins, then the earlier ones. */
  #merge(entries: Map<string, unknown>, value: unknown, path: Path, depth: number): void {
    if (depth > MAX_DEPTH) {
      this.refuse(offsetOf(value), 'nested too deeply')
      return
    }
    const source = isAlias(value) ? value.resolve(this.#document) : value
    if (isSeq(source)) {
      for (const item of source.items) this.#merge(entries, item, path, depth + 1)
      return
    }
    if (!isMap(source)) {
      this.refuse(offsetOf(value), 'only a map can be merged in with <<')
      return
    }
    const own = new Map([...entries.keys()].map(name => [name, this.#places.get(keyOf([...path, name]))]))
    const merged = this.read(source, path, depth + 1)
    for (const [name, place] of own) if (place !== undefined) this.#places.set(keyOf([...path, name]), place)
    if (typeof merged !== 'object' || merged === null) return
    for (const [name, entry] of Object.entries(merged)) if (!entries.has(name)) entries.set(name, entry)
  }

  #readScalar(value: unknown, offset: number): unknown {
    if (typeof value === 'number' && (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))) {
      this.refuse(offset, 'this number cannot be kept exactly; put it in quotes')
      return null
    }
    if (typeof value === 'bigint') {
      this.refuse(offset, 'this number cannot be kept exactly; put it in quotes')
      return null
    }
    return value
  }

  treeOf(value: unknown): YamlTree {
    const find = (path: Path): { key: Place; value: Place } => {
      for (let length = path.length; length >= 0; length -= 1) {
        const found = this.#places.get(keyOf(path.slice(0, length)))
        if (found !== undefined) return found
      }
      return { key: { line: 1, column: 1 }, value: { line: 1, column: 1 } }
    }
    return { value, placeOf: path => find(path).value, placeOfKey: path => find(path).key }
  }
}

function aliasesIn(document: Document.Parsed): number {
  let count = 0
  visit(document, {
    Alias: () => {
      count += 1
    },
  })
  return count
}

function keyOf(path: Path): string {
  return path.map(part => JSON.stringify(String(part))).join('/')
}

function offsetOf(node: unknown, otherwise = 0): number {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return otherwise
  const [start] = node.range
  return typeof start === 'number' ? start : otherwise
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** The library's own messages quote the text; ours never do. */
function wordsOf(code: string): string {
  const words: Readonly<Record<string, string>> = {
    DUPLICATE_KEY: 'this key stands here twice',
    TAB_AS_INDENT: 'indent with spaces, not with tabs',
    TAG_RESOLVE_FAILED: 'tags such as !name are not read',
    BAD_ALIAS: 'this alias has no anchor before it',
    MULTIPLE_ANCHORS: 'more than one anchor on one node',
    MISSING_CHAR: 'a character is missing here: a quote, a bracket, or the space after a colon',
    BAD_INDENT: 'the indentation does not fit',
    BAD_SCALAR_START: 'a text cannot begin like this; put it in quotes',
    BAD_DIRECTIVE: 'this directive is not read',
    RESOURCE_EXHAUSTION: 'nested too deeply',
    UNEXPECTED_TOKEN: 'this does not fit here; is a quote or bracket missing before it?',
    MULTILINE_IMPLICIT_KEY: 'a key must stand on one line; is a colon or a quote missing?',
    BLOCK_AS_IMPLICIT_KEY: 'a map cannot begin inside a value; put a text with ": " in quotes',
  }
  return words[code] ?? `this is not YAML (${code.toLowerCase().replaceAll('_', ' ')})`
}
