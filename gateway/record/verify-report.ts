// What verifying a recording found: a verdict, and one line for each thing that was checked, was wrong, or was not checked.
import type { RunCounts } from '../core/events.ts'

export type VerifyVerdict = 'intact' | 'tampered' | 'incomplete'

export interface VerifyReport {
  readonly schema: 'sallyport/verify/v1'
  readonly path: string
  readonly form: 'folder' | 'zip' | 'page'
  readonly verdict: VerifyVerdict
  /** The first line of the log that is not as it was signed; null when the fault is not in a line, or there is none. */
  readonly line: number | null
  /** The verdict in its words: `Intact`, `TAMPERED at line N`, `INCOMPLETE`. */
  readonly words: string
  readonly checked: readonly string[]
  readonly wrong: readonly string[]
  readonly unchecked: readonly string[]
  /** The verifier key that everything was checked with; null when there is none that fits. */
  readonly key: string | null
  /** True when that key was given by whoever verifies. */
  readonly isKeyPinned: boolean
  readonly origin: string | null
  readonly lines: number
  /** RFC 6962 root over these lines, base64. */
  readonly root: string
  readonly counts: RunCounts
}

/** Of each kind: a forger may see to it that there are millions. */
const MAX_LINES = 100

class Lines {
  readonly #first: string[] = []
  #left = 0

  push(line: string): void {
    if (this.#first.length < MAX_LINES) this.#first.push(line)
    else this.#left += 1
  }

  get length(): number {
    return this.#first.length + this.#left
  }

  get told(): readonly string[] {
    return this.#left === 0 ? this.#first : [...this.#first, `and ${this.#left} more`]
  }
}

/** Collects findings. A recording is as good as the worst of them. */
export class Findings {
  readonly checked = new Lines()
  readonly wrong = new Lines()
  readonly unchecked = new Lines()
  #isTampered = false
  #isIncomplete = false
  #line: number | null = null

  tampered(what: string, line: number | null = null): void {
    this.#isTampered = true
    if (line !== null && (this.#line === null || line < this.#line)) this.#line = line
    this.wrong.push(line === null ? what : `line ${line}: ${what}`)
  }

  incomplete(what: string): void {
    this.#isIncomplete = true
    this.wrong.push(what)
  }

  get line(): number | null {
    return this.#line
  }

  get verdict(): VerifyVerdict {
    return this.#isTampered ? 'tampered' : this.#isIncomplete ? 'incomplete' : 'intact'
  }

  get words(): string {
    switch (this.verdict) {
      case 'intact':
        return 'Intact'
      case 'tampered':
        return this.#line === null ? 'TAMPERED' : `TAMPERED at line ${this.#line}`
      case 'incomplete':
        return 'INCOMPLETE'
    }
  }
}
