// The mask of one statement's answer: decides per column once, when the columns are described, then rewrites rows, COPY data and messages.
// Exact where the server names table and column, else by the plan; what neither tells is NULL.
import type { CopyPlan, ColumnPlan, MaskPlan } from '../../command/sql/mask-plan.ts'
import type { MaskClosure } from '../../command/sql/plan-mask-closure.ts'
import type { Masker } from '../../core/masker.ts'
import type { ResultColumn } from '../../wire/postgres/backend.ts'
import { readRowDescription } from '../../wire/postgres/backend.ts'
import type { ByteSink } from './byte-sink.ts'
import { CopyMask } from './copy-mask.ts'
import { coverMessage, scrubConstraintError, scrubMessage } from './error-scrub.ts'
import type { CellTreatment } from './row-mask.ts'
import { RowMask } from './row-mask.ts'
import { cellShape } from './text-cell.ts'

/** How many values of which column a rule replaced; for `mask` events. */
export interface MaskCount {
  readonly rule: string
  readonly column: string
  readonly values: number
}

/**
 * @param copy how the fields of COPY stand, for patterns.
 * @returns null when the answer may pass untouched: nothing masked is in it and no pattern applies. Its errors still go through
 * `scrubConstraintError` when the connection has masked columns.
 */
export function openResultMask(plan: MaskPlan, masker: Masker, closure: MaskClosure, copy: CopyPlan | null = null): ResultMask | null {
  if (plan.kind === 'clean' && masker.text === null) return null
  return new ResultMask(plan, masker, closure, copy)
}

export class ResultMask {
  readonly #plan: MaskPlan
  readonly #masker: Masker
  readonly #closure: MaskClosure
  readonly #cleanCopy: CopyPlan | null
  #rows: RowMask | null = null
  #copy: CopyMask | null = null
  /** Results of earlier descriptions of the same statement. */
  readonly #done: MaskCount[] = []

  /** @param copy how the fields of COPY stand, where no column of it is masked. */
  constructor(plan: MaskPlan, masker: Masker, closure: MaskClosure, copy: CopyPlan | null = null) {
    this.#plan = plan
    this.#cleanCopy = copy
    this.#masker = masker
    this.#closure = closure
  }

  /** The answer holds or may hold masked values: errors, notices and what else the server says meanwhile must be scrubbed. */
  get isTainted(): boolean {
    return this.#plan.kind !== 'clean'
  }

  /**
   * Decides the columns of the rows that follow.
   * @param message RowDescription, whole, header included.
   * @param formats result formats of the Bind message (none = text, one = for all), where the description came from a statement
   * and so does not know them; left out when the description is of a portal or a simple query.
   */
  onRowDescription(message: Buffer, formats?: readonly (0 | 1)[]): void {
    this.#keepCounts()
    const columns = readRowDescription(message, 0, message.length)
    const fits = this.#fits(columns.length)
    this.#rows = new RowMask(columns.map((column, index) => this.#treatment(withFormat(column, index, formats), index, fits)))
  }

  /** @param message DataRow, whole, header included. */
  maskRow(message: Buffer, out: ByteSink): void {
    if (!this.maskRowAt(message, 0, message.length, out)) out.copy(message, 0, message.length)
  }

  /**
   * The same for a row inside a chunk, without a view of it; false, and nothing is written, when the row may pass as it is.
   * Rows that were never described are NULL all over.
   */
  maskRowAt(bytes: Buffer, start: number, end: number, out: ByteSink): boolean {
    this.#rows ??= this.#undescribed(((bytes[start + 5] ?? 0) << 8) | (bytes[start + 6] ?? 0))
    return this.#rows.write(bytes, start, end, out)
  }

  /** @param message CopyOutResponse, whole. */
  onCopyOut(message: Buffer): void {
    this.#keepCounts()
    this.#copy = new CopyMask(this.#copyPlan(), this.#masker, message[5] === 1)
  }

  /** @param message CopyData, whole. */
  maskCopyData(message: Buffer, out: ByteSink): void {
    this.#copy ??= new CopyMask(this.#copyPlan(), this.#masker, false)
    this.#copy.write(message, out)
  }

  /** The same mask for the rest of the same answer, under another command. */
  again(): ResultMask {
    return new ResultMask(this.#plan, this.#masker, this.#closure, this.#cleanCopy)
  }

  /** ErrorResponse, NoticeResponse, ParameterStatus as the client may see it; other messages as they are. */
  scrubMessage(message: Buffer): Buffer {
    const scrubbed = this.isTainted ? scrubMessage(message, this.#closure) : scrubConstraintError(message, this.#closure)
    return this.#masker.text === null ? scrubbed : coverMessage(scrubbed, this.#masker.text)
  }

  /** What was replaced so far, per rule and column; nothing that was not. */
  counts(): readonly MaskCount[] {
    return [...this.#done, ...countsOf(this.#rows), ...(this.#copy?.counts() ?? [])]
  }

  #keepCounts(): void {
    this.#done.push(...countsOf(this.#rows), ...(this.#copy?.counts() ?? []))
    this.#rows = null
    this.#copy = null
  }

  #copyPlan(): CopyPlan | null {
    return this.#plan.kind === 'tainted' ? this.#plan.copy : this.#cleanCopy
  }

  /** Whether the server describes as many columns as the plan expects; if not, the plan's places mean nothing. */
  #fits(count: number): boolean {
    if (this.#plan.kind !== 'tainted') return this.#plan.kind === 'clean'
    return this.#plan.rest === null ? count === this.#plan.columns.length : count >= this.#plan.columns.length
  }

  #treatment(column: ResultColumn, index: number, fits: boolean): CellTreatment {
    const plan = this.#plan
    if (plan.kind === 'clean') return this.#textTreatment(column)
    const exact = column.tableOid === 0 || column.attribute <= 0 ? null : this.#closure.columnTaint(column.tableOid, column.attribute)
    const label = this.#labelOf(column)
    // The server says that it is this masked column, whatever the text looked like.
    if (exact?.kind === 'mask') return this.#ruleTreatment(exact.rule, column, label)
    if (exact !== null) return this.#blank(exact.rule, label)
    const planned: ColumnPlan =
      plan.kind === 'refuse' || !fits
        ? { kind: 'blank', rule: plan.rule }
        : (plan.columns[index] ?? plan.rest ?? { kind: 'blank', rule: plan.rule })
    switch (planned.kind) {
      case 'pass':
        // A table that was changed behind the gateway's back: what stands at this place now is not known.
        if (column.tableOid !== 0 && column.attribute > 0 && !this.#closure.isKnown(column.tableOid, column.attribute))
          return this.#blank(plan.rule, label)
        return this.#textTreatment(column)
      case 'mask':
        return this.#ruleTreatment(planned.rule, column, label)
      case 'blank':
        return this.#blank(planned.rule, label)
      case 'provenance':
        return column.tableOid !== 0 && column.attribute > 0 && this.#closure.isKnown(column.tableOid, column.attribute)
          ? this.#textTreatment(column)
          : this.#blank(planned.rule, label)
    }
  }

  #ruleTreatment(rule: number, column: ResultColumn, label: string): CellTreatment {
    const mask = this.#masker.columns[rule]?.mask
    if (mask === undefined) return this.#blank(rule, label)
    const constant = mask.constant(column.typeOid, column.format)
    if (constant !== undefined) return { kind: 'constant', bytes: constant, rule: mask.rule, column: label }
    const writer = mask.writer?.(column.typeOid, column.format) ?? null
    return { kind: 'mask', mask, writer, typeOid: column.typeOid, format: column.format, column: label }
  }

  #blank(rule: number, label: string): CellTreatment {
    return { kind: 'constant', bytes: null, rule: this.#masker.columns[rule]?.rule ?? 'masks', column: label }
  }

  #textTreatment(column: ResultColumn): CellTreatment {
    const shape = this.#masker.text === null ? null : cellShape(column.typeOid, column.format)
    if (shape === null || this.#masker.text === null) return { kind: 'pass' }
    return { kind: 'text', text: this.#masker.text, shape, column: this.#labelOf(column) }
  }

  #undescribed(count: number): RowMask {
    const plan = this.#plan
    const treatments = Array.from({ length: count }, (_, index): CellTreatment => {
      const column = `column ${index + 1}`
      if (plan.kind !== 'clean') return this.#blank(plan.rule, column)
      return this.#masker.text === null ? { kind: 'pass' } : { kind: 'text', text: this.#masker.text, shape: 'opaque', column }
    })
    return new RowMask(treatments)
  }

  /** `schema.table.column` where the server names it, else the output's own name. */
  #labelOf(column: ResultColumn): string {
    const relation = this.#closure.catalog.relations.get(column.tableOid)
    const name = relation?.columns.find(one => one.number === column.attribute)?.name
    return relation === undefined || name === undefined ? column.name : `${relation.schema}.${relation.name}.${name}`
  }
}

function withFormat(column: ResultColumn, index: number, formats: readonly (0 | 1)[] | undefined): ResultColumn {
  if (formats === undefined) return column
  const format = formats.length === 1 ? formats[0] : formats[index]
  return { ...column, format: format ?? 0 }
}

function countsOf(rows: RowMask | null): readonly MaskCount[] {
  if (rows === null) return []
  const counts: MaskCount[] = []
  for (const [index, treatment] of rows.treatments.entries()) {
    const values = rows.replaced[index] ?? 0
    if (values === 0) continue
    if (treatment.kind === 'constant') counts.push({ rule: treatment.rule, column: treatment.column, values })
    if (treatment.kind === 'mask') counts.push({ rule: treatment.mask.rule, column: treatment.column, values })
  }
  for (const [key, values] of rows.found) {
    const [rule = '', column = ''] = key.split('\0')
    counts.push({ rule, column, values })
  }
  return counts
}
