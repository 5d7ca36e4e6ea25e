// awk: a program in the first operand, without pipes, redirections, files and calls that run. Read token by token: what is a string, an
// expression of a pattern or a comment is no code, and where the makes of awk could read it differently it is a doubt.
import { doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'

export function readAwk(args: readonly Argument[]): Behaviour {
  let at = 0
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? null
    if (arg === null) return doubt('an awk program that is not known')
    if (arg === '-F' || arg === '-v') at += 1
    else if (!/^-[Fv]./.test(arg)) break
  }
  const program = args[at] ?? null
  if (program === null || program.startsWith('-')) return doubt('awk with options that are not read')
  if (args.slice(0, at).includes(null)) return doubt('an awk variable that is not known')
  return isHarmless(program) ? plain : doubt('an awk program that can write or run')
}

/** Strings and comments as every awk reads them; a name or number; any other character. */
const TOKEN = /[ \t\r]+|\\\n|#[^\n]*|"(?:[^"\\\n]|\\[^\n])*"|[A-Za-z_]\w*|\d[\w.]*|\.\d\w*|\|\||&&|[<>=!]=|./gsy
/** A regular expression; a bracket or a quote in it is where awks, and readers like this one, go different ways. */
const PATTERN = /\/(?:[^/\\\n["#]|\\[^\n"#]|\[\^?[^\]/\\\n["#]+\])*\//y
const RUNNING = new Set(['system', 'getline', 'close', 'fflush', 'eval'])

function isHarmless(program: string): boolean {
  let before = ''
  let isPrinting = false
  for (let at = 0; at < program.length;) {
    const isPattern = program[at] === '/' && !/^(?:[\w.)\]$"]|\+\+|--)/.test(before)
    const reader = isPattern ? PATTERN : TOKEN
    reader.lastIndex = at
    const token = reader.exec(program)?.[0]
    if (token === undefined) return false
    at += token.length
    if (/^[ \t\r#\\]/.test(token) && token !== '\\') continue
    if (/^[|@"\\]$/.test(token) || RUNNING.has(token)) return false
    if (token === 'print' || token === 'printf') isPrinting = true
    else if (/^[;{}]$/.test(token)) isPrinting = false
    // Outside of print it compares.
    else if (token.startsWith('>') && isPrinting) return false
    before = isPattern ? 'pattern)' : KEYWORDS.has(token) ? '' : token
  }
  return true
}

/** After these a value begins, so a slash does too. */
const KEYWORDS = new Set(['print', 'printf', 'return', 'in', 'if', 'while', 'else', 'do', 'case', 'delete', 'exit', 'BEGIN', 'END'])
