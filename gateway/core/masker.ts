// What may be seen of a result. mask/ implements it, engines apply it; decided once per shape, not per value.

export interface CellMask {
  /** Name of the `masks:` entry. */
  readonly rule: string
  /**
   * The cell as the client may see it; null = SQL NULL. Never invalid for its type, and its length says nothing of the value's.
   * @param cell the value's bytes as on the wire. @param typeOid PostgreSQL type. @param format 0 text, 1 binary.
   */
  apply(cell: Buffer, typeOid: number, format: 0 | 1): Buffer | null
  /** The one output for every value of this type and format (null = SQL NULL); undefined when it depends on the value. */
  constant(typeOid: number, format: 0 | 1): Buffer | null | undefined
  /** A way without an object for a cell, where there is one for this type and format; else null, or left out. */
  writer?(typeOid: number, format: 0 | 1): CellWriter | null
}

/** Covers cells where they stand, for millions of them. It writes letters, digits, `*`, `@`, and what the cell has itself. */
export interface CellWriter {
  /** No cover is longer. */
  readonly maxBytes: number
  /** Writes what stands for the cell at [start, end) and answers how many bytes that is; -1 = ask `apply` this time. */
  write(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number
}

/** Replaces what patterns find in text. */
export interface TextMask {
  readonly rules: readonly string[]
  /** The text with every finding replaced, and how often per rule; `found` is empty when the text is unchanged. */
  apply(text: string): { readonly text: string; readonly found: ReadonlyMap<string, number> }
  /** The same for JSON text: strings at any depth, keys too; a number that is found becomes a string, so it stays JSON. */
  applyJson(text: string): { readonly text: string; readonly found: ReadonlyMap<string, number> }
  /** The same for the text form of arrays and composite values: `{a,"b c"}`, `(a,"b")`; structure stays. */
  applyNested(text: string): { readonly text: string; readonly found: ReadonlyMap<string, number> }
  /** False only when no pattern can match in these UTF-8 bytes; cheap, called for every text cell. */
  mayFind(bytes: Buffer, start: number, end: number): boolean
}

export interface ColumnRule {
  readonly rule: string
  /** Globs as in the policy: `public`, `customers`, `email`, each may be `*`. */
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly mask: CellMask
  /** What predicates, ordering and grouping on the column may do. */
  readonly inference: 'allow' | 'refuse'
}

/** What was covered in a document: by which rule, where, how often. */
export interface CoveredField {
  readonly rule: string
  /** `secrets:data`, or `configmaps:text` for what patterns found. */
  readonly field: string
  readonly values: number
}

/** Covers fields of API objects: in objects, lists, tables, watch events, and in the copies of an object that stand in its annotations. */
export interface ObjectMask {
  /** False only when nothing in this JSON text about `resource[.group]` can need a cover; cheap. */
  mayCover(json: Buffer, resource: string): boolean
  /**
   * The document with everything covered. Numbers keep all their digits.
   * @throws {SyntaxError} when it is not JSON, or nested deeper than any object is: it must not be shown.
   */
  apply(json: Buffer, resource: string): { readonly json: Buffer; readonly covered: readonly CoveredField[] }
  /**
   * The answer to a request that failed: its words may quote the object, whole or in part, and are then left out.
   * @param isWrite a read has nothing to quote but its own question. @throws {SyntaxError} as `apply`.
   */
  applyFailure(json: Buffer, resource: string, isWrite: boolean): { readonly json: Buffer; readonly covered: readonly CoveredField[] }
  /** Paths whose values are hidden in objects of this resource; `*` is any key or element. Empty = none. */
  paths(resource: string): readonly (readonly string[])[]
  /** True when the object, JSON, holds a release of helm in which something is covered: its own form hides the mark. */
  hasMarkedRelease(json: Buffer, resource: string): boolean
  /**
   * A release of helm that comes back with covers in it, with what the stored object holds in their place. helm rewrites a release to note what
   * became of it; nothing else of it may differ from what the client was shown.
   * @returns null when something else differs, or one of them holds no release.
   */
  restoreRelease(written: Buffer, live: Buffer, resource: string): Buffer | null
  /** True when the bytes hold what a cover shows: writing them back would destroy the value behind it. */
  hasMarker(bytes: Buffer): boolean
}

export interface Masker {
  /** Column rules that hold for this connection and identity (those lifted by `unless` are left out). Empty = no column is masked. */
  readonly columns: readonly ColumnRule[]
  /** Rules lifted for this identity by `unless`; recorded at session start. */
  readonly lifted: readonly string[]
  /** null = no pattern applies. */
  readonly text: TextMask | null
  /** What may be seen of API objects. Left out by maskers for other protocols; an engine that needs it shows nothing without it. */
  readonly objects?: ObjectMask
}
