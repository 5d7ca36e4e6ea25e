// What masking must do for one statement, as far as its text and the catalog tell. The engine applies it to the answer.

/** A masked column that exists: the relation and column a rule of the policy names. */
export interface MaskedColumn {
  readonly relationOid: number
  readonly column: number
  /** Index into the session masker's `columns`. */
  readonly rule: number
}

/** What is known of one output column before the server answers. */
export type ColumnPlan =
  /** Proven: no masked column can flow into it. */
  | { readonly kind: 'pass' }
  /** Proven to be exactly this masked column, of this type (a domain counts as its base type): mask the cell by the rule. */
  | { readonly kind: 'mask'; readonly rule: number; readonly typeOid: number }
  /** May contain masked values in any form: the whole cell is replaced by NULL. */
  | { readonly kind: 'blank'; readonly rule: number }
  /** The syntax tree does not tell; RowDescription's table and column decide, and without them it is `blank`. */
  | { readonly kind: 'provenance'; readonly rule: number }

export type MaskPlan =
  /** Nothing it reads, writes or calls can meet a masked column: its answer passes untouched. */
  | { readonly kind: 'clean' }
  /** It meets masked columns: its rows are masked by `columns`, its errors and notices are cleaned. */
  | {
      readonly kind: 'tainted'
      /** The rule that is to be named where no column is. */
      readonly rule: number
      /** By position. */
      readonly columns: readonly ColumnPlan[]
      /** For columns beyond `columns`; null = there must be none, an answer with more is blanked as a whole. */
      readonly rest: ColumnPlan | null
      readonly copy: CopyPlan | null
    }
  /** It cannot be made safe: it does not run. */
  | { readonly kind: 'refuse'; readonly rule: number; readonly reason: string; readonly hint: string }

/** COPY … TO STDOUT over masked columns, in text or csv. */
export interface CopyPlan {
  readonly format: 'text' | 'csv'
  readonly delimiter: string
  readonly nullText: string
  readonly quote: string
  readonly escape: string
  readonly hasHeader: boolean
  readonly columns: readonly ColumnPlan[]
  /** For columns beyond `columns`; left out = they show nothing. */
  readonly rest?: ColumnPlan
}

export const cleanPlan: MaskPlan = { kind: 'clean' }
