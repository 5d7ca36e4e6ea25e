// A label selector as the API server reads it. One that it cannot read makes it forget the other options of a list, the pinned name too.
// @see Kubernetes apimachinery, pkg/labels/selector.go, Parse
import { isInteger } from './query.ts'

type Token = { readonly kind: 'word' | 'sign' | 'end'; readonly text: string }

const signs = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '('])
const SIGN = /[=!(),><]/
const BLANK = /[ \t\r\n]/
const operators = new Set(['in', 'notin', '=', '==', '!=', '>', '<'])
const NAME = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/
const PREFIX = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

/** The keys that a selector names; null where the server cannot read it. */
export function selectedLabels(selector: string): readonly string[] | null {
  const reader = new Reader(tokensOf(selector))
  const keys: string[] = []
  for (;;) {
    if (reader.peek.kind === 'end') return keys
    const key = requirementKey(reader)
    if (key === null) return null
    keys.push(key)
    const { kind, text } = reader.take()
    if (kind === 'end') return keys
    if (text !== ',' || kind !== 'sign' || !(reader.peek.kind === 'word' || reader.isAt('!'))) return null
  }
}

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' }
  }

  take(): Token {
    const token = this.peek
    this.#at += 1
    return token
  }

  isAt(sign: string): boolean {
    return this.peek.kind === 'sign' && this.peek.text === sign
  }
}

function requirementKey(reader: Reader): string | null {
  const isAbsent = reader.isAt('!')
  if (isAbsent) reader.take()
  const key = reader.take()
  if (key.kind !== 'word' || !isKey(key.text)) return null
  if (isAbsent || reader.peek.kind === 'end' || reader.isAt(',')) return key.text
  const operator = reader.take()
  if (!operators.has(operator.text)) return null
  const values = operator.text === 'in' || operator.text === 'notin' ? setOf(reader) : exactValue(reader)
  if (values === null || !values.every(isValue)) return null
  return (operator.text === '>' || operator.text === '<') && !values.every(isInteger) ? null : key.text
}

/** `(a,b)`; an empty place is an empty value. */
function setOf(reader: Reader): readonly string[] | null {
  if (!reader.isAt('(')) return null
  reader.take()
  const values: string[] = []
  for (let hasWord = false; ;) {
    const { kind, text } = reader.take()
    if (kind === 'word') {
      if (hasWord) return null
      values.push(text)
      hasWord = true
    } else if (kind !== 'sign') return null
    else if (text === ')') return values
    else if (text === ',') hasWord = false
    else return null
  }
}

function exactValue(reader: Reader): readonly string[] | null {
  if (reader.peek.kind === 'end' || reader.isAt(',')) return ['']
  const { kind, text } = reader.take()
  return kind === 'word' ? [text] : null
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length;) {
    const start = at
    if (BLANK.test(text[at] ?? '')) {
      at += 1
      continue
    }
    // A zero byte is the end to the server, but behind a word or a sign, where it is passed over.
    if (text[at] === '\0') return tokens
    if (SIGN.test(text[at] ?? '')) {
      at += signs.has(text.slice(at, at + 2)) ? 2 : 1
      tokens.push({ kind: 'sign', text: text.slice(start, at) })
    } else {
      while (at < text.length && !SIGN.test(text[at] ?? '') && !BLANK.test(text[at] ?? '') && text[at] !== '\0') at += 1
      tokens.push({ kind: 'word', text: text.slice(start, at) })
    }
    if (text[at] === '\0') at += 1
  }
  return tokens
}

function isKey(key: string): boolean {
  const [name = '', prefix, more] = key.split('/').toReversed()
  return more === undefined && NAME.test(name) && (prefix === undefined || (prefix.length <= 253 && PREFIX.test(prefix)))
}

function isValue(value: string): boolean {
  return value === '' || NAME.test(value)
}
