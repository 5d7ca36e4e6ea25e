// Keeps what is typed at a password prompt out of a recording. Best effort, as sudo's own log does it: a prompt is known by its words,
// for a target does not tell the client whether it echoes.

/** What stands in the place of a password: one mark, however long it was. */
const MARK = '•••'
const PROMPT = /\b(?:pass(?:word|phrase|code)?|pin|otp|secret|token|(?:verification|one-time|security) code)\b[^\n]{0,120}[:?>]\s*$/i
/** Of the line that the cursor stands in. */
const MAX_LINE_CHARS = 400
/** Escape sequences say how a prompt looks, not what it says. */
// oxlint-disable-next-line no-control-regex -- escape sequences are what this looks for
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g
/** What ends a password: return, and the keys that give it up. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const END = /[\r\n\u0003\u0004]/

export class PasswordPrompt {
  #line = ''
  #isMarked = false

  /** What the client got to see. */
  saw(text: string): void {
    const start = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1
    this.#line = (start > 0 ? text.slice(start) : this.#line + text).slice(-MAX_LINE_CHARS)
    if (start > 0) this.#isMarked = false
  }

  /** What the client typed, as it may be kept. */
  typed(text: string): string {
    let kept = ''
    let rest = text
    while (rest !== '') {
      if (!this.#isPrompt) return kept + rest
      const end = END.exec(rest)
      const secret = end === null ? rest : rest.slice(0, end.index)
      if (secret !== '' && !this.#isMarked) kept += MARK
      this.#isMarked = true
      if (end === null) return kept
      kept += end[0]
      rest = rest.slice(end.index + 1)
      this.#line = ''
      this.#isMarked = false
    }
    return kept
  }

  get #isPrompt(): boolean {
    return this.#isMarked || PROMPT.test(this.#line.replaceAll(ESCAPES, ''))
  }
}
