// Rewrites CopyData of COPY TO STDOUT: fields of masked columns in text and csv, and what patterns find in any field.
// The server sends whole lines; a line that ends inside a message is withheld.
import type { ColumnPlan, CopyPlan } from '../../command/sql/mask-plan.ts'
import type { CellMask, CellWriter, Masker, TextMask } from '../../core/masker.ts'
import { ByteSink } from './byte-sink.ts'
import { csvFields, textFields } from './copy-field.ts'
import type { CopySyntax, FieldReader } from './copy-field.ts'

const HEADER = 5
const NEWLINE = 0x0a
const BACKSLASH = 0x5c

/** What is done with the fields of one column. Decided once. */
interface Treatment {
  readonly plan: ColumnPlan | null
  readonly mask: CellMask | null
  /** Only where no cover needs quotes or escapes. */
  readonly writer: CellWriter | null
  readonly rule: string
  readonly column: string
  /** The field that stands for every value, as it is written; null = it depends on the value. */
  readonly constant: Buffer | null
  values: number
}

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
  readonly #fields: FieldReader
  readonly #treatments: Treatment[] = []
  #isHeader: boolean
  /** No delimiter, quote or escape is a letter that a mask writes. */
  readonly #isOrdinary: boolean

  /** @param plan null = no column of it is masked; patterns only. */
  constructor(plan: CopyPlan | null, masker: Masker, isBinary: boolean) {
    this.#plan = plan
    this.#masker = masker
    this.#isBinary = isBinary
    this.#isHeader = plan?.hasHeader ?? false
    this.#fields = plan?.format === 'csv' ? csvFields : textFields
    this.#syntax = {
      delimiter: (plan?.delimiter ?? '\t').charCodeAt(0),
      quote: (plan?.quote ?? '"').charCodeAt(0),
      escape: (plan?.escape ?? '"').charCodeAt(0),
      nullText: Buffer.from(plan?.nullText ?? '\\N'),
    }
    const { delimiter = '\t', quote = '"', escape = '"' } = plan ?? {}
    this.#isOrdinary = [delimiter, quote, escape].every(one => /^[^A-Za-z0-9*@]$/.test(one))
  }

  /** @param message CopyData: byte1 'd' | int32 length | bytes. */
  write(message: Buffer, out: ByteSink): void {
    const head = out.length
    out.copy(message, 0, HEADER)
    if (this.#plan === null) this.#writeText(message, out)
    // A plan for text met by binary data: nothing of it can be told apart.
    else if (this.#isBinary && this.#plan.rest?.kind === 'pass') this.#writeText(message, out)
    else if (!this.#isBinary) this.#writeLines(message, out)
    out.setInt32(head + 1, out.length - head - 1)
  }

  counts(): readonly { readonly rule: string; readonly column: string; readonly values: number }[] {
    const masked = this.#treatments.filter(({ values }) => values > 0).map(({ rule, column, values }) => ({ rule, column, values }))
    return [...masked, ...this.#counts.values()]
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

  /** Everything that is not changed is copied in runs, as long as they get. */
  #writeLines(message: Buffer, out: ByteSink): void {
    const { length } = message
    const delimiters = this.#syntax
    let from = HEADER
    for (let at = HEADER; at < length;) {
      const [line, lineFrom, lineOut] = [at, from, out.length]
      for (let index = 0, isOver = false; !isOver; index++) {
        const end = this.#fields.end(message, at, delimiters)
        if (end >= length) {
          // A line without an end: nothing of it leaves.
          out.length = lineOut
          out.copy(message, lineFrom, line)
          return
        }
        if (!this.#isHeader && this.#writeField(message, from, at, end, index, out)) from = end
        isOver = message[end] === NEWLINE
        at = end + 1
      }
      this.#isHeader = false
    }
    out.copy(message, from, length)
  }

  /** Writes [from, start) and what stands for the field at [start, end). False, and nothing is written, when the field stays as it is. */
  #writeField(message: Buffer, from: number, start: number, end: number, index: number, out: ByteSink): boolean {
    const treatment = this.#treatments[index] ?? this.#treat(index)
    if (treatment.plan?.kind === 'pass') return this.#coverField(message, from, start, end, treatment.column, out)
    if (this.#isNull(message, start, end)) return false
    const { constant, mask, plan, writer } = treatment
    treatment.values += 1
    out.copy(message, from, start)
    if (writer !== null && this.#writeInPlace(writer, message, start, end, out)) return true
    if (constant === null && mask !== null && plan?.kind === 'mask') {
      const cell = this.#fields.value(message, start, end, this.#syntax)
      this.#writeValue(cell === null ? null : mask.apply(cell, plan.typeOid, 0), out)
    } else if (constant !== null) out.copy(constant, 0, constant.length)
    return true
  }

  #coverField(message: Buffer, from: number, start: number, end: number, column: string, out: ByteSink): boolean {
    const text: TextMask | null = this.#masker.text
    if (text === null || !text.mayFind(message, start, end)) return false
    const cell = this.#fields.value(message, start, end, this.#syntax)
    const covered = cell === null ? null : coverCopied(text, cell.toString('utf8'))
    if (covered === null || covered.found.size === 0) return false
    this.#noteFound(covered.found, column)
    out.copy(message, from, start)
    this.#writeValue(Buffer.from(covered.text), out)
    return true
  }

  /** A column that the plan does not have shows nothing. */
  #treat(index: number): Treatment {
    const plan = this.#plan?.columns[index] ?? this.#plan?.rest ?? null
    const rule = plan !== null && 'rule' in plan ? this.#masker.columns[plan.rule] : undefined
    const mask = plan?.kind === 'mask' ? (rule?.mask ?? null) : null
    const same = mask === null || plan?.kind !== 'mask' ? null : mask.constant(plan.typeOid, 0)
    const writer = mask === null || plan?.kind !== 'mask' ? null : mask.writer?.(plan.typeOid, 0)
    const treatment: Treatment = {
      plan,
      mask,
      writer: this.#isOrdinary ? (writer ?? null) : null,
      rule: rule?.rule ?? 'masks',
      column: `column ${index + 1}`,
      constant: same === undefined ? null : this.#written(same),
      values: 0,
    }
    this.#treatments[index] = treatment
    return treatment
  }

  /** A field without quotes and escapes is the value itself, and what is written needs none either. */
  #writeInPlace(writer: CellWriter, message: Buffer, start: number, end: number, out: ByteSink): boolean {
    if (!this.#isBare(message, start, end)) return false
    out.reserve(writer.maxBytes)
    const size = writer.write(message, start, end, out.bytes, out.length)
    if (size < 0) return false
    out.length += size
    return true
  }

  #isBare(message: Buffer, start: number, end: number): boolean {
    const special = this.#plan?.format === 'csv' ? this.#syntax.quote : BACKSLASH
    for (let at = start; at < end; at++) if (message[at] === special) return false
    return true
  }

  #written(value: Buffer | null): Buffer {
    const sink = new ByteSink(64)
    this.#writeValue(value, sink)
    return Buffer.from(sink.bytes.subarray(0, sink.length))
  }

  /** NULL is written without quotes, so its bytes say it. */
  #isNull(message: Buffer, start: number, end: number): boolean {
    const { nullText } = this.#syntax
    return end - start === nullText.length && message.compare(nullText, 0, nullText.length, start, end) === 0
  }

  #writeValue(value: Buffer | null, out: ByteSink): void {
    if (value === null) out.copy(this.#syntax.nullText, 0, this.#syntax.nullText.length)
    else this.#fields.write(value, this.#syntax, out)
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

/** COPY does not tell types: what can be read as JSON is covered as JSON, and what looks like an array or a row as such. */
function coverCopied(text: TextMask, value: string): ReturnType<TextMask['apply']> {
  if (!/^[{["(]/.test(value)) return text.apply(value)
  try {
    JSON.parse(value)
    return text.applyJson(value)
  } catch {
    return /^[{(]/.test(value) ? text.applyNested(value) : text.apply(value)
  }
}
