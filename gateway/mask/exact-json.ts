// JSON read and written without losing digits: numbers that a double cannot hold go through as they stand.

/** A string, or a number that may be too long for a double, of JSON text. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs
/** Digits in a row from which on a number may not survive. */
const LONG = /\d{16}|\d[eE]|\.\d{8}/
/** Starts a string that stands for a number. A control character never stands unescaped in JSON, and texts that hold it are not taken. */
const STAND_IN = '\u0001number:'

/** Where a number of JSON begins; in strings as well, which costs time only. */
const NUMBER = /(?:^|[[:,\s])(-?\d[\d.eE+-]*)/g

/** The value, and the way back to text. @throws {SyntaxError} when it is not JSON. */
export function readJson(text: string): { readonly value: unknown; readonly write: (value: unknown) => string } {
  if (!LONG.test(text) || !hasLongNumber(text)) return { value: JSON.parse(text), write: value => JSON.stringify(value) }
  // Checked as it is first: what replaces a number must not make JSON of what was none.
  JSON.parse(text)
  const replaced = text.replace(TOKEN, token =>
    token.startsWith('"') || Object.is(String(Number(token)), token) ? token : JSON.stringify(STAND_IN + token),
  )
  return {
    value: JSON.parse(replaced),
    write: value => JSON.stringify(value).replaceAll(/"\\u0001number:(-?\d[\d.eE+-]*)"/g, (_, digits: string) => digits),
  }
}

/** Encoded text is full of digits: only what could be a number is looked at. */
function hasLongNumber(text: string): boolean {
  for (const [, token = ''] of text.matchAll(NUMBER)) if (!Object.is(String(Number(token)), token)) return true
  return false
}
