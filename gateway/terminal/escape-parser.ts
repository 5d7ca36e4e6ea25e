// Splits what a terminal receives into text, control characters and sequences, however it is cut into chunks. Pure; bounded.
// After the state machine of VT500 terminals (https://vt100.net/emu/dec_ansi_parser), for text that is decoded already.

export interface Sequence {
  /** `?`, `>`, `=`, `<`, or empty. */
  readonly prefix: string
  /** Each with its sub-parameters; -1 = left out. */
  readonly params: readonly (readonly number[])[]
  readonly intermediates: string
  readonly final: string
}

export interface TerminalInput {
  /** Text without any control character. */
  print(text: string): void
  /** A control character. */
  execute(code: number): void
  /** `ESC … final`. */
  escape(intermediates: string, final: string): void
  /** `CSI … final`. */
  control(sequence: Sequence): void
}

const MAX_PARAMS = 32
const MAX_VALUE = 65_535
const MAX_INTERMEDIATES = 4

/** `string` is what nobody shows: titles, device control, application commands. */
type State = 'ground' | 'escape' | 'control' | 'ignore' | 'string' | 'string-escape'

export class EscapeParser {
  readonly #input: TerminalInput
  #state: State = 'ground'
  #isTitle = false
  #prefix = ''
  #intermediates = ''
  #params: number[][] = []

  constructor(input: TerminalInput) {
    this.#input = input
  }

  /** Goes on where another one is, in the middle of a sequence too. */
  copyFrom(other: EscapeParser): void {
    this.#state = other.#state
    this.#isTitle = other.#isTitle
    this.#prefix = other.#prefix
    this.#intermediates = other.#intermediates
    this.#params = other.#params.map(subs => [...subs])
  }

  push(text: string): void {
    for (let at = 0; at < text.length;) {
      const end = this.#state === 'ground' ? textEnd(text, at) : at
      if (end > at) {
        this.#input.print(text.slice(at, end))
        at = end
      } else {
        this.#step(text.charCodeAt(at), text.charAt(at))
        at += 1
      }
    }
  }

  #step(code: number, character: string): void {
    if (this.#state === 'string' || this.#state === 'string-escape') {
      this.#skipString(code)
      return
    }
    // CAN and SUB end a sequence, ESC starts another one, wherever they come.
    if (code === 0x18 || code === 0x1a) this.#state = 'ground'
    else if (code === 0x1b) this.#start('escape')
    else if (code >= 0x80 && code <= 0x9f) this.#startEightBit(code)
    else if (code < 0x20) this.#input.execute(code)
    else if (code !== 0x7f) this.#take(code, character)
  }

  #take(code: number, character: string): void {
    if (this.#state === 'escape') this.#takeEscape(code, character)
    else if (this.#state === 'control') this.#takeControl(code, character)
    else if (this.#state === 'ignore' && code >= 0x40) this.#state = 'ground'
  }

  #takeEscape(code: number, character: string): void {
    if (code < 0x30) this.#intermediate(character)
    else if (this.#intermediates === '' && character === '[') this.#start('control')
    else if (this.#intermediates === '' && /[\]PX^_]/.test(character)) this.#startString(character === ']')
    else {
      this.#state = 'ground'
      if (code < 0x7f) this.#input.escape(this.#intermediates, character)
    }
  }

  #takeControl(code: number, character: string): void {
    if (code >= 0x30 && code <= 0x39) this.#digit(code - 0x30)
    else if (character === ';') this.#params.push([-1])
    else if (character === ':') this.#params.at(-1)?.push(-1)
    else if (code >= 0x3c && code <= 0x3f) {
      if (this.#prefix !== '' || this.#params.length > 1 || this.#params[0]?.[0] !== -1) this.#state = 'ignore'
      this.#prefix = character
    } else if (code < 0x30) this.#intermediate(character)
    else {
      const { final, params } = { final: character, params: this.#params }
      this.#state = 'ground'
      if (code < 0x7f && params.length <= MAX_PARAMS)
        this.#input.control({ prefix: this.#prefix, params, intermediates: this.#intermediates, final })
    }
    if (this.#params.length > MAX_PARAMS || (this.#params.at(-1)?.length ?? 0) > MAX_PARAMS) this.#tooMany()
  }

  #digit(digit: number): void {
    const subs = this.#params.at(-1)
    if (subs === undefined) return
    subs[subs.length - 1] = Math.min(MAX_VALUE, Math.max(0, subs[subs.length - 1] ?? 0) * 10 + digit)
  }

  #intermediate(character: string): void {
    if (this.#intermediates.length < MAX_INTERMEDIATES) this.#intermediates += character
  }

  #tooMany(): void {
    this.#params = [[-1]]
    if (this.#state === 'control') this.#state = 'ignore'
  }

  #start(state: 'escape' | 'control'): void {
    this.#state = state
    this.#prefix = ''
    this.#intermediates = ''
    this.#params = [[-1]]
  }

  #startString(isTitle: boolean): void {
    this.#state = 'string'
    this.#isTitle = isTitle
  }

  #startEightBit(code: number): void {
    if (code === 0x9b) this.#start('control')
    else if (code === 0x9d || code === 0x90 || code === 0x98 || code === 0x9e || code === 0x9f) this.#startString(code === 0x9d)
    else {
      this.#state = 'ground'
      this.#input.escape('', String.fromCharCode(code - 0x40))
    }
  }

  #skipString(code: number): void {
    const isEscaped = this.#state === 'string-escape'
    if (code === 0x1b) this.#state = 'string-escape'
    else if (code === 0x18 || code === 0x1a || code === 0x9c || (code === 7 && this.#isTitle)) this.#state = 'ground'
    else if (isEscaped) {
      // `ESC \` ends it; any other sequence ends it too, and counts.
      this.#start('escape')
      if (code === 0x5c) this.#state = 'ground'
      else this.#step(code, String.fromCharCode(code))
    }
  }
}

/** Where the text that starts here ends: at the next control character. */
function textEnd(text: string, start: number): number {
  let at = start
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) break
  }
  return at
}
