// What a shell line would run: every program in it, wrappers unwrapped, and the files its redirections touch.
import { UNKNOWN_WORDS } from '../../core/command.ts'
import { doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'
import { INTERPRETER_NAME, INTERPRETERS, OTHER_SHELLS } from './interpreters.ts'
import { readings } from './programs.ts'
import { readShell } from './shell-reader.ts'
import { GOVERNING_NAME, ShellDoubt } from './shell-word.ts'
import type { SimpleCommand } from './shell-word.ts'
import { onlyTells } from './telling-programs.ts'
import { MAX_DEPTH } from './word-reader.ts'
import { shellText, unwrap } from './wrappers.ts'

/** Words of the shell itself that run nothing and touch nothing. */
const CONTROL = new Set([':', 'break', 'continue', 'exit', 'return', 'shift'])
const HARMLESS_FILES = new Set(['/dev/null', '/dev/stdout', '/dev/stderr', '/dev/stdin'])

export interface ShellLine {
  readonly programs: readonly string[]
  readonly argvs: readonly (readonly string[])[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Why the line is opaque; null when every program in it is known. Programs found so far are listed all the same. */
  readonly doubt: string | null
  /** One simple command without redirections: a program, or one that only runs another. The last of `argvs` is what is run. */
  readonly isOne: boolean
}

/** Reads a line. Never throws: what is not understood is a doubt. */
export function readShellLine(line: string): ShellLine {
  const reading = new LineReading()
  reading.line(line, 0)
  return whatWasRead(reading)
}

/**
 * Reads a program with its arguments as they are handed to the system, without a shell between. A shell that is given its text
 * (`sh -c text`) stands for that text: its own name is no program in the line.
 */
export function readArgv(argv: readonly string[]): ShellLine {
  const reading = new LineReading()
  const text = shellText(argv)
  if (text === null) reading.argv(argv)
  else reading.line(text, 0)
  return whatWasRead(reading)
}

function whatWasRead(reading: LineReading): ShellLine {
  return {
    programs: [...new Set(reading.argvs.map(([program = '']) => program))],
    argvs: reading.argvs,
    reads: [...reading.reads],
    writes: [...reading.writes],
    doubt: reading.doubt,
    isOne: reading.commands === 1 && reading.reads.size + reading.writes.size === 0,
  }
}

class LineReading {
  readonly argvs: string[][] = []
  readonly reads = new Set<string>()
  readonly writes = new Set<string>()
  doubt: string | null = null
  commands = 0

  line(text: string, depth: number): void {
    if (depth > MAX_DEPTH) {
      this.#doubt('it is nested too deep')
      return
    }
    try {
      for (const command of readShell(text)) {
        this.commands += 1
        this.#command(command, depth)
      }
    } catch (error) {
      if (error instanceof ShellDoubt) this.#doubt(error.message)
      else if (error instanceof RangeError) this.#doubt('it is nested too deep')
      else throw error
    }
  }

  argv(words: readonly string[]): void {
    this.#run(words, 0)
  }

  #command({ assignments, words, redirects }: SimpleCommand, depth: number): void {
    for (const name of assignments) if (GOVERNING_NAME.test(name)) this.#doubt(`it sets ${name}`)
    for (const { kind, target } of redirects) {
      if (kind === 'text') continue
      if (target.text === null) {
        this.#doubt('a redirection to a file that is not known')
        ;(kind === 'read' ? this.reads : this.writes).add(UNKNOWN_WORDS)
      } else if (!HARMLESS_FILES.has(target.text)) (kind === 'read' ? this.reads : this.writes).add(target.text)
    }
    const [program, ...args] = words
    if (program === undefined) return
    // Several words may come of one: what follows it is not where it seems to be.
    const many = args.findIndex(word => word.isMany)
    const known: Argument[] = args.map((word, index) => (many !== -1 && index >= many ? null : word.text))
    // One more that is not known, so that a single word is not taken for what may be several.
    this.#run([program.text, ...known, ...(many === -1 ? [] : [null])], depth)
  }

  #run(argv: readonly Argument[], depth: number): void {
    const [program = null, ...args] = argv
    if (program === null || program === '') {
      this.#doubt('a program that is not known before it runs')
      return
    }
    if (CONTROL.has(program)) {
      // Some shells evaluate it.
      if (program !== ':' && args.some(arg => arg !== null && !/^\d+$/.test(arg))) this.#doubt('a number that is evaluated')
      return
    }
    const unknown = args.indexOf(null)
    this.argvs.push([
      program,
      ...args.filter(arg => arg !== null).slice(0, unknown === -1 ? args.length : unknown),
      ...(unknown === -1 ? [] : [UNKNOWN_WORDS]),
    ])
    const behaviour = depth > MAX_DEPTH ? doubt('it is nested too deep') : behaviourOf(program, args)
    switch (behaviour.kind) {
      case 'plain':
        return
      case 'doubt':
        this.#doubt(behaviour.reason)
        return
      case 'runs':
        this.#write(behaviour.writes ?? [])
        this.#run(behaviour.argv, depth + 1)
        return
      case 'runs-each':
        for (const inner of behaviour.argvs) this.#run(inner, depth + 1)
        return
      case 'shell':
        this.#write(behaviour.writes ?? [])
        this.line(behaviour.text, depth + 1)
        return
      case 'writes':
        this.#write(behaviour.paths)
    }
  }

  #write(paths: readonly string[]): void {
    for (const path of paths) if (!HARMLESS_FILES.has(path) && path !== '-') this.writes.add(path)
  }

  #doubt(reason: string): void {
    this.doubt ??= reason
  }
}

function behaviourOf(program: string, args: readonly Argument[]): Behaviour {
  const name = program.slice(program.lastIndexOf('/') + 1)
  if (name === '') return doubt('a folder is no program')
  const wrapped = unwrap(name, args)
  if (wrapped !== null) return wrapped
  if (OTHER_SHELLS.has(name)) return doubt(`${name} runs what follows it in some shells`)
  if (program.startsWith('-')) return doubt('an option stands where a program should')
  if (program.startsWith('=')) return doubt('zsh puts a path in place of a name after =')
  if (INTERPRETERS.has(name) || INTERPRETER_NAME.test(name)) {
    return onlyTells(name, args) ? plain : doubt(`${name} runs what is not in the line, or can`)
  }
  return Object.hasOwn(readings, name) ? (readings[name]?.(args) ?? plain) : plain
}
