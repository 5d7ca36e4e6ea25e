// Programs that run others, or that do more than their name says: what has to be looked at besides the name.
// A list like this is never whole; a policy that allows few programs, and those by whole command lines, is the stronger one.
import { GOVERNING_NAME } from './shell-word.ts'

/** How an argument is written. `null` = not known. */
export type Argument = string | null

/** What a program does with its arguments, as far as it is known. */
export type Behaviour =
  | { readonly kind: 'plain' }
  /** Runs the rest, a program with its arguments. */
  | { readonly kind: 'runs'; readonly argv: readonly Argument[] }
  /** Runs several. */
  | { readonly kind: 'runs-each'; readonly argvs: readonly (readonly Argument[])[] }
  /** Runs a text as a shell would. */
  | { readonly kind: 'shell'; readonly text: string }
  | { readonly kind: 'writes'; readonly paths: readonly string[] }
  | { readonly kind: 'doubt'; readonly reason: string }

export const plain: Behaviour = { kind: 'plain' }

export function doubt(reason: string): Behaviour {
  return { kind: 'doubt', reason }
}

/** Run code that stands in a file, on standard input or in an argument of a language of their own, or start whatever their user likes. */
export const INTERPRETERS = new Set(
  `python python2 python3 perl ruby node nodejs deno bun php lua luajit tclsh wish expect R Rscript julia ghci guile racket
  vi vim nvim view ex ed emacs nano pico joe less more most man info gdb lldb strace ltrace perf valgrind script screen tmux watch parallel
  su runuser chroot unshare nsenter setpriv systemd-run at batch crontab socat make gmake cmake ninja ant mvn gradle rake npm npx pnpm yarn
  pip pip3 cargo go gcc g++ cc ld as m4 bc dc sqlite3 psql mysql mongo redis-cli ftp lftp telnet docker podman nerdctl ctr crictl
  ansible ansible-playbook terraform pkexec doas start-stop-daemon daemonize fakeroot proot dbus-run-session logrotate run-parts
  eval source . trap alias unalias enable hash bind complete compgen compopt fc let shopt mapfile readarray openssl
  gpg dpkg rpm apt apt-get aptitude yum dnf zypper snap flatpak pacman apk visudo vipw vigr crash ssh-agent ssh-keygen zsh fish csh tcsh
  busctl dbus-send gdbus xdg-open mail mailx mutt sendmail nmap tcpdump zip rlwrap stap bpftrace capsh sg newgrp
  rvim rview vimdiff byebug irb pry cpio rpmbuild debugfs setarch linux32 linux64 i386 x86_64 torify proxychains sshpass autossh mosh
  rsh rlogin rexec pdsh pssh dsh prlimit choom uclampset numactl cgexec systemd-inhibit systemd-cat unbuffer chpst softlimit setlock envdir
  setuidgid envuidgid tini dumb-init gosu su-exec xvfb-run faketime eatmydata fakechroot firejail bwrap timelimit chronic ifne pee zrun vipe vidir entr
  pipexec dtach abduco unzip 7z lua5.4 pwsh`
    .split(/\s+/)
    .filter(name => name !== ''),
)

type Read = (args: readonly Argument[]) => Behaviour

/** Whether any argument is unknown: then options may hide in it. */
function isUnknown(args: readonly Argument[]): boolean {
  return args.includes(null)
}

/** Options a program has that write, run or read commands; others pass. Bundled short options count. */
function without(short: string, long: RegExp | null, what: string): Read {
  return args => {
    if (isUnknown(args)) return doubt(`arguments of ${what} that are not known`)
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

/**
 * Doubted with an argument that matches.
 * @param from the first argument that is looked at.
 * @param most arguments that are no options; more of them are a place to write to.
 */
function unless(pattern: RegExp, what: string, from = 0, most = Number.POSITIVE_INFINITY): Read {
  return args => {
    if (isUnknown(args)) return doubt(`arguments of ${what} that are not known`)
    const isChange = args.slice(Math.max(0, from - 1)).some(arg => pattern.test(arg ?? ''))
    return isChange || args.filter(arg => !(arg ?? '').startsWith('-')).length > most
      ? doubt(`${what} with words by which it changes or runs something`)
      : plain
  }
}

const names = /^[A-Za-z_][A-Za-z0-9_]*$/

export const readings: Readonly<Record<string, Read>> = {
  sort: without('oT', /^--(?:o|co|te)/, 'sort'),
  shuf: without('o', /^--o/, 'shuf'),
  tree: without('oR', null, 'tree'),
  curl: without('oOKTJDcCdFEHxXuQ:', /^--(?!silent$|show-error$|fail$|location$|head$|max-time|connect-timeout|compressed$)/, 'curl'),
  wget: () => doubt('wget writes files'),
  nc: without('ecC', /^--(?:e|sh|lua)/, 'nc'),
  ncat: without('ecC', /^--(?:e|sh|lua)/, 'ncat'),
  netcat: without('ecC', /^--(?:e|sh|lua)/, 'netcat'),
  date: without('s', /^--s/, 'date'),
  tar: args =>
    isUnknown(args) || args.some(arg => /^--(?:ch.*-a|to-c|use-c|rsh|rmt|info-s|new-v|i)|^-[A-Za-z]*[IF]/.test(arg ?? ''))
      ? doubt('tar with options that can run programs')
      : plain,
  rsync: args =>
    args[0] === '--server' && !isUnknown(args)
      ? plain
      : isUnknown(args) || args.some(arg => /^--(?:rsh|rsync-path|daemon|config|dparam)|^-[A-Za-z]*e/.test(arg ?? ''))
        ? doubt('rsync with options that can run programs')
        : plain,
  scp: args =>
    isUnknown(args) || args.some(arg => /^-[A-Za-z0-9]*[SoFJD]/.test(arg ?? '')) ? doubt('scp with options that can run programs') : plain,
  sftp: () => doubt('sftp reads commands'),
  uniq: args =>
    isUnknown(args) || args.filter(arg => !(arg ?? '').startsWith('-')).length > 1 ? doubt('uniq with an output file') : plain,
  sed: readSed,
  awk: readAwk,
  gawk: readAwk,
  mawk: readAwk,
  nawk: readAwk,
  find: readFind,
  git: readGit,
  kubectl: readKubectl,
  ip: unless(/^(?:exec|-b.*|-force|a|ad|add|d|de|del|delete|s|se|set|c|ch|change|r|rep|replace|f|fl|flush|app?e?n?d?)$/, 'ip', 2),
  systemctl: unless(
    /^(?:edit|link|set-environment|import-environment|unset-environment|poweroff|reboot|halt|kexec|soft-reboot|suspend|hibernate|hybrid-sleep|suspend-then-hibernate|emergency|rescue|default|isolate|switch-root|exit|-H.*|--host.*|-M.*|--machine.*|--root.*|--image.*)$/,
    'systemctl',
  ),
  journalctl: unless(/^--(?:v|ro|fl|sy|re|set|up|cu|im|D|dir|fi|root|ima)/, 'journalctl'),
  hostname: unless(/^(?:[^-].*|-F.*|--file.*|-b|--boot)$/, 'hostname'),
  hostnamectl: unless(/^(?!status$|--)/, 'hostnamectl'),
  timedatectl: unless(/^(?!status$|show$|list-timezones$|--)/, 'timedatectl'),
  dmesg: unless(/^-[A-Za-z]*[CcDEn]|^--(?:cl|read-cl|console)/, 'dmesg'),
  sysctl: unless(/=|^-[A-Za-z]*[wpf]|^--(?:w|l|s)/, 'sysctl'),
  ss: unless(/^-[A-Za-z0-9]*K|^--k/, 'ss'),
  mount: args => (/^(?:-l)?(?:-t [a-z0-9]+)?$/.test(args.join(' ')) ? plain : doubt('mount changes what a path means')),
  iptables: readFirewall,
  ip6tables: readFirewall,
  xxd: unless(/^-r/, 'xxd', 0, 1),
  iconv: unless(/^(?:-o.*|--o.*)$/, 'iconv'),
  yq: unless(/^(?:-[A-Za-z]*i.*|--in.*|-s.*|--split.*)$/, 'yq'),
  split: () => doubt('split writes files'),
  csplit: () => doubt('csplit writes files'),
  gzip: args =>
    isUnknown(args) || !args.some(arg => /^-[a-z]*[clt]|^--(?:stdout|list|test)$/.test(arg ?? ''))
      ? doubt('gzip replaces its files')
      : plain,
  tee: args => {
    if (isUnknown(args)) return doubt('tee with an unknown file')
    const paths = args.filter(arg => arg !== null).filter(arg => !arg.startsWith('-') || arg === '-')
    return paths.length === 0 ? plain : { kind: 'writes', paths }
  },
  dd: args => {
    if (isUnknown(args)) return doubt('dd with an unknown file')
    const paths = args.flatMap(arg => (arg?.startsWith('of=') === true ? [arg.slice(3)] : []))
    return paths.length === 0 ? plain : { kind: 'writes', paths }
  },
  // Builtins that set names, or look into them: an index is evaluated.
  test: readTest,
  '[': readTest,
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
    isUnknown(args) || args.some(arg => !/^-[euxf]+$|^-o$|^\+[eux]+$|^(?:errexit|nounset|pipefail|xtrace)$/.test(arg ?? ''))
      ? doubt('set changes how the line is read')
      : plain,
}

/** `-v NAME` evaluates an index in the name, so an unknown word may stand only where it cannot become an operator. */
function readTest(args: readonly Argument[]): Behaviour {
  if (args.some(arg => arg === '-v' || arg === '-R')) return doubt('test of a name evaluates its index')
  if (!isUnknown(args)) return plain
  const isClosed = args.at(-1) === ']'
  const words = (isClosed ? args.slice(0, -1) : args).slice(args[0] === '!' ? 1 : 0)
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
  if (isUnknown(args)) return doubt('a sed script that is not known')
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

/** A program in the first operand, without pipes, redirections, files and calls that run. */
function readAwk(args: readonly Argument[]): Behaviour {
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
  // Literals are taken out first: a regular expression stands where a value could, a division does not.
  const bare = program
    .replaceAll(/"(?:[^"\\]|\\.)*"/gs, '""')
    .replaceAll(/(^|[({,!~&|;\n}])(\s*)\/(?:[^/\\\n]|\\.)+\//g, '$1$2@regex')
    .replaceAll('@regex', ' R ')
    .replaceAll('||', ' ')
  return /[|>@]|\b(?:system|getline|close|fflush|printf?\s*\(.*\)\s*>)\b/.test(bare) ||
    /["/]/.test(bare.replaceAll('""', '').replaceAll(/([\w)\]])\s*\//g, '$1 '))
    ? doubt('an awk program that can write or run')
    : plain
}

/** Lists rules, and changes none. */
function readFirewall(args: readonly Argument[]): Behaviour {
  const looks =
    args.some(arg => /^-[nvxt]*[LS][nvx]*$|^--list/.test(arg ?? '')) &&
    !args.some(arg => arg === null || /^-[ACDEFINPRXZ]|^--(?!list|line|num|verb|exact|table)/.test(arg))
  return looks ? plain : doubt('iptables with words by which it changes rules')
}

const FIND_RUNS = new Set(['-exec', '-execdir', '-ok', '-okdir'])

function readFind(args: readonly Argument[]): Behaviour {
  if (isUnknown(args)) return doubt('arguments of find that are not known')
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

/** Commands of git that look, with the options by which some of them change something after all. */
const GIT_LOOKS: Readonly<Record<string, RegExp | null>> = {
  status: null,
  log: null,
  show: null,
  diff: null,
  'diff-tree': null,
  'rev-parse': null,
  'rev-list': null,
  'ls-files': null,
  'ls-tree': null,
  'cat-file': null,
  describe: null,
  blame: null,
  shortlog: null,
  'merge-base': null,
  'for-each-ref': null,
  'show-ref': null,
  'count-objects': null,
  'check-ignore': null,
  whatchanged: null,
  version: null,
  branch: /^(?!-(?:a|r|v|vv|l)$|--(?:list|all|remotes|show-current|contains|merged|no-merged|verbose|sort=))/,
  tag: /^(?!-(?:l|n\d*)$|--(?:list|contains|points-at|sort=))/,
  remote: /^(?!-v$|--verbose$)/,
  stash: /^(?!list$|show$)/,
  config: /^(?!--(?:get|get-all|list|show-origin|global|local|system)$|-l$|[a-z]+\.[a-z.]+$)/i,
  reflog: /^(?!show$|HEAD$)/,
}
const GIT_RUNS = /^(?:-O.+|--open-files.*|--ext-diff|--textconv|--filters|--upload-pack.*|--exec.*|--output.*|--receive-pack.*)$/

function readGit(args: readonly Argument[]): Behaviour {
  const [first, ...more] = args
  if (first === undefined || first === '--version' || first === '--help') return plain
  if (isUnknown(args)) return doubt('arguments of git that are not known')
  if (args.includes('--help') && /^[a-z-]+$/.test(first ?? '')) return plain
  if (first === null || first.startsWith('-')) return doubt('options before the command of git can run programs')
  const changes = Object.hasOwn(GIT_LOOKS, first) ? GIT_LOOKS[first] : undefined
  if (changes === undefined) return doubt(`git ${first} changes something, or runs hooks and helpers`)
  if (more.some(arg => GIT_RUNS.test(arg ?? ''))) return doubt('options of git that can run programs or write')
  // Two words to config set the second.
  const isSet =
    changes !== null &&
    (more.some(arg => changes.test(arg ?? '')) || (first === 'config' && more.filter(arg => !arg?.startsWith('-')).length > 1))
  return isSet ? doubt(`git ${first} with words by which it changes something`) : plain
}

function readKubectl(args: readonly Argument[]): Behaviour {
  const verb = args.find(arg => arg === null || !arg.startsWith('-'))
  if (isUnknown(args)) return doubt('arguments of kubectl that are not known')
  // A configuration names programs that are run for a login.
  if (args.some(arg => arg?.startsWith('--kubeconfig') === true)) return doubt('kubectl with a configuration of its own')
  if (verb === 'exec') {
    const at = args.indexOf('--')
    return at === -1 ? doubt('kubectl exec without --') : { kind: 'runs', argv: args.slice(at + 1) }
  }
  return verb !== undefined &&
    ['get', 'describe', 'version', 'logs', 'top', 'api-resources', 'api-versions', 'explain', 'cluster-info'].includes(verb ?? '')
    ? plain
    : doubt(`kubectl ${verb ?? ''} changes or runs something`)
}
