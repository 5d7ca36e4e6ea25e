// The startup parameter `options`: words for the server's command line. Pure.
// Split as PostgreSQL's pg_split_opts does: blanks separate, a backslash takes the next character as it is.
import { WireError } from './wire-error.ts'

const MAX_OPTIONS = 100
const blank = /[ \t\n\v\f\r]/

/** The words of `options`, with backslash escapes resolved. */
export function splitOptions(text: string): readonly string[] {
  const words: string[] = []
  let word = ''
  let isInWord = false
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at)
    if (blank.test(letter)) {
      if (isInWord) words.push(word)
      word = ''
      isInWord = false
      continue
    }
    isInWord = true
    // A backslash at the very end stands for nothing, as in PostgreSQL.
    word += letter === '\\' ? text.charAt(++at) : letter
  }
  if (isInWord) words.push(word)
  if (words.length > MAX_OPTIONS) throw new WireError('too many startup options')
  return words
}

/**
 * The settings named by `options`: `-c name=value`, `-cname=value`, `--name=value`. Dashes in a long name become underscores.
 * @throws {WireError} on any other switch: it cannot be judged.
 */
export function readOptions(text: string): readonly (readonly [name: string, value: string])[] {
  const words = splitOptions(text)
  const settings: (readonly [string, string])[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '-c') settings.push(readSetting(words[++at] ?? ''))
    else if (word.startsWith('--')) settings.push(readSetting(word.slice(2)))
    else if (word.startsWith('-c')) settings.push(readSetting(word.slice(2)))
    else throw new WireError('startup options may only set parameters (-c name=value)')
  }
  return settings
}

function readSetting(assignment: string): readonly [string, string] {
  const equals = assignment.indexOf('=')
  if (equals <= 0) throw new WireError('a startup option is not name=value')
  return [assignment.slice(0, equals).replaceAll('-', '_'), assignment.slice(equals + 1)]
}
