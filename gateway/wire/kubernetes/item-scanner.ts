// Splits a JSON object that holds a long list (`items` of a List, `rows` of a Table) into the elements of that list and what stands around
// them, as the bytes come. Pure; one pass; keeps no more than one element.

/** Larger than any object that the API stores, with its copies. */
const MAX_ITEM_BYTES = 16 * 1_024 * 1_024
/** Everything of a list that is no element: kind, metadata, column definitions. */
const MAX_FRAME_BYTES = 256 * 1_024

export type Piece =
  /** Bytes around the elements. */
  | { readonly kind: 'frame'; readonly bytes: Buffer }
  /** One whole element of the list. */
  | { readonly kind: 'item'; readonly bytes: Buffer }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c

const LISTS = new Set(['items', 'rows'])
/** What a list has beside its elements; anything else could hold an object that nobody looked at. */
const FRAME_KEYS = new Set(['kind', 'apiVersion', 'metadata', 'items', 'rows', 'columnDefinitions'])

export class ItemScanner {
  #depth = 0
  #isString = false
  #isEscaped = false
  /** Bytes of the element, or of the frame, that came with earlier chunks. */
  #kept: Buffer[] = []
  #keptBytes = 0
  #frameBytes = 0
  /** In an element of the list. */
  #isItem = false
  /** Directly in the list. */
  #isList = false
  /** The key at depth 1 that is being read or was read last. */
  #key: number[] | null = null
  #lastKey = ''
  #awaitsKey = false
  #isOver = false

  /** @throws {SyntaxError} when it is no such object, or larger than allowed. */
  push(chunk: Buffer): readonly Piece[] {
    const pieces: Piece[] = []
    let start = 0
    const cut = (end: number, kind: Piece['kind']): void => {
      const bytes = this.#kept.length === 0 ? chunk.subarray(start, end) : Buffer.concat([...this.#kept, chunk.subarray(start, end)])
      this.#kept = []
      this.#keptBytes = 0
      start = end
      if (kind === 'frame') this.#frameBytes += bytes.length
      if (this.#frameBytes > MAX_FRAME_BYTES) throw new SyntaxError('the list has too much beside its elements')
      if (bytes.length > 0) pieces.push({ kind, bytes })
    }
    /** The next backslash, as far as it was looked for. */
    let slash = -1
    for (let at = 0; at < chunk.length; at += 1) {
      if (this.#isString && this.#key === null && !this.#isEscaped) {
        // Most bytes are in strings, and most strings have no escape: to its end at once.
        const quote = chunk.indexOf(QUOTE, at)
        if (slash < at) slash = chunk.indexOf(BACKSLASH, at)
        if (slash === -1) slash = chunk.length
        const end = quote === -1 ? chunk.length : quote
        if (slash > end || slash === chunk.length) {
          at = end
          if (quote !== -1) this.#isString = false
          continue
        }
        at = slash
      }
      const byte = chunk[at] ?? 0
      if (this.#isString) {
        this.#inString(byte)
        continue
      }
      switch (byte) {
        case QUOTE:
          this.#isString = true
          if (this.#depth === 1 && this.#awaitsKey) this.#key = []
          break
        case OPEN_OBJECT:
        case OPEN_LIST:
          if (this.#isOver) throw new SyntaxError('something follows the object')
          if (this.#depth === 0 && byte !== OPEN_OBJECT) throw new SyntaxError('this is no object')
          if (this.#isList && this.#depth === 2) {
            if (byte !== OPEN_OBJECT) throw new SyntaxError('an element of the list is no object')
            cut(at, 'frame')
            this.#isItem = true
          }
          this.#depth += 1
          if (this.#depth === 1) this.#awaitsKey = true
          if (this.#depth === 2 && byte === OPEN_LIST && LISTS.has(this.#lastKey)) this.#isList = true
          break
        case CLOSE_OBJECT:
        case CLOSE_LIST:
          this.#depth -= 1
          if (this.#depth < 0) throw new SyntaxError('a bracket too many')
          if (this.#isItem && this.#depth === 2) {
            cut(at + 1, 'item')
            this.#isItem = false
          }
          if (this.#isList && this.#depth === 1) this.#isList = false
          if (this.#depth === 0) this.#isOver = true
          break
        case COMMA:
          if (this.#depth === 1) this.#awaitsKey = true
          break
        default:
      }
    }
    if (this.#isItem) {
      this.#kept.push(Buffer.from(chunk.subarray(start)))
      this.#keptBytes += chunk.length - start
      if (this.#keptBytes > MAX_ITEM_BYTES) throw new SyntaxError('an element of the list is too large')
    } else cut(chunk.length, 'frame')
    return pieces
  }

  /** @throws {SyntaxError} when the object did not end. */
  end(): void {
    if (!this.#isOver || this.#depth !== 0) throw new SyntaxError('the list ended early')
  }

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) {
      this.#isEscaped = true
      if (this.#key !== null) throw new SyntaxError('a key of the list is escaped')
    } else if (byte === QUOTE) {
      this.#isString = false
      this.#endKey()
      return
    }
    this.#key?.push(byte)
  }

  #endKey(): void {
    if (this.#key === null) return
    this.#lastKey = Buffer.from(this.#key).toString('latin1')
    this.#key = null
    this.#awaitsKey = false
    if (!FRAME_KEYS.has(this.#lastKey)) throw new SyntaxError('the list has a part that no list has')
  }
}
