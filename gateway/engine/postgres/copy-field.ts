// Fields of COPY's text and csv formats (PostgreSQL manual, "COPY", "File Formats"): where one ends, what it means, how one is written.
import type { ByteSink } from './byte-sink.ts'

/** Bytes with a meaning; all are one byte wide. */
export interface CopySyntax {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
  readonly nullText: Buffer
}

/** How one format is read; no object for a field, as there are millions. */
export interface FieldReader {
  /** Place of the delimiter or newline behind the field that starts here; the length of the message when there is none. */
  end(bytes: Buffer, start: number, syntax: CopySyntax): number
  /** The value without escapes; null = NULL. */
  value(bytes: Buffer, start: number, end: number, syntax: CopySyntax): Buffer | null
  write(value: Buffer, syntax: CopySyntax, out: ByteSink): void
}

const BACKSLASH = 0x5c
const NEWLINE = 0x0a

/** Escapes of text format besides octal and hex: letter -> byte. */
const LETTERS: ReadonlyMap<number, number> = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
  [0x76, 11],
])
const ESCAPED: ReadonlyMap<number, number> = new Map([...LETTERS].map(([letter, value]) => [value, letter]))

export const textFields: FieldReader = {
  end(bytes, start, { delimiter }) {
    const { length } = bytes
    for (let at = start; at < length; at++) {
      const byte = bytes[at]
      if (byte === delimiter || byte === NEWLINE) return at
      if (byte === BACKSLASH) at++
    }
    return length
  },
  value(bytes, start, end, syntax) {
    const raw = bytes.subarray(start, end)
    if (raw.equals(syntax.nullText)) return null
    return raw.includes(BACKSLASH) ? unescapedText(raw) : raw
  },
  write: writeTextField,
}

/** The server writes only the letter escapes and the escaped byte itself. */
function unescapedText(raw: Buffer): Buffer {
  const value = Buffer.alloc(raw.length)
  let length = 0
  for (let at = 0; at < raw.length; at++) {
    let byte = raw[at] ?? 0
    if (byte === BACKSLASH && at + 1 < raw.length) {
      byte = raw[++at] ?? 0
      byte = LETTERS.get(byte) ?? byte
    }
    value[length++] = byte
  }
  return value.subarray(0, length)
}

function writeTextField(value: Buffer, syntax: CopySyntax, out: ByteSink): void {
  for (const byte of value) {
    const letter = ESCAPED.get(byte)
    if (letter !== undefined) {
      out.byte(BACKSLASH)
      out.byte(letter)
      continue
    }
    if (byte === BACKSLASH || byte === syntax.delimiter) out.byte(BACKSLASH)
    out.byte(byte)
  }
}

export const csvFields: FieldReader = {
  end(bytes, start, { delimiter, quote, escape }) {
    const { length } = bytes
    let isQuoted = false
    for (let at = start; at < length; at++) {
      const byte = bytes[at]
      if (isQuoted) {
        if (byte === escape && (bytes[at + 1] === quote || bytes[at + 1] === escape)) at++
        else if (byte === quote) isQuoted = false
      } else if (byte === quote) isQuoted = true
      else if (byte === delimiter || byte === NEWLINE) return at
    }
    return length
  },
  value(bytes, start, end, syntax) {
    const raw = bytes.subarray(start, end)
    if (!raw.includes(syntax.quote)) return raw.equals(syntax.nullText) ? null : raw
    return unquotedCsv(raw, syntax)
  },
  write: writeCsvField,
}

function unquotedCsv(raw: Buffer, syntax: CopySyntax): Buffer {
  const value = Buffer.alloc(raw.length)
  let length = 0
  let isQuoted = false
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at] ?? 0
    const next = raw[at + 1]
    if (isQuoted && byte === syntax.escape && (next === syntax.quote || next === syntax.escape)) value[length++] = raw[++at] ?? 0
    else if (byte === syntax.quote) isQuoted = !isQuoted
    else value[length++] = byte
  }
  return value.subarray(0, length)
}

/** Always quoted, so that it never reads as NULL. */
function writeCsvField(value: Buffer, syntax: CopySyntax, out: ByteSink): void {
  out.byte(syntax.quote)
  for (const byte of value) {
    if (byte === syntax.quote || byte === syntax.escape) out.byte(syntax.escape)
    out.byte(byte)
  }
  out.byte(syntax.quote)
}
