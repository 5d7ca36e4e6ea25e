// The head of an HTTP/1.1 answer, line by line, and what it says of the body behind it. Strict: what two readers could take for different
// answers is none (RFC 9112, 6.3: a length beside a coding, lengths that differ, folded lines).
import { HttpError } from './http-error.ts'

/** status-line = HTTP-version SP status-code SP [reason]; some servers leave out the last space. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\u0020-\u007e\u0080-\u00ff]*))?$/
/** field-line = name ":" OWS value OWS. No space before the colon, none at the start of a line. */
const FIELD_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\u0020-\u007e\u0080-\u00ff]*$/
const LENGTH = /^\d{1,15}$/
/** A second one would say something else of the same body. */
const single = new Set(['content-length', 'content-type', 'content-encoding', 'transfer-encoding'])
const MAX_HEADERS = 500

/** Names in lower case; the values of a repeated one are joined, in order. */
export type AnswerHeaders = Record<string, string>

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  readonly headers: AnswerHeaders
  readonly framing: Framing
  /** The connection may be used again once the body is over. */
  readonly isKept: boolean
}

export type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** The body ends with the connection. */
  | { readonly kind: 'close' }

/** Gathers the lines of one head. */
export class ResponseHeadLines {
  readonly #isHead: boolean
  readonly #headers: AnswerHeaders = {}
  #count = 0
  #status = 0
  #reason = ''
  #isOld = false

  /** @param isHead the request was a HEAD: its answer has no body, whatever it says. */
  constructor(isHead: boolean) {
    this.#isHead = isHead
  }

  /** Takes one line without its end; an empty line ends the head and gives it. @throws {HttpError} when it is not HTTP/1.1. */
  add(line: string): ResponseHead | null {
    if (this.#status === 0) this.#start(line)
    else if (line === '') return this.#end()
    else this.#field(line)
    return null
  }

  #start(line: string): void {
    const [, minor, status, reason = ''] = STATUS_LINE.exec(line) ?? []
    if (status === undefined) throw new HttpError('the answer does not begin with a status line')
    this.#isOld = minor === '0'
    this.#status = Number(status)
    this.#reason = reason
  }

  #field(line: string): void {
    const { name, value } = readField(line)
    this.#count += 1
    if (this.#count > MAX_HEADERS) throw new HttpError('the answer has too many headers')
    const known = Object.hasOwn(this.#headers, name) ? this.#headers[name] : undefined
    if (known !== undefined && single.has(name)) throw new HttpError(`the answer says twice what its ${name} is`)
    if (name === '__proto__') throw new HttpError('the answer has a header that is none')
    this.#headers[name] = known === undefined ? value : `${known}, ${value}`
  }

  #end(): ResponseHead {
    const headers = this.#headers
    const framing = this.#framing()
    const options = (headers['connection'] ?? '').toLowerCase()
    const isClosed = options !== '' && options.split(',').some(option => option.trim() === 'close')
    return { status: this.#status, reason: this.#reason, headers, framing, isKept: framing.kind !== 'close' && !isClosed && !this.#isOld }
  }

  #framing(): Framing {
    const { 'content-length': length, 'transfer-encoding': coding } = this.#headers
    if (length !== undefined && !LENGTH.test(length)) throw new HttpError('the length of the answer is no number')
    if (coding !== undefined) {
      if (length !== undefined) throw new HttpError('the answer has a length and a transfer coding')
      if (this.#isOld || coding.toLowerCase() !== 'chunked') throw new HttpError('the answer has a transfer coding that is not read here')
    }
    const isEmpty = this.#isHead || this.#status < 200 || this.#status === 204 || this.#status === 304
    if (isEmpty) return { kind: 'length', bytes: 0 }
    if (coding !== undefined) return { kind: 'chunked' }
    return length === undefined ? { kind: 'close' } : { kind: 'length', bytes: Number(length) }
  }
}

/** One header line; the name comes in lower case. @throws {HttpError} when it is none. */
export function readField(line: string): { readonly name: string; readonly value: string } {
  if (!FIELD_LINE.test(line)) throw new HttpError('the answer has a line that is no header')
  const colon = line.indexOf(':')
  return { name: line.slice(0, colon).toLowerCase(), value: trimmed(line, colon + 1) }
}

/** Without the white space around it: blanks and tabs only, nothing else that `trim` takes for some. */
function trimmed(line: string, from: number): string {
  let [start, end] = [from, line.length]
  while (start < end && isBlank(line.charCodeAt(start))) start += 1
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1
  return line.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
