// Programs whose business is to run another one. Each is read by its own options; one that is not known makes the line opaque.
import { doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'
import { GOVERNING_NAME } from './shell-word.ts'

/** Options of a wrapper: those alone, those with a value (separate or attached), and how many operands come before the program. */
interface WrapperForm {
  readonly alone: readonly string[]
  readonly valued: readonly string[]
  readonly operands?: number
  /** NAME=value before the program. */
  readonly takesVariables?: boolean
  /** Without a program it does something harmless of its own. */
  readonly mayBeBare?: boolean
}

const forms: Readonly<Record<string, WrapperForm>> = {
  env: {
    alone: ['-i', '--ignore-environment', '-', '-0', '--null', '-v', '--debug'],
    valued: ['-u', '--unset', '-C', '--chdir'],
    takesVariables: true,
    mayBeBare: true,
  },
  timeout: {
    alone: ['--foreground', '--preserve-status', '-v', '--verbose'],
    valued: ['-k', '--kill-after', '-s', '--signal'],
    operands: 1,
  },
  nice: { alone: [], valued: ['-n', '--adjustment'], mayBeBare: true },
  ionice: { alone: ['-t', '--ignore'], valued: ['-c', '--class', '-n', '--classdata'], mayBeBare: true },
  chrt: { alone: ['-b', '-f', '-i', '-o', '-r'], valued: [], operands: 1 },
  taskset: { alone: ['-c', '--cpu-list'], valued: [], operands: 1 },
  nohup: { alone: [], valued: [] },
  setsid: { alone: ['-c', '--ctty', '-f', '--fork', '-w', '--wait'], valued: [] },
  stdbuf: { alone: [], valued: ['-i', '-o', '-e', '--input', '--output', '--error'] },
  time: { alone: ['-p', '-v', '--verbose', '-q', '--quiet'], valued: ['-f', '--format'] },
  command: { alone: ['-p'], valued: [] },
  builtin: { alone: [], valued: [] },
  exec: { alone: ['-c', '-l'], valued: ['-a'], mayBeBare: true },
  flock: {
    alone: ['-s', '-x', '-e', '-n', '-o', '-u', '--shared', '--exclusive', '--nonblock', '--nb', '--close'],
    valued: ['-w', '--timeout', '--wait', '-E'],
    operands: 1,
  },
  sudo: {
    alone: ['-n', '-E', '-H', '-S', '-k', '-b', '--non-interactive', '--set-home', '--stdin'],
    valued: ['-u', '--user', '-g', '--group', '-p', '--prompt'],
    takesVariables: true,
  },
  busybox: { alone: [], valued: [] },
  toybox: { alone: [], valued: [] },
  nsenter: {
    alone: Array.from('amuinpCUTFreZ', letter => `-${letter}`).concat(
      'all mount uts ipc net pid cgroup user time no-fork root env preserve-credentials'.split(' ').map(name => `--${name}`),
    ),
    valued: ['-t', '--target', '-S', '--setuid', '-G', '--setgid'],
  },
  caffeinate: { alone: ['-i', '-s', '-d'], valued: [] },
  catchsegv: { alone: [], valued: [] },
}

const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'rbash'])

/** How a wrapper runs another program; null when the name is none. */
export function unwrap(name: string, args: readonly Argument[]): Behaviour | null {
  if (SHELLS.has(name)) return readShellCall(args)
  if (name === 'xargs') return readXargs(args)
  if (name === 'ssh') return readSsh(args)
  if (name === 'command' && (args[0] === '-v' || args[0] === '-V')) return plain
  if (name === 'sudo' && (args[0] === '-l' || args[0] === '-v')) return plain
  if (
    name === 'env' &&
    args.some(arg => arg?.startsWith('-S') === true || arg?.startsWith('--split') === true || /^-[a-z]*S/.test(arg ?? ''))
  ) {
    return doubt('env -S splits its argument by rules of its own')
  }
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined
  return form === undefined ? null : readForm(name, form, args)
}

function readForm(name: string, form: WrapperForm, args: readonly Argument[]): Behaviour {
  let at = 0
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? null
    if (arg === null) return doubt(`an argument of ${name} that is not known`)
    if (arg === '--') {
      at += 1
      break
    }
    if (!arg.startsWith('-') || (arg === '-' && !form.alone.includes('-'))) break
    if (form.alone.includes(arg)) continue
    if (form.valued.includes(arg)) {
      at += 1
      if (args[at] === undefined || args[at] === null) return doubt(`${name} ${arg} without a known value`)
      continue
    }
    const isAttached = form.valued.some(option =>
      option.startsWith('--') ? arg.startsWith(`${option}=`) : arg.startsWith(option) && arg.length > 2,
    )
    const isBundle = /^-[A-Za-z]+$/.test(arg) && Array.from(arg.slice(1)).every(letter => form.alone.includes(`-${letter}`))
    // Letters alone, and last one whose value is the next word.
    const isLed = /^-[A-Za-z]{2,}$/.test(arg) && Array.from(arg.slice(1, -1)).every(letter => form.alone.includes(`-${letter}`))
    if (isLed && !isBundle && form.valued.includes(`-${arg.at(-1) ?? ''}`)) {
      at += 1
      if (args[at] === undefined || args[at] === null) return doubt(`${name} ${arg} without a known value`)
      continue
    }
    const isNice = name === 'nice' && /^-\d+$/.test(arg)
    if (!isAttached && !isBundle && !isNice) return doubt(`${name} with ${arg}, which is not known here`)
  }
  for (let left = form.operands ?? 0; left > 0; left -= 1) {
    if (args[at] === undefined || args[at] === null) return doubt(`${name} without a known operand`)
    at += 1
  }
  if (form.takesVariables === true) {
    for (; /^[^=]+=/.test(args[at] ?? ''); at += 1) {
      const [variable = ''] = (args[at] ?? '').split('=', 1)
      if (GOVERNING_NAME.test(variable)) return doubt(`it sets ${variable}`)
    }
  }
  const argv = args.slice(at)
  if (argv.length > 0) {
    if (name === 'flock') return readLocked(args[at - 1] ?? '', argv)
    return { kind: 'runs', argv }
  }
  // A descriptor that the shell has opened.
  if (name === 'flock' && /^\d+$/.test(args[at - 1] ?? '')) return plain
  return form.mayBeBare === true ? plain : doubt(`${name} without a program`)
}

/** The file of the lock is made where there is none. A command line stands after -c, as for a shell. */
function readLocked(lock: string, argv: readonly Argument[]): Behaviour {
  const writes = /^\d+$/.test(lock) ? [] : [lock]
  if (argv[0] !== '-c' && argv[0] !== '--command') return { kind: 'runs', argv, writes }
  const [, text = null] = argv
  return text === null ? doubt('a shell text that is not known') : { kind: 'shell', text, writes }
}

/** `sh -c text`, `bash -lc text`: everything else reads a script that is not in the line. */
function readShellCall(args: readonly Argument[]): Behaviour {
  if (args.length === 1 && args[0] === '--version') return plain
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? null
    if (arg === null) return doubt('a shell with an argument that is not known')
    // -i reads start-up files of the user, -s the standard input; -l those of the login, as ssh does itself.
    if (/^-[eux]*o$/.test(arg) && ['pipefail', 'errexit', 'nounset'].includes(args[at + 1] ?? '')) {
      at += 1
      continue
    }
    if (!/^-[a-z]+$/.test(arg) || /[^celnuxfC]/.test(arg.slice(1))) break
    if (!arg.includes('c')) continue
    const text = args[at + 1] ?? null
    // Options may stand between -c and its text.
    return text === null || /^[-+]/.test(text) ? doubt('a shell text that is not known') : { kind: 'shell', text }
  }
  return doubt('a shell that reads a file or its input')
}

/** The text of a shell that is given one (`sh -c text`, `bash -lc text`); null for any other program. */
export function shellText([program = '', ...args]: readonly string[]): string | null {
  if (!SHELLS.has(program.slice(program.lastIndexOf('/') + 1))) return null
  const call = readShellCall(args)
  return call.kind === 'shell' ? call.text : null
}

function readXargs(args: readonly Argument[]): Behaviour {
  let at = 0
  let replaced: string | null = null
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? null
    if (arg === null) return doubt('an argument of xargs that is not known')
    if (arg === '--') {
      at += 1
      break
    }
    if (!arg.startsWith('-')) break
    if (/^-[0rtxp]+$/.test(arg) || /^-[0rtxp]*[nPLsdE]./.test(arg) || ['--null', '--no-run-if-empty', '--verbose'].includes(arg)) continue
    if (/^--(?:max-args|max-procs|max-lines|delimiter|max-chars)=/.test(arg)) continue
    if (/^-[0rtxp]*[nPLsdE]$/.test(arg)) {
      at += 1
      continue
    }
    if (/^-[0rtxp]*I$/.test(arg)) replaced = args[(at += 1)] ?? ''
    else if (/^-[0rtxp]*I./.test(arg)) replaced = arg.slice(arg.indexOf('I') + 1)
    else return doubt(`xargs with ${arg}, which is not known here`)
  }
  const argv = args.slice(at)
  const mark = replaced
  if (mark === '') return doubt('xargs with an empty mark')
  const program: readonly Argument[] = argv.length === 0 ? ['echo'] : argv
  // What comes from the input is not known: more words at the end, or in place of the mark.
  return { kind: 'runs', argv: mark === null ? [...program, null] : program.map(word => (word?.includes(mark) === true ? null : word)) }
}

/** ssh host command: the words are joined by blanks and read by a shell there. */
function readSsh(args: readonly Argument[]): Behaviour {
  let host: Argument | undefined
  let at = 0
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? null
    if (arg === null) return doubt('an argument of ssh that is not known')
    if (!arg.startsWith('-')) {
      // Options may stand behind the host too.
      if (host !== undefined) break
      host = arg
      continue
    }
    if (/^-[46AaCfKkNnqTtvXxYy]+$/.test(arg)) continue
    if (/^-[lpibceBm]$/.test(arg)) {
      at += 1
      continue
    }
    return doubt(`ssh with ${arg}, which is not known here`)
  }
  const words = args.slice(at)
  if (host === undefined || words.length === 0) return doubt('ssh opens a shell on another host')
  return words.includes(null) ? doubt('a command for another host that is not known') : { kind: 'shell', text: words.join(' ') }
}
