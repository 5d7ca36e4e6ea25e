// What one check found.

export interface Finding {
  /** Number in docs/errors.md. */
  readonly id: string
  readonly what: string
  /** `unknown` = it could not be checked here, and `words` says why. */
  readonly state: 'fine' | 'bad' | 'unknown'
  readonly words: string
  readonly fix: string | null
}
