// What a pattern is: a finder of spans in text, and the cheapest sign without which it cannot match.

/** A stretch of text, in UTF-16 units: from `start` up to but without `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Signs that a scan over bytes collects; a pattern that misses one of its signs is not run. */
export interface Signs {
  digits: number
  hasAt: boolean
  hasDollar: boolean
  hasUnderscore: boolean
  hasBrace: boolean
  /** Five hyphens in a row. */
  hasFence: boolean
  /** `eyJ`: the start of a JSON object in base64url. */
  hasJsonHead: boolean
  /** `md5`. */
  hasMd5: boolean
  /** A capital A. */
  hasA: boolean
  /** `aws`, any case. */
  hasAws: boolean
}

export interface Pattern {
  readonly name: string
  /** True when the bytes may hold a match; must never be false for a text that matches. */
  mayMatch(signs: Signs, length: number): boolean
  /** All findings, in order, not overlapping. Time linear in the text. */
  find(text: string): readonly Span[]
}
