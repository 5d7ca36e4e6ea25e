// Programs that run others, or that do more than their name says: what has to be looked at besides the name.
// A list like this is never whole; a policy that allows few programs, and those by whole command lines, is the stronger one.
import { areKnown, doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'
import { readAwk } from './awk-call.ts'
import { readCurl, readWget } from './fetch-call.ts'
import { readGit } from './git-call.ts'
import { readKubectl } from './kubectl-call.ts'
import { GOVERNING_NAME } from './shell-word.ts'
import { systemReadings } from './system-calls.ts'
import { readTar } from './tar-call.ts'

type Read = (args: readonly Argument[]) => Behaviour

/** Options a program has that write, run or read commands; others pass. Bundled short options count. */
function without(short: string, long: RegExp | null, what: string): Read {
  return args => {
    if (!areKnown(args)) return doubt(`arguments of ${what} that are not known`)
    for (const arg of args) {
      if (arg === null || arg === '--') break
      if (
        arg.startsWith('--')
          ? long?.test(arg) === true
          : arg.startsWith('-') && Array.from(arg.slice(1)).some(letter => short.includes(letter))
      ) {
        return doubt(`${what} with ${arg.split('=')[0] ?? arg} writes or runs more than its name says`)
      }
    }
    return plain
  }
}

/** Doubted with an argument that matches. */
function unless(pattern: RegExp, what: string): Read {
  return args => {
    if (!areKnown(args)) return doubt(`arguments of ${what} that are not known`)
    return args.some(arg => pattern.test(arg)) ? doubt(`${what} with words by which it changes or runs something`) : plain
  }
}

/**
 * Doubted with more operands: one more is a place to write to.
 * @param valued letters of options whose value may be the next word.
 */
function operands(args: readonly Argument[], valued: string, most: number, what: string): Behaviour {
  if (!areKnown(args)) return doubt(what)
  let count = 0
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (arg === '--') return count + args.length - at - 1 > most ? doubt(what) : plain
    if (!arg.startsWith('-') || arg === '-') count += 1
    else if (arg.length === 2 && valued.includes(arg[1] ?? '')) at += 1
  }
  return count > most ? doubt(what) : plain
}

/** Packs or unpacks to its output; otherwise its files are replaced. */
function readPacker(args: readonly Argument[]): Behaviour {
  return areKnown(args) && args.some(arg => /^-[A-Za-z0-9]*[clt]|^--(?:stdout|to-stdout|list|test)$/.test(arg))
    ? plain
    : doubt('a program that replaces its files')
}

const names = /^[A-Za-z_][A-Za-z0-9_]*$/

export const readings: Readonly<Record<string, Read>> = {
  sort: without('oT', /^--(?:o|co|te)/, 'sort'),
  shuf: without('o', /^--o/, 'shuf'),
  tree: without('oR', null, 'tree'),
  curl: readCurl,
  wget: readWget,
  nc: without('ecC', /^--(?:e|sh|lua)/, 'nc'),
  ncat: without('ecC', /^--(?:e|sh|lua)/, 'ncat'),
  netcat: without('ecC', /^--(?:e|sh|lua)/, 'netcat'),
  tar: readTar,
  rsync: args =>
    args[0] === '--server' && areKnown(args)
      ? plain
      : !areKnown(args) ||
          args.some(arg => /^--(?:rsh|rsync-path|daemon|config|dparam|remote-opt|log-file|write-batch|only-write)|^-[^-]*[eM]/.test(arg))
        ? doubt('rsync with options that can run programs')
        : plain,
  scp: args =>
    !areKnown(args) || args.some(arg => /^-[A-Za-z0-9]*[SoFJD]/.test(arg ?? '')) ? doubt('scp with options that can run programs') : plain,
  sftp: () => doubt('sftp reads commands'),
  uniq: args => operands(args, 'fsw', 1, 'uniq with an output file'),
  sed: readSed,
  awk: readAwk,
  gawk: readAwk,
  mawk: readAwk,
  nawk: readAwk,
  find: readFind,
  git: readGit,
  kubectl: readKubectl,
  xxd: args =>
    args.some(arg => arg?.startsWith('-r') === true) ? doubt('xxd -r writes') : operands(args, 'cglnos', 1, 'xxd with an output file'),
  iconv: unless(/^(?:-o.*|--o.*)$/, 'iconv'),
  yq: unless(/^(?:-[A-Za-z]*i.*|--in.*|-s.*|--split.*)$/, 'yq'),
  split: () => doubt('split writes files'),
  csplit: () => doubt('csplit writes files'),
  gzip: readPacker,
  gunzip: readPacker,
  bzip2: readPacker,
  bunzip2: readPacker,
  xz: readPacker,
  unxz: readPacker,
  zstd: readPacker,
  unzstd: readPacker,
  lz4: readPacker,
  // By one option each they run others, or write.
  rg: unless(/^--(?:pre|hostname-bin)/, 'rg'),
  fd: unless(/^(?:-[A-Za-z]*[xX].*|--exec.*)$/, 'fd'),
  fdfind: unless(/^(?:-[A-Za-z]*[xX].*|--exec.*)$/, 'fdfind'),
  install: unless(/^--st/, 'install'),
  file: unless(/^(?:-[A-Za-z]*C|--co.*)$/, 'file'),
  diff3: unless(/^--d/, 'diff3'),
  nm: unless(/^--p/, 'nm'),
  objdump: unless(/^--p/, 'objdump'),
  ar: unless(/^--p/, 'ar'),
  size: unless(/^--p/, 'size'),
  xmllint: unless(/^--(?:sh|o)/, 'xmllint'),
  jobs: without('x', null, 'jobs'),
  history: () => doubt('history writes files'),
  ...systemReadings,
  tee: args => {
    if (!areKnown(args)) return doubt('tee with an unknown file')
    const end = args.indexOf('--')
    const paths = args.filter(arg => arg !== null).filter((arg, at) => !arg.startsWith('-') || arg === '-' || (end !== -1 && at > end))
    return paths.length === 0 ? plain : { kind: 'writes', paths }
  },
  dd: args => {
    if (!areKnown(args)) return doubt('dd with an unknown file')
    const paths = args.flatMap(arg => (arg.startsWith('of=') ? [arg.slice(3)] : []))
    return paths.length === 0 ? plain : { kind: 'writes', paths }
  },
  // Builtins that set names, or look into them: an index is evaluated.
  // The last word may be several where it is not known: a bracket behind it would say that it is one.
  test: args => readTest(args, true),
  '[': args => readTest(args.slice(0, -1), args.at(-1) === ']'),
  printf: args => {
    const [first, name] = args
    if (first === null) return doubt('printf with a format that is not known')
    if (first?.startsWith('-v') !== true) return plain
    return first === '-v' && name !== null && name !== undefined ? readNames([name]) : doubt('printf into a name that is evaluated')
  },
  read: readNames,
  unset: readNames,
  export: readNames,
  readonly: readNames,
  local: readNames,
  declare: readNames,
  typeset: readNames,
  getopts: () => doubt('getopts sets names'),
  wait: without('p', null, 'wait'),
  set: args =>
    !areKnown(args) || args.some(arg => !/^-[euxfo]+$|^\+[eux]+$|^(?:errexit|nounset|pipefail|xtrace)$/.test(arg ?? ''))
      ? doubt('set changes how the line is read')
      : plain,
}

/** `-v NAME` evaluates an index in the name, so an unknown word may stand only where it cannot become an operator. */
function readTest(args: readonly Argument[], isClosed: boolean): Behaviour {
  if (args.some(arg => arg === '-v' || arg === '-R')) return doubt('test of a name evaluates its index')
  if (areKnown(args) && isClosed) return plain
  const words = args[0] === '!' ? args.slice(1) : args
  const [first, second] = words
  const isUnary = words.length === 2 && first !== null
  const isBinary = words.length === 3 && second !== null && /^(?:==?|!=|-(?:eq|ne|lt|le|gt|ge|nt|ot|ef))$/.test(second ?? '')
  return isClosed && (isUnary || isBinary || words.length === 1) ? plain : doubt('a test whose operator is not known')
}

function readNames(args: readonly Argument[]): Behaviour {
  for (const arg of args) {
    if (arg === null) return doubt('a name that is not known')
    if (/^-[xrsp]+$/.test(arg)) continue
    const [name = ''] = arg.split('=', 1)
    if (!names.test(name)) return doubt('a name that is evaluated')
    if (GOVERNING_NAME.test(name)) return doubt(`it sets ${name}`)
  }
  return plain
}

/** Scripts of addresses with p, d, q, = and of s without e and w. */
function readSed(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('a sed script that is not known')
  const scripts: string[] = []
  let hasScript = false
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (/^-[nErsuz]+$/.test(arg) || ['--quiet', '--silent', '--regexp-extended', '--posix', '--debug'].includes(arg)) continue
    if (/^-[nErsuz]*e$/.test(arg)) {
      scripts.push(args[(at += 1)] ?? '')
      hasScript = true
    } else if (arg.startsWith('-') && arg !== '-') return doubt(`sed with ${arg}`)
    else if (!hasScript) {
      scripts.push(arg)
      hasScript = true
    }
  }
  const step = String.raw`(?:(?:\d+|\$|/[^/\\]*/)(?:,(?:\d+|\$|/[^/\\]*/))?!?)?(?:[pdq=]|s([/|,#])(?:(?!\1)[^\\\n]|\\[^\n])*\1(?:(?!\1)[^\\\n]|\\[^\n])*\1[gipI0-9]*)`
  return scripts.every(script => script.split(/[;\n]/).every(part => new RegExp(`^\\s*(?:${step})?\\s*$`).test(part)))
    ? plain
    : doubt('a sed script that can write or run')
}

const FIND_RUNS = new Set(['-exec', '-execdir', '-ok', '-okdir'])

function readFind(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('arguments of find that are not known')
  const argvs: string[][] = []
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (/^-(?:delete|fprint.*|fls|files0-from)$/.test(arg)) return doubt(`find with ${arg}`)
    if (!FIND_RUNS.has(arg)) continue
    const argv: string[] = []
    for (at += 1; at < args.length && args[at] !== ';' && !(args[at] === '+' && argv.at(-1) === '{}'); at += 1) argv.push(args[at] ?? '')
    argvs.push(argv)
  }
  // A file's name in place of {} may be anything.
  return argvs.length === 0 ? plain : { kind: 'runs-each', argvs: argvs.map(argv => argv.map(word => (word.includes('{}') ? null : word))) }
}
