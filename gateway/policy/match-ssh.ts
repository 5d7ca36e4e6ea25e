// Does the `ssh:` part of a rule take an ssh command? An allow rule must cover everything the command does; ask and deny
// need one thing in common. Where a text can be read in more than one way, allow reads it narrowly and deny widely.
import { UNKNOWN_WORDS } from '../core/command.ts'
import type { SshCommand } from '../core/command.ts'
import type { Glob } from './glob.ts'
import type { ArgvPattern, Outcome, SshPart } from './policy-file.ts'

/** `perhaps`: the line was not understood, and may hold what an ask or deny rule names. */
export type SshMismatch = 'certainty' | 'requests' | 'programs' | 'commands' | 'operations' | 'paths' | 'perhaps'

/** Requests whose content nobody can read; a rule takes them by naming them. */
const unreadable = new Set<SshCommand['request']>(['shell', 'forward', 'agent', 'x11'])
/** Folders a bare program name may stand for in an allow rule. */
const programFolders = /^(?:\/usr(?:\/local)?)?\/s?bin\//

/** What keeps the rule from taking a command, or null. */
export function sshMatcher(part: SshPart, outcome: Outcome): (command: SshCommand) => SshMismatch | null {
  const allows = outcome === 'allow'
  return command => {
    if (part.requests !== null && !part.requests.includes(command.request)) return 'requests'
    if (
      allows &&
      command.certainty !== 'parsed' &&
      !(unreadable.has(command.request) && part.requests?.includes(command.request) === true)
    ) {
      return 'certainty'
    }
    const isOpaque = command.request === 'exec' && command.certainty !== 'parsed'
    if (part.programs !== null && !covers(part.programs, command.programs, allows, programMatches)) return isOpaque ? 'perhaps' : 'programs'
    if (part.commands !== null && !covers(part.commands, command.argvs, allows, argvMatches)) return isOpaque ? 'perhaps' : 'commands'
    if (part.operations !== null && (command.operation === null || !part.operations.includes(command.operation))) return 'operations'
    if (part.paths !== null && !covers(part.paths, command.paths, allows, pathMatches)) return 'paths'
    return null
  }
}

/** Allow: there is something, and each is matched. Ask and deny: one is matched. */
function covers<Pattern, Thing>(
  patterns: readonly Pattern[],
  things: readonly Thing[],
  allows: boolean,
  matches: (pattern: Pattern, thing: Thing, allows: boolean) => boolean,
): boolean {
  const isMatched = (thing: Thing): boolean => patterns.some(pattern => matches(pattern, thing, allows))
  return allows ? things.length > 0 && things.every(isMatched) : things.some(isMatched)
}

/** A bare name is that program found by PATH or in a system folder; for ask and deny in any folder. */
function programMatches(pattern: Glob, program: string, allows: boolean): boolean {
  if (pattern.matches(program)) return true
  if (pattern.source.includes('/')) return false
  return (!allows || programFolders.test(program)) && pattern.matches(program.slice(program.lastIndexOf('/') + 1))
}

/**
 * Word by word. Words that are not known may be none or many, and any: to allow them takes an open end before which all words are known;
 * ask and deny rules are met when the known words before them are.
 */
export function argvMatches(pattern: ArgvPattern, argv: readonly string[], allows: boolean): boolean {
  const known = argv.indexOf(UNKNOWN_WORDS)
  if (known !== -1 && allows && !(pattern.isOpen && pattern.words.length <= known)) return false
  if (known !== -1 && !allows) {
    return (
      pattern.words.slice(0, known).every((word, index) => wordMatches(word, argv, index, allows)) &&
      (pattern.isOpen || pattern.words.length >= known)
    )
  }
  if (pattern.isOpen ? argv.length < pattern.words.length : argv.length !== pattern.words.length) return false
  return pattern.words.every((word, index) => wordMatches(word, argv, index, allows))
}

function wordMatches(word: Glob, argv: readonly string[], index: number, allows: boolean): boolean {
  const text = argv[index] ?? ''
  return index === 0 ? programMatches(word, text, allows) : word.matches(text)
}

/** A path that is not absolute and plain may lead anywhere: never allowed by a pattern, always met by ask and deny. */
function pathMatches(pattern: Glob, path: string, allows: boolean): boolean {
  const isPlain =
    path.startsWith('/') &&
    !path.split('/').some((part, index, parts) => part === '.' || part === '..' || (part === '' && index > 0 && index < parts.length - 1))
  return isPlain ? pattern.matches(path) : !allows
}
