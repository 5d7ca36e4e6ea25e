// The grammar of a shell line: finds every simple command in it, wherever it stands. What it does not know it doubts, and says why.
// Source: POSIX.1-2024 "Shell Command Language" 2.10; bash(1) for [[ ]], <<<, &>, |&, process substitution. Functions are not read.
import { GOVERNING_NAME, ShellDoubt } from './shell-word.ts'
import type { Redirect, ShellWord, SimpleCommand } from './shell-word.ts'
import { MAX_DEPTH, MAX_LINE_CHARACTERS, WordReader } from './word-reader.ts'

const MAX_COMMANDS = 1_000

/** Every simple command of the line, in the order of the text. @throws {ShellDoubt} when the line is not understood whole. */
export function readShell(line: string): readonly SimpleCommand[] {
  const found: SimpleCommand[] = []
  new ShellReader(line, 0, found).readAll()
  return found
}

const CLOSERS = new Set(['then', 'do', 'done', 'fi', 'elif', 'else', 'esac', '}'])
/** Keywords that this reader leaves alone. */
const DOUBTED = new Set(['function', 'select', 'coproc'])

const RESERVED = new Set([...CLOSERS, ...DOUBTED, 'if', 'while', 'until', 'for', 'case', 'in', 'time', '{', '!', '[['])

/** Joined lines are one before anything is read: `$` and `(` on two of them are a substitution. */
const SPLIT_OPERATOR = /[$<>&|;({`!]\\\n/

interface HereDocument {
  readonly delimiter: string
  readonly isQuoted: boolean
  readonly isIndented: boolean
}

class ShellReader {
  readonly #in: WordReader
  readonly #found: SimpleCommand[]
  readonly #depth: number
  readonly #documents: HereDocument[] = []
  #nesting = 0

  constructor(text: string, depth: number, found: SimpleCommand[]) {
    if (text.length > MAX_LINE_CHARACTERS) throw new ShellDoubt('it is too long')
    if (SPLIT_OPERATOR.test(text)) throw new ShellDoubt('a line is joined within an operator')
    if (depth > MAX_DEPTH) throw new ShellDoubt('it is nested too deep')
    this.#depth = depth
    this.#found = found
    this.#in = new WordReader(text, inner => new ShellReader(inner, depth + 1, found).readAll())
  }

  readAll(): void {
    this.#list(new Set())
    if (!this.#in.isAtEnd)
      throw new ShellDoubt(`it does not read on at ${JSON.stringify(this.#in.text.slice(this.#in.at, this.#in.at + 12))}`)
    if (this.#documents.length > 0) throw new ShellDoubt('a here-document has no body')
  }

  /** Commands up to one of these words, or a closing parenthesis, or the end. */
  #list(ends: ReadonlySet<string>): number {
    let count = 0
    for (;;) {
      this.#blanksAndLines()
      if (this.#in.isAtEnd || this.#in.peek() === ')' || this.#in.peek(2) === ';;' || ends.has(this.#keyword())) return count
      this.#andOr()
      count += 1
      this.#in.skipBlanks()
      const next = this.#in.peek()
      if (this.#in.peek(2) === ';;') return count
      if (next === ';' || next === '&') this.#in.at += 1
      else if (next !== '\n') return count
    }
  }

  #andOr(): void {
    for (;;) {
      this.#pipeline()
      this.#in.skipBlanks()
      const operator = this.#in.peek(2)
      if (operator !== '&&' && operator !== '||') return
      this.#in.at += 2
      this.#blanksAndLines()
    }
  }

  #pipeline(): void {
    for (;;) {
      this.#in.skipBlanks()
      const word = this.#keyword()
      if (word === '!') {
        this.#in.at += 1
        if (this.#in.peek() === '(') throw new ShellDoubt('!( ) is a pattern to ksh')
      } else if (word === 'time') {
        this.#in.at += 4
        this.#in.skipBlanks()
        if (/^-p(?=[ \t\n;&|]|$)/.test(this.#in.peek(3))) this.#in.at += 2
      } else break
    }
    for (;;) {
      this.#command()
      this.#in.skipBlanks()
      if (this.#in.peek(2) === '||' || this.#in.peek() !== '|') return
      this.#in.at += this.#in.peek(2) === '|&' ? 2 : 1
      this.#blanksAndLines()
    }
  }

  #command(): void {
    this.#in.skipBlanks()
    this.#nesting += 1
    if (this.#nesting + this.#depth > MAX_DEPTH) throw new ShellDoubt('it is nested too deep')
    if (this.#in.peek(2) === '((') throw new ShellDoubt('arithmetic as a command')
    const keyword = this.#in.peek() === '(' ? '(' : this.#keyword()
    if (DOUBTED.has(keyword)) throw new ShellDoubt(`${keyword} is not read`)
    if (CLOSERS.has(keyword)) throw new ShellDoubt(`${keyword} stands where a command should`)
    const compound = this.#compound(keyword)
    if (compound) this.#redirectsAfter()
    else this.#simple()
    this.#nesting -= 1
  }

  #compound(keyword: string): boolean {
    switch (keyword) {
      case '(':
        this.#in.at += 1
        this.#body(new Set())
        this.#expect(')')
        return true
      case '{':
        this.#in.at += 1
        this.#body(new Set(['}']))
        this.#expect('}')
        return true
      case 'if':
        this.#in.at += 2
        this.#body(new Set(['then']))
        this.#expect('then')
        for (;;) {
          this.#body(new Set(['elif', 'else', 'fi']))
          const next = this.#keyword()
          this.#expect(next)
          if (next === 'fi') return true
          if (next === 'elif') {
            this.#body(new Set(['then']))
            this.#expect('then')
          } else if (next === 'else') {
            this.#body(new Set(['fi']))
            this.#expect('fi')
            return true
          } else throw new ShellDoubt('an if is not closed')
        }
      case 'while':
      case 'until':
        this.#in.at += 5
        this.#body(new Set(['do']))
        this.#doGroup()
        return true
      case 'for':
        this.#in.at += 3
        this.#for()
        return true
      case 'case':
        this.#in.at += 4
        this.#case()
        return true
      case '[[':
        this.#in.at += 2
        this.#test()
        return true
      default:
        return false
    }
  }

  /** A list that must hold a command. */
  #body(ends: ReadonlySet<string>): void {
    if (this.#list(ends) === 0) throw new ShellDoubt('a list without a command')
  }

  #doGroup(): void {
    this.#expect('do')
    this.#body(new Set(['done']))
    this.#expect('done')
  }

  #for(): void {
    this.#in.skipBlanks()
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(this.#in.peek(100))?.[0]
    if (name === undefined) throw new ShellDoubt('a for without a name')
    if (GOVERNING_NAME.test(name)) throw new ShellDoubt(`it sets ${name}`)
    this.#in.at += name.length
    this.#blanksAndLines()
    if (this.#keyword() === 'in') {
      this.#in.at += 2
      for (;;) {
        this.#in.skipBlanks()
        if (this.#in.readWord() === null) break
      }
    }
    this.#in.skipBlanks()
    if (this.#in.peek() === ';') this.#in.at += 1
    this.#blanksAndLines()
    this.#doGroup()
  }

  #case(): void {
    this.#in.skipBlanks()
    if (this.#in.readWord() === null) throw new ShellDoubt('a case without a word')
    this.#blanksAndLines()
    this.#expect('in')
    for (;;) {
      this.#blanksAndLines()
      if (this.#keyword() === 'esac') break
      if (this.#in.peek() === '(') this.#in.at += 1
      for (;;) {
        this.#in.skipBlanks()
        if (this.#in.readWord() === null) throw new ShellDoubt('a case without a pattern')
        this.#in.skipBlanks()
        if (this.#in.peek() !== '|') break
        this.#in.at += 1
      }
      this.#expect(')')
      this.#list(new Set(['esac']))
      this.#in.skipBlanks()
      const end = /^;;&?|^;&/.exec(this.#in.peek(3))?.[0]
      if (end === undefined) break
      this.#in.at += end.length
    }
    this.#blanksAndLines()
    this.#expect('esac')
  }

  /** [[ … ]]: words. Comparing numbers is arithmetic, and arithmetic can run commands; what follows an operator is a command to sh. */
  #test(): void {
    for (;;) {
      this.#in.skipBlanks()
      if (/^[&|()<>\n;]/.test(this.#in.peek())) throw new ShellDoubt('an operator in [[ ]] is one of the line to sh')
      const word = this.#in.readWord()
      if (word === null) throw new ShellDoubt('a [[ is not closed')
      if (word.source === ']]') return
      if (!word.isQuoted && /^-(?:eq|ne|lt|le|gt|ge|v|R)$/.test(word.text ?? '')) throw new ShellDoubt('numbers in [[ ]] are arithmetic')
      if (word.source === '=~') throw new ShellDoubt('=~ in [[ ]] is not read')
    }
  }

  #simple(): void {
    const assignments: string[] = []
    const words: ShellWord[] = []
    const redirects: Redirect[] = []
    for (;;) {
      this.#in.skipBlanks()
      const isBoth = this.#in.peek(2) === '&>'
      if (this.#redirect(redirects)) {
        this.#in.skipBlanks()
        // To sh the command ends at the &, and what follows the file is another one.
        if (isBoth && !/^(?:[\n;|&)]|$)/.test(this.#in.peek())) throw new ShellDoubt('words after &> are a command to sh')
        continue
      }
      const word = this.#in.readWord()
      if (word === null) break
      const name = words.length === 0 ? /^([A-Za-z_][A-Za-z0-9_]*)(\[|\+?=)/.exec(word.source) : null
      if (name === null) {
        // As bash reads it after joining the lines, it sets a name and runs the next word.
        if (words.length === 0 && !word.isQuoted && /^[A-Za-z_]\w*\+?[=[]/.test(word.text ?? ''))
          throw new ShellDoubt('an assignment is written in pieces')
        words.push(word)
      }
      if (name !== null && name[2] === '[') throw new ShellDoubt('elements of arrays are arithmetic')
      if (name !== null) {
        if (this.#in.peek() === '(') throw new ShellDoubt('arrays are not read')
        assignments.push(name[1] ?? '')
      }
      if (words.length === 1 && this.#in.peek() === '(') throw new ShellDoubt('a function is defined')
    }
    this.#in.skipBlanks()
    if (this.#in.peek() === '(') throw new ShellDoubt('a function is defined, or a parenthesis stands alone')
    const [first] = words
    // A keyword that a joined line hid from the reader.
    if (first !== undefined && !first.isQuoted && RESERVED.has(first.text ?? '')) throw new ShellDoubt('a keyword is written in pieces')
    if (assignments.length + words.length + redirects.length === 0) throw new ShellDoubt('a command is missing')
    this.#put({ assignments, words, redirects })
  }

  #redirectsAfter(): void {
    const redirects: Redirect[] = []
    for (;;) {
      this.#in.skipBlanks()
      if (!this.#redirect(redirects)) break
    }
    if (redirects.length > 0) this.#put({ assignments: [], words: [], redirects })
  }

  #put(command: SimpleCommand): void {
    if (this.#found.length >= MAX_COMMANDS) throw new ShellDoubt('it holds too many commands')
    this.#found.push(command)
  }

  #redirect(redirects: Redirect[]): boolean {
    const found = /^(?:\d*|&|\{[A-Za-z_]\w*\})(<<<|<<-|<<|<>|<&|>&|>>|>\||<|>)/.exec(this.#in.peek(40))
    if (found === null || /^\d*[<>]\(/.test(this.#in.peek(40)) || (found[0].startsWith('&') && !found[0].startsWith('&>'))) return false
    if (found[0].startsWith('{')) throw new ShellDoubt('a named file descriptor')
    const operator = found[1] ?? ''
    this.#in.at += found[0].length
    this.#in.skipBlanks()
    const target = this.#in.readWord()
    if (target === null) throw new ShellDoubt('a redirection without a target')
    switch (operator) {
      case '<<':
      case '<<-':
        this.#documents.push({ delimiter: plainDelimiter(target), isQuoted: target.isQuoted, isIndented: operator === '<<-' })
        redirects.push({ kind: 'text', target })
        return true
      case '<<<':
        redirects.push({ kind: 'text', target })
        return true
      case '<':
        redirects.push({ kind: 'read', target })
        return true
      case '<&':
        if (target.text === null || !/^(?:\d+-?|-)$/.test(target.text)) throw new ShellDoubt('a file descriptor that is not a number')
        return true
      case '>&':
        // >&2 copies a descriptor, >&file writes both streams into a file.
        if (target.text !== null && /^(?:\d+-?|-)$/.test(target.text)) return true
        redirects.push({ kind: 'write', target })
        return true
      default:
        redirects.push({ kind: 'write', target })
        return true
    }
  }

  /** Blanks and line ends; bodies of here-documents begin after a line end. */
  #blanksAndLines(): void {
    for (;;) {
      this.#in.skipBlanks()
      if (this.#in.peek() !== '\n') return
      this.#in.at += 1
      for (const document of this.#documents.splice(0)) this.#hereDocument(document)
    }
  }

  #hereDocument({ delimiter, isQuoted, isIndented }: HereDocument): void {
    let body = ''
    for (;;) {
      if (this.#in.isAtEnd) throw new ShellDoubt('a here-document is not closed')
      const found = this.#in.text.indexOf('\n', this.#in.at)
      const end = found === -1 ? this.#in.text.length : found
      const line = this.#in.text.slice(this.#in.at, end)
      this.#in.at = Math.min(end + 1, this.#in.text.length)
      if ((isIndented ? line.replace(/^\t+/, '') : line) === delimiter) break
      body += `${line}\n`
    }
    // In a body that is expanded a line may be joined to the next, delimiter and all.
    if (!isQuoted && /\\$/m.test(body)) throw new ShellDoubt('a here-document joins lines')
    if (!isQuoted) new WordReader(body, inner => new ShellReader(inner, this.#depth + 1, this.#found).readAll()).scanExpansions()
  }

  /** The unquoted word at this place, without moving. */
  #keyword(): string {
    return /^[^ \t\n;&|<>()'"\\$`]+(?=[ \t\n;&|<>()]|$)/.exec(this.#in.peek(12))?.[0] ?? ''
  }

  #expect(word: string): void {
    this.#blanksAndLines()
    const isThere = word === ')' ? this.#in.peek() === ')' : word !== '' && this.#keyword() === word
    if (!isThere) throw new ShellDoubt(`${word === '' ? 'a keyword' : word} is missing`)
    this.#in.at += word.length
  }
}

function plainDelimiter(word: ShellWord): string {
  if (word.text === null || word.text === '' || word.text.includes('\n')) throw new ShellDoubt('a here-document with an unknown end')
  return word.text
}
