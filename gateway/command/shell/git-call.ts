// git: commands that look, with the options by which some of them change something after all. Everything else runs hooks and helpers.
import { areKnown, doubt, mayMean, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'

/** Words after a command that leave it a look; null = all of them. */
const LOOKS: Readonly<Record<string, RegExp | null>> = {
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
  branch: /^(?:-(?:a|r|v|vv|l)|--(?:list|all|remotes|show-current|contains|merged|no-merged|verbose|sort=.*))$/,
  tag: /^(?:-(?:l|n\d*)|--(?:list|contains|points-at|sort=.*))$/,
  remote: /^(?:-v|--verbose)$/,
  stash: /^(?:list|show)$/,
  config: /^(?:--(?:get|get-all|list|show-origin|global|local|system)|-l|[a-z]+\.[a-z.]+)$/i,
  reflog: /^(?:show|HEAD)$/,
}
const RUNNING = ['open-files-in-pager', 'ext-diff', 'textconv', 'filters', 'upload-pack', 'exec', 'output', 'receive-pack']

export function readGit(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('arguments of git that are not known')
  let at = 0
  for (; args[at] === '-C' || args[at] === '--no-pager'; at += args[at] === '-C' ? 2 : 1);
  const [first, ...more] = args.slice(at)
  if (first === undefined || first === '--version' || first === '--help') return plain
  if (first.startsWith('-')) return doubt('options before the command of git can run programs')
  // Nowhere else it is a call for help: `git submodule foreach PROGRAM --help` runs the program.
  if (more.length === 1 && more[0] === '--help' && /^[a-z-]+$/.test(first)) return plain
  const looks = Object.hasOwn(LOOKS, first) ? LOOKS[first] : undefined
  if (looks === undefined) return doubt(`git ${first} changes something, or runs hooks and helpers`)
  if (more.some(arg => mayMean(arg, RUNNING, ['text']) || /^-O./.test(arg))) return doubt('options of git that can run programs or write')
  return looks === null || isLook(first, more, looks) ? plain : doubt(`git ${first} with words by which it changes something`)
}

function isLook(command: string, more: readonly string[], looks: RegExp): boolean {
  const [option = '', ...words] = more
  // After --list words are patterns; of a remote an address is asked for.
  if (['branch', 'tag'].includes(command) && ['-l', '--list'].includes(option))
    return words.every(word => !word.startsWith('-') || looks.test(word))
  if (command === 'remote' && option === 'get-url') return words.length === 1 && words.every(word => !word.startsWith('-'))
  // Two words to config set the second.
  return more.every(arg => looks.test(arg)) && (command !== 'config' || more.filter(arg => !arg.startsWith('-')).length < 2)
}
