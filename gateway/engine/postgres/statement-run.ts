// One admitted command while the target answers it: counts its rows, keeps the first of them as the client saw them, records how it ended.
import type { Session } from '../../core/session.ts'
import type { ResultColumn } from '../../wire/postgres/backend.ts'
import { readDataRow } from '../../wire/postgres/backend.ts'
import type { ResultMask } from './result-mask.ts'

/** Kept per cell and per command: a recording holds what was seen, not whole documents. */
const MAX_CELL_BYTES = 4096
const MAX_KEPT_BYTES = 262_144
/** A row above this is counted, not kept. */
export const MAX_KEPT_ROW_BYTES = 65_536

export class StatementRun {
  readonly number: number
  /** What masks its answer; null = its answer may pass untouched. */
  readonly mask: ResultMask | null
  columns: readonly ResultColumn[] | null = null
  /** The target was asked what its columns are. */
  isDescribed = false
  /** Bytes of COPY data in either direction. */
  copiedBytes = 0
  copyDirection: 'in' | 'out' | null = null
  readonly #session: Session
  readonly #startedMs = performance.now()
  #rows = 0
  #kept: (readonly (string | null)[])[] = []
  #keptBytes = 0
  #isOver = false

  constructor(session: Session, number: number, mask: ResultMask | null) {
    this.#session = session
    this.number = number
    this.mask = mask
  }

  /** True while rows are looked at to be kept. */
  get keepsRows(): boolean {
    return this.#kept.length < this.#session.keptRows && this.#keptBytes < MAX_KEPT_BYTES
  }

  countRow(): void {
    this.#rows += 1
  }

  /** Keeps a row as the client sees it. */
  keepRow(bytes: Buffer, start: number, end: number): void {
    const cells = readDataRow(bytes, start, end)
    this.#keptBytes += end - start
    this.#kept.push(cells.map((cell, index) => (cell === null ? null : shown(cell, this.columns?.[index]?.format ?? 0))))
  }

  /** Ends well. Returns false when the recording is behind: stop reading the target. */
  finish(tag: string): boolean {
    if (this.#isOver) return true
    this.#isOver = true
    const isUpToDate = this.#appendAnswer()
    return (
      this.#session.append({ kind: 'result', command: this.number, tag, rows: rowsOf(tag, this.#rows), durationMs: this.#durationMs() }) &&
      isUpToDate
    )
  }

  /** Ends with an error: the target's, or what cut it off. */
  fail(code: string, message: string): boolean {
    if (this.#isOver) return true
    this.#isOver = true
    const isUpToDate = this.#appendAnswer()
    return this.#session.append({ kind: 'error', command: this.number, code, message }) && isUpToDate
  }

  #appendAnswer(): boolean {
    let isUpToDate = true
    if (this.#kept.length > 0) {
      isUpToDate = this.#session.append({
        kind: 'rows',
        command: this.number,
        columns: this.#columnNames(),
        rows: this.#kept,
        omitted: this.#rows - this.#kept.length,
      })
      this.#kept = []
    }
    for (const { rule, column, values } of this.mask?.counts() ?? []) {
      isUpToDate = this.#session.append({ kind: 'mask', command: this.number, rule, column, values }) && isUpToDate
    }
    if (this.copyDirection !== null) {
      isUpToDate =
        this.#session.append({
          kind: 'file',
          command: this.number,
          path: this.copyDirection === 'in' ? 'STDIN' : 'STDOUT',
          operation: this.copyDirection === 'in' ? 'copy in' : 'copy out',
          bytes: this.copiedBytes,
          digest: null,
        }) && isUpToDate
    }
    return isUpToDate
  }

  #columnNames(): readonly string[] {
    return this.columns === null ? (this.#kept[0] ?? []).map((_, index) => `column ${index + 1}`) : this.columns.map(column => column.name)
  }

  #durationMs(): number {
    return Math.round((performance.now() - this.#startedMs) * 1000) / 1000
  }
}

/** The count in a command tag (`INSERT 0 5`, `COPY 7`) where no rows came over the wire. */
function rowsOf(tag: string, rows: number): number {
  if (rows > 0) return rows
  const count = /\s(\d{1,15})$/.exec(tag)?.[1]
  return count === undefined ? 0 : Number(count)
}

function shown(cell: Buffer, format: 0 | 1): string {
  const part = cell.length > MAX_CELL_BYTES ? cell.subarray(0, MAX_CELL_BYTES) : cell
  const text = format === 1 ? `\\x${part.toString('hex')}` : part.toString('utf8')
  return part === cell ? text : `${text}… (${cell.length} bytes)`
}
