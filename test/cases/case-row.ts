// What one row of a case file came to.

export interface CaseRow {
  readonly id: string
  /** `accept`, or `reject: reason`. */
  readonly expected: string
  readonly got: string
  readonly ok: boolean
  /** What the row is about, and what to know about how it was played. */
  readonly note: string
}
