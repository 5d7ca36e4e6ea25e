// What the recording keeps of an answer: its status, how many objects, the beginning of what the client saw, and what was masked.
import type { CoveredField } from '../../core/masker.ts'
import type { Session } from '../../core/session.ts'

/** Kept of one answer. */
const MAX_KEPT_BYTES = 16 * 1_024

export class AnswerRecord {
  readonly #session: Session
  readonly #number: number
  readonly #startedMs: number
  readonly #kept: Buffer[] = []
  readonly #masked = new Map<string, { rule: string; field: string; values: number }>()
  #keptBytes = 0
  #isCut = false
  readonly #isCredential: boolean
  /** Objects or lines that went out. */
  items = 0

  /** @param isCredential the answer is a token: a recording is no place for it. */
  constructor(session: Session, number: number, startedMs: number, isCredential = false) {
    this.#isCredential = isCredential
    this.#session = session
    this.#number = number
    this.#startedMs = startedMs
  }

  /** Bytes as the client gets them. */
  keep(bytes: Buffer): void {
    if (this.#isCredential) return
    const room = MAX_KEPT_BYTES - this.#keptBytes
    if (bytes.length > room) this.#isCut = true
    if (room <= 0 || bytes.length === 0) return
    const part = Buffer.from(bytes.subarray(0, room))
    this.#kept.push(part)
    this.#keptBytes += part.length
  }

  masked(covered: readonly CoveredField[]): void {
    for (const { rule, field, values } of covered) {
      const key = `${rule}\0${field}`
      const known = this.#masked.get(key)
      if (known === undefined) this.#masked.set(key, { rule, field, values })
      else known.values += values
    }
  }

  /** @param tag `200 OK`. */
  close(tag: string): void {
    const whole = Buffer.concat(this.#kept).toString('utf8')
    // A cut may go through a character.
    const text = whole.endsWith('\ufffd') ? whole.replace(/\ufffd+$/, '') : whole
    if (text !== '' && this.#session.keptRows > 0) {
      this.#session.append({
        kind: 'rows',
        command: this.#number,
        columns: ['answer'],
        rows: [[this.#isCut ? `${text}\n… cut here` : text]],
        omitted: 0,
      })
    }
    this.#tellMasks()
    const durationMs = Math.round(performance.now() - this.#startedMs)
    this.#session.append({ kind: 'result', command: this.#number, tag, rows: this.items, durationMs })
  }

  fail(code: string, message: string): void {
    this.#tellMasks()
    this.#session.append({ kind: 'error', command: this.#number, code, message })
  }

  #tellMasks(): void {
    for (const { rule, field, values } of this.#masked.values()) {
      this.#session.append({ kind: 'mask', command: this.#number, rule, column: field, values })
    }
  }
}
