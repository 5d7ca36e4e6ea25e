// One entry of `masks:` as parsed. policy/ makes it, mask/ builds the masker from it.

export type MaskKind =
  | { readonly kind: 'redact' }
  | { readonly kind: 'null' }
  | { readonly kind: 'keep-last'; readonly count: number }
  | { readonly kind: 'keep-domain' }
  | { readonly kind: 'hash' }
  | { readonly kind: 'zero' }

/** A built-in pattern by name, or an RE2 expression of the policy's own. */
export type MaskPattern = { readonly kind: 'builtin'; readonly name: string } | { readonly kind: 'expression'; readonly source: string }

export interface MaskRule {
  readonly name: string
  /** Connections it holds for; null = all. */
  readonly on: readonly string[] | null
  /** `schema.table.column`, each part a name or `*`. */
  readonly columns: readonly { readonly schema: string; readonly table: string; readonly column: string }[]
  readonly patterns: readonly MaskPattern[]
  /** `resource[.group]:path`. */
  readonly fields: readonly { readonly resource: string; readonly path: readonly string[] }[]
  readonly with: MaskKind
  /** Groups that see plain values. */
  readonly unless: readonly string[]
  /** Predicates, ordering and grouping on masked columns. */
  readonly inference: 'allow' | 'refuse'
}
