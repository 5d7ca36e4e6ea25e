// What one check found.

export interface Finding {
  /** Number in docs/errors.md. */
  readonly id: string
  readonly what: string
  /** `warning` = it works, and is weaker than it could be; `unknown` = it could not be checked here, and `words` says why. */
  readonly state: 'fine' | 'bad' | 'warning' | 'unknown'
  readonly words: string
  readonly fix: string | null
}
