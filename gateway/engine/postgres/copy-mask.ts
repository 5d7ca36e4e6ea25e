// Rewrites CopyData of COPY TO STDOUT: fields of masked columns in text and csv, and what patterns find in any field.
// The server sends whole lines; a line that ends inside a message is withheld.
import type { ColumnPlan, CopyPlan } from '../../command/sql/mask-plan.ts'
import type { CellMask, Masker, TextMask } from '../../core/masker.ts'
import type { ByteSink } from './byte-sink.ts'
import { readCsvField, readTextField, writeCsvField, writeTextField } from './copy-field.ts'
import type { CopySyntax } from './copy-field.ts'

const HEADER = 5
const NEWLINE = 0x0a

interface Count {
  readonly rule: string
  readonly column: string
  values: number
}

export class CopyMask {
  readonly #plan: CopyPlan | null
  readonly #masker: Masker
  readonly #syntax: CopySyntax
  readonly #isBinary: boolean
  readonly #counts = new Map<string, Count>()
  #isHeader: boolean

  /** @param plan null = no column of it is masked; patterns only. */
  constructor(plan: CopyPlan | null, masker: Masker, isBinary: boolean) {
    this.#plan = plan
    this.#masker = masker
    this.#isBinary = isBinary
    this.#isHeader = plan?.hasHeader ?? false
    this.#syntax = {
      delimiter: (plan?.delimiter ?? '\t').charCodeAt(0),
      quote: (plan?.quote ?? '"').charCodeAt(0),
      escape: (plan?.escape ?? '"').charCodeAt(0),
      nullText: Buffer.from(plan?.nullText ?? '\\N'),
    }
  }

  /** @param message CopyData: byte1 'd' | int32 length | bytes. */
  write(message: Buffer, out: ByteSink): void {
    const head = out.length
    out.copy(message, 0, HEADER)
    if (this.#plan === null) this.#writeText(message, out)
    // A plan for text met by binary data: nothing of it can be told apart.
    else if (!this.#isBinary) this.#writeLines(message, this.#plan, out)
    out.setInt32(head + 1, out.length - head - 1)
  }

  counts(): readonly { readonly rule: string; readonly column: string; readonly values: number }[] {
    return [...this.#counts.values()]
  }

  #writeText(message: Buffer, out: ByteSink): void {
    const text = this.#masker.text
    if (text === null || !text.mayFind(message, HEADER, message.length)) return out.copy(message, HEADER, message.length)
    if (this.#isBinary) {
      // Binary rows cannot be rewritten here without their types: one that holds a finding is withheld as a whole.
      const covered = text.apply(message.toString('latin1', HEADER))
      if (covered.found.size === 0) return out.copy(message, HEADER, message.length)
      this.#noteFound(covered.found, 'COPY')
      return
    }
    const covered = text.apply(message.toString('utf8', HEADER))
    this.#noteFound(covered.found, 'COPY')
    const bytes = Buffer.from(covered.text)
    out.copy(bytes, 0, bytes.length)
  }

  #writeLines(message: Buffer, plan: CopyPlan, out: ByteSink): void {
    let at = HEADER
    while (at < message.length) {
      const lineStart = out.length
      const next = this.#writeLine(message, at, plan, out)
      if (next < 0) {
        out.length = lineStart
        return
      }
      at = next
      this.#isHeader = false
    }
  }

  /** The place after the line, or -1 when the line has no end. */
  #writeLine(message: Buffer, start: number, plan: CopyPlan, out: ByteSink): number {
    const read = plan.format === 'csv' ? readCsvField : readTextField
    let at = start
    for (let index = 0; ; index++) {
      const field = read(message, at, this.#syntax)
      if (field.end >= message.length) return -1
      if (this.#isHeader) out.copy(message, at, field.end)
      else this.#writeField(message, at, field.end, () => field.value(), plan.columns[index], index, out)
      const separator = message[field.end] ?? NEWLINE
      out.byte(separator)
      at = field.end + 1
      if (separator === NEWLINE) return at
    }
  }

  #writeField(
    message: Buffer,
    start: number,
    end: number,
    value: () => Buffer | null,
    plan: ColumnPlan | undefined,
    index: number,
    out: ByteSink,
  ): void {
    const column = `column ${index + 1}`
    if (plan?.kind === 'pass') return this.#writePlain(message, start, end, value, column, out)
    const cell = value()
    if (cell === null) return out.copy(message, start, end)
    const rule = plan === undefined ? undefined : this.#masker.columns[plan.rule]
    const mask: CellMask | undefined = plan?.kind === 'mask' ? rule?.mask : undefined
    const masked = mask === undefined || plan?.kind !== 'mask' ? null : mask.apply(cell, plan.typeOid, 0)
    this.#note(rule?.rule ?? 'masks', column, 1)
    this.#writeValue(masked, out)
  }

  #writePlain(message: Buffer, start: number, end: number, value: () => Buffer | null, column: string, out: ByteSink): void {
    const text: TextMask | null = this.#masker.text
    if (text === null || !text.mayFind(message, start, end)) return out.copy(message, start, end)
    const cell = value()
    const covered = cell === null ? null : text.apply(cell.toString('utf8'))
    if (covered === null || covered.found.size === 0) return out.copy(message, start, end)
    this.#noteFound(covered.found, column)
    this.#writeValue(Buffer.from(covered.text), out)
  }

  #writeValue(value: Buffer | null, out: ByteSink): void {
    if (value === null) return out.copy(this.#syntax.nullText, 0, this.#syntax.nullText.length)
    if (this.#plan?.format === 'csv') writeCsvField(value, this.#syntax, out)
    else writeTextField(value, this.#syntax, out)
  }

  #noteFound(found: ReadonlyMap<string, number>, column: string): void {
    for (const [rule, values] of found) this.#note(rule, column, values)
  }

  #note(rule: string, column: string, values: number): void {
    const key = `${rule}\0${column}`
    const count = this.#counts.get(key)
    if (count === undefined) this.#counts.set(key, { rule, column, values })
    else count.values += values
  }
}
