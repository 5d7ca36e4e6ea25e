// Writes the head of an HTTP/1.1 request. Refuses whatever a server could read as something other than what was meant.
import { HttpError } from './http-error.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TARGET = /^[\u0021-\u007e]+$/
/** Latin-1 without control characters: no line end, no NUL. */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

export interface RequestHead {
  readonly method: string
  /** `path?query`, byte for byte. */
  readonly target: string
  /** A list is written as one line each. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
}

/** The head with the empty line behind it, to be sent as Latin-1. @throws {HttpError} when it would not be what was meant. */
export function requestHead({ method, target, headers }: RequestHead): string {
  if (!TOKEN.test(method)) throw new HttpError('the method is no token')
  if (!TARGET.test(target)) throw new HttpError('the target has a character that no request line has')
  return `${method} ${target} HTTP/1.1\r\n${headerLines(headers)}\r\n`
}

function headerLines(headers: RequestHead['headers']): string {
  let lines = ''
  for (const name in headers) {
    if (!Object.hasOwn(headers, name)) continue
    const value = headers[name] ?? []
    if (!TOKEN.test(name)) throw new HttpError('the name of a header is no token')
    if (typeof value === 'string') lines += headerLine(name, value)
    else for (const one of value) lines += headerLine(name, one)
  }
  return lines
}

function headerLine(name: string, value: string): string {
  if (!VALUE.test(value)) throw new HttpError(`the header ${name} has a character that no header has`)
  return `${name}: ${value}\r\n`
}
