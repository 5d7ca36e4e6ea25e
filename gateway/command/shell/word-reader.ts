// Reads the words of a shell line: quotes, escapes and expansions as bash and POSIX sh have them. Commands inside substitutions are handed
// to the reader of commands. Nothing is evaluated: what is not in the line itself makes a word unknown, or the line opaque.
import { GOVERNING_NAME, ShellDoubt } from './shell-word.ts'
import type { ShellWord } from './shell-word.ts'

export const MAX_LINE_CHARACTERS = 64 * 1024
export const MAX_DEPTH = 40

const BLANKS = ' \t'
/** Ends a word when it is not quoted. */
const META = ' \t\n;&|<>()'

/** The text, a place in it, and how to read the commands of a substitution. */
export class WordReader {
  readonly text: string
  at = 0
  readonly #commandsIn: (text: string) => void

  constructor(text: string, commandsIn: (text: string) => void) {
    this.text = text
    this.#commandsIn = commandsIn
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  peek(length = 1): string {
    return this.text.slice(this.at, this.at + length)
  }

  /** Blanks, joined lines and comments; a comment begins only where a word could. */
  skipBlanks(): void {
    for (;;) {
      if (BLANKS.includes(this.peek()) && !this.isAtEnd) this.at += 1
      else if (this.peek(2) === '\\\n') this.at += 2
      else if (this.peek() === '#') {
        const end = this.text.indexOf('\n', this.at)
        this.at = end === -1 ? this.text.length : end
      } else return
    }
  }

  /** The word at this place; null when there is none. @throws {ShellDoubt} */
  readWord(): ShellWord | null {
    const start = this.at
    const made = new WordInMaking()
    while (!this.isAtEnd) {
      const next = this.peek()
      if ((next === '<' || next === '>') && this.text[this.at + 1] === '(') this.#processSubstitution(made)
      else if (META.includes(next)) break
      else this.#piece(next, made)
    }
    if (this.at === start) return null
    return made.finish(this.text.slice(start, this.at))
  }

  /** The body of a here-document whose delimiter was not quoted: expansions count, quotes do not. */
  scanExpansions(): void {
    const made = new WordInMaking()
    while (!this.isAtEnd) this.#inDoubleQuotes(made)
  }

  #piece(next: string, made: WordInMaking): void {
    switch (next) {
      case '\\':
        if (this.peek(2) === '\\\n') this.at += 2
        else {
          if (this.at + 1 >= this.text.length) throw new ShellDoubt('it ends with a backslash')
          made.quote(this.text[this.at + 1] ?? '')
          this.at += 2
        }
        return
      case "'": {
        const text = this.#until("'", 1)
        // There a backslash before a quote is no end.
        if (/(?:^|[^\\])(?:\\\\)*\\$/.test(text)) throw new ShellDoubt('a quote after a backslash is read differently by fish')
        made.quote(text)
        return
      }
      case '"': {
        this.at += 1
        made.quote('')
        while (this.peek() !== '"') {
          if (this.isAtEnd) throw new ShellDoubt('a quote is not closed')
          this.#inDoubleQuotes(made)
        }
        this.at += 1
        return
      }
      case '$':
        if (this.text[this.at + 1] === "'") {
          this.at += 2
          made.quote(this.#ansiText())
        } else if (this.text[this.at + 1] === '"') throw new ShellDoubt('a text for translation')
        else this.#dollar(made, false)
        return
      case '`':
        this.#backquote(made, false)
        return
      default:
        if ('*?['.includes(next)) made.pattern()
        if (next === '{' || next === '}') made.brace(next)
        if (next === ',' || next === '.') made.braceInner()
        if (next === '~') made.tilde()
        made.plain(next)
        this.at += 1
    }
  }

  #inDoubleQuotes(made: WordInMaking): void {
    const next = this.peek()
    if (next === '\\') {
      const escaped = this.text[this.at + 1] ?? ''
      if (escaped === '\n') this.at += 2
      else if ('$`"\\'.includes(escaped) && escaped !== '') {
        made.quote(escaped)
        this.at += 2
      } else {
        made.quote('\\')
        this.at += 1
      }
    } else if (next === '$') this.#dollar(made, true)
    else if (next === '`') this.#backquote(made, true)
    else {
      made.quote(next)
      this.at += 1
    }
  }

  /** Text up to a closing mark; leaves the place after it. */
  #until(mark: string, skip: number): string {
    const start = this.at + skip
    const end = this.text.indexOf(mark, start)
    if (end === -1) throw new ShellDoubt('a quote is not closed')
    this.at = end + 1
    return this.text.slice(start, end)
  }

  #dollar(made: WordInMaking, isQuoted: boolean): void {
    const rest = this.text.slice(this.at + 1, this.at + 200)
    if (rest.startsWith('((')) {
      this.#arithmetic()
      made.unknown(isQuoted)
      return
    }
    if (rest.startsWith('(')) {
      this.at += 2
      this.#commandsIn(this.readNested())
      made.unknown(isQuoted)
      return
    }
    if (rest.startsWith('[')) throw new ShellDoubt('arithmetic in an old form')
    if (rest.startsWith('{')) {
      this.at += 2
      this.#parameter(isQuoted)
      made.unknown(isQuoted)
      return
    }
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(rest)?.[0]
    if (name === undefined) {
      made.quote('$')
      this.at += 1
      return
    }
    this.at += 1 + name.length
    // "$@" is many words even in quotes; a status, a count and a number of a process are one without.
    made.unknown((isQuoted && name !== '@') || '?#$'.includes(name))
  }

  /** `${…}`: only forms that run nothing and compute nothing. */
  #parameter(isQuoted: boolean): void {
    const head = /^(#?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])/.exec(this.text.slice(this.at, this.at + 300))
    if (head === null) throw new ShellDoubt('an expansion that is not simple')
    const [all, , name = ''] = head
    this.at += all.length
    if (this.peek() === '}') {
      this.at += 1
      return
    }
    const operator = /^(?::?[-+?=]|##?|%%?|\/\/?|\^\^?|,,?)/.exec(this.peek(2))?.[0]
    if (operator === undefined || head[1] === '#') throw new ShellDoubt('an expansion that is not simple')
    if (operator.endsWith('=') && GOVERNING_NAME.test(name)) throw new ShellDoubt(`it sets ${name}`)
    this.at += operator.length
    const made = new WordInMaking()
    while (this.peek() !== '}') {
      if (this.isAtEnd) throw new ShellDoubt('a brace is not closed')
      // In double quotes a single quote quotes or does not, depending on the operator.
      if (isQuoted && '\'"'.includes(this.peek())) throw new ShellDoubt('a quote in an expansion in quotes')
      if (isQuoted) this.#inDoubleQuotes(made)
      else this.#piece(this.peek(), made)
    }
    this.at += 1
  }

  /** Arithmetic evaluates the values of names, and the index of a value is run: only figures and operators are taken. */
  #arithmetic(): void {
    const found = /^\$\(\(([0-9\s+*/%()<>=!&|^~?:-]*)\)\)/.exec(this.text.slice(this.at, this.at + 1_000))
    if (found === null) throw new ShellDoubt('arithmetic on names can run commands')
    this.at += found[0].length
  }

  #backquote(made: WordInMaking, isQuoted: boolean): void {
    let inner = ''
    this.at += 1
    while (this.peek() !== '`') {
      if (this.isAtEnd) throw new ShellDoubt('a quote is not closed')
      if (this.peek() === '\\' && ('$`\\'.includes(this.text[this.at + 1] ?? ' ') || (isQuoted && this.text[this.at + 1] === '"'))) {
        inner += this.text[this.at + 1] ?? ''
        this.at += 2
      } else {
        inner += this.peek()
        this.at += 1
      }
    }
    this.at += 1
    this.#commandsIn(inner)
    made.unknown(isQuoted)
  }

  #processSubstitution(made: WordInMaking): void {
    this.at += 2
    this.#commandsIn(this.readNested())
    made.unknown(true)
  }

  /** Text up to the parenthesis that closes this one; the place is left after it. */
  readNested(): string {
    const start = this.at
    // A case pattern or a comment inside may hold a lone parenthesis: then the text inside does not read as commands, which is a doubt.
    for (let depth = 1; !this.isAtEnd;) {
      const next = this.peek()
      if (next === '\\') this.at += 2
      else if (this.peek(2) === "$'") {
        this.at += 2
        this.#ansiText()
      } else if (next === "'") this.#until("'", 1)
      else if (next === '"' || next === '`') this.#skipQuoted(next)
      else if (next === '#' && /[ \t\n;&|(]/.test(this.text[this.at - 1] ?? ' ')) this.skipBlanks()
      else {
        if (next === '(') depth += 1
        if (next === ')') depth -= 1
        this.at += 1
        if (depth === 0) return this.text.slice(start, this.at - 1)
      }
    }
    throw new ShellDoubt('a parenthesis is not closed')
  }

  #skipQuoted(mark: string): void {
    this.at += 1
    while (this.peek() !== mark) {
      if (this.isAtEnd) throw new ShellDoubt('a quote is not closed')
      if (mark === '"' && this.peek() === '`') throw new ShellDoubt('quotes in quotes')
      if (mark === '"' && this.peek(2) === '$(') {
        this.at += 2
        this.readNested()
      } else this.at += this.peek() === '\\' ? 2 : 1
    }
    this.at += 1
  }

  /** $'…' without its opening. */
  #ansiText(): string {
    let text = ''
    for (;;) {
      if (this.isAtEnd) throw new ShellDoubt('a quote is not closed')
      const next = this.peek()
      this.at += 1
      if (next === "'") return text
      if (next !== '\\') {
        text += next
        continue
      }
      const escape = /^(?:([abeEfnrtv\\'"?])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8}))/.exec(this.peek(9))
      if (escape === null) throw new ShellDoubt('an escape that is not known')
      const [all, letter, octal, hex, short, long] = escape
      // sh has no $'…': to it the text would end here.
      if (letter === "'") throw new ShellDoubt("a quote in $'…' ends it in sh")
      this.at += all.length
      if (letter !== undefined) text += letters[letter] ?? letter
      else {
        const isByte = octal !== undefined || hex !== undefined
        const code = Number.parseInt(octal ?? hex ?? short ?? long ?? '', octal === undefined ? 16 : 8)
        // NUL ends the text in bash; bytes above ASCII make characters only together.
        if (code === 0 || code > 0x10ffff || (isByte && code > 0x7f)) throw new ShellDoubt('an escape that is not plain text')
        text += String.fromCodePoint(code)
      }
    }
  }
}

const letters: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  e: '\u001B',
  E: '\u001B',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

class WordInMaking {
  #text = ''
  #isKnown = true
  #isMany = false
  #isQuoted = false
  #hasPattern = false
  #braces = 0
  #hasBraceInner = false
  #hasBrace = false
  #startsWithTilde = false
  #length = 0

  plain(character: string): void {
    this.#text += character
    this.#length += 1
  }

  quote(text: string): void {
    this.#text += text
    this.#isQuoted = true
    this.#length += 1
  }

  unknown(isOne: boolean): void {
    this.#isKnown = false
    if (!isOne) this.#isMany = true
    this.#length += 1
  }

  pattern(): void {
    this.#hasPattern = true
  }

  brace(mark: '{' | '}'): void {
    if (mark === '{') this.#braces += 1
    else if (this.#braces > 0 && this.#hasBraceInner) this.#hasBrace = true
  }

  braceInner(): void {
    if (this.#braces > 0) this.#hasBraceInner = true
  }

  tilde(): void {
    // At the start, and after `=` or `:` where an assignment may be meant.
    if (this.#length === 0 || /[=:]$/.test(this.#text)) this.#startsWithTilde = true
  }

  finish(source: string): ShellWord {
    const isMany = this.#isMany || this.#hasBrace || (this.#hasPattern && this.#text !== '[')
    const isKnown = this.#isKnown && !isMany && !this.#startsWithTilde
    return { text: isKnown ? this.#text : null, source, isMany, isQuoted: this.#isQuoted }
  }
}
