// Fields of COPY's text and csv formats (PostgreSQL manual, "COPY", "File Formats"): where one ends, what it means, how one is written.
import type { ByteSink } from './byte-sink.ts'

/** Bytes with a meaning; all are one byte wide. */
export interface CopySyntax {
  readonly delimiter: number
  readonly quote: number
  readonly escape: number
  readonly nullText: Buffer
}

export interface CopyField {
  /** Place of the delimiter or newline behind it; the length of the message when there is none. */
  readonly end: number
  /** The value without escapes; null = NULL. */
  value(): Buffer | null
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

export function readTextField(bytes: Buffer, start: number, syntax: CopySyntax): CopyField {
  let at = start
  let isEscaped = false
  while (at < bytes.length && bytes[at] !== NEWLINE && bytes[at] !== syntax.delimiter) {
    if (bytes[at] === BACKSLASH) {
      isEscaped = true
      at++
    }
    at++
  }
  const end = Math.min(at, bytes.length)
  return {
    end,
    value() {
      const raw = bytes.subarray(start, end)
      if (raw.equals(syntax.nullText)) return null
      return isEscaped ? unescapedText(raw) : raw
    },
  }
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

export function writeTextField(value: Buffer, syntax: CopySyntax, out: ByteSink): void {
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

export function readCsvField(bytes: Buffer, start: number, syntax: CopySyntax): CopyField {
  let at = start
  let isQuoted = false
  let hasQuotes = false
  for (; at < bytes.length; at++) {
    const byte = bytes[at]
    if (isQuoted) {
      if (byte === syntax.escape && (bytes[at + 1] === syntax.quote || bytes[at + 1] === syntax.escape)) at++
      else if (byte === syntax.quote) isQuoted = false
    } else if (byte === syntax.quote) {
      isQuoted = true
      hasQuotes = true
    } else if (byte === syntax.delimiter || byte === NEWLINE) break
  }
  const end = Math.min(at, bytes.length)
  return {
    end,
    value() {
      const raw = bytes.subarray(start, end)
      if (!hasQuotes) return raw.equals(syntax.nullText) ? null : raw
      return unquotedCsv(raw, syntax)
    },
  }
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
export function writeCsvField(value: Buffer, syntax: CopySyntax, out: ByteSink): void {
  out.byte(syntax.quote)
  for (const byte of value) {
    if (byte === syntax.quote || byte === syntax.escape) out.byte(syntax.escape)
    out.byte(byte)
  }
  out.byte(syntax.quote)
}
