// Turns what the schema found wrong into words with a place. Values are never quoted, except mistyped words of a known list.
import type * as z from 'zod'
import { didYouMean } from './closest.ts'
import type { Problems } from './problems.ts'
import type { Path } from './yaml-tree.ts'

type Issue = z.core.$ZodIssue

/** Adds one problem per issue. `value` is what was read, to tell a missing key from a wrong one. */
export function addShapeProblems(problems: Problems, issues: readonly Issue[], value: unknown, base: Path = []): void {
  for (const issue of issues) addIssue(problems, issue, [...base, ...issue.path], value)
}

function addIssue(problems: Problems, issue: Issue, path: Path, value: unknown): void {
  const found = valueAt(value, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      // The schema puts the known keys into the message.
      for (const key of issue.keys) {
        const known = issue.message.split(' ')
        const meant = didYouMean(key, known)
        problems.addAtKey([...path, key], `unknown key "${shown(key)}"${meant === '' ? `; known here: ${known.join(', ')}` : meant}`)
      }
      return
    case 'invalid_key':
      problems.addAtKey(path, issue.issues[0]?.message ?? 'this name cannot be used')
      return
    case 'invalid_union':
      addUnion(problems, issue, path, value)
      return
    case 'invalid_value':
      if (found === undefined) addMissing(problems, path)
      else problems.add(path, `${wrong(found)}${choices(issue.values, found)}`)
      return
    case 'invalid_type':
      if (found === undefined) addMissing(problems, path)
      else
        problems.add(
          path,
          `expected ${kindWords[issue.expected] ?? issue.expected}, found ${kindOf(found)}${quoteHint(issue.expected, found)}`,
        )
      return
    case 'too_small':
      problems.add(
        path,
        issue.origin === 'array' ? 'an empty list says nothing: leave the key out' : `too small or too short: at least ${issue.minimum}`,
      )
      return
    case 'too_big':
      problems.add(path, `too many, too large or too long: at most ${issue.maximum}`)
      return
    case 'invalid_format':
      problems.add(path, issue.message)
      return
    case 'invalid_element':
    case 'not_multiple_of':
    case 'custom':
      problems.add(path, 'this value cannot be used here')
  }
}

function addMissing(problems: Problems, path: Path): void {
  problems.add(path.slice(0, -1), `"${shown(String(path.at(-1)))}" is missing`)
}

/** The branch that fits the value's kind tells what is wrong; without one, the kinds that fit are named. */
function addUnion(problems: Problems, issue: Extract<Issue, { code: 'invalid_union' }>, path: Path, value: unknown): void {
  const found = valueAt(value, path)
  if ('discriminator' in issue && typeof issue.discriminator === 'string') {
    if (found === undefined) addMissing(problems, path)
    else problems.add(path, `${wrong(found)}${choices('options' in issue && Array.isArray(issue.options) ? issue.options : [], found)}`)
    return
  }
  const fitting = issue.errors.find(errors => !errors.some(error => error.path.length === 0 && doesNotFit(error, found)))
  if (fitting === undefined) problems.add(path, `${kindOf(found)} cannot stand here`)
  else addShapeProblems(problems, fitting, value, path)
}

function doesNotFit(issue: Issue, found: unknown): boolean {
  return issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof found !== 'string')
}

function wrong(found: unknown): string {
  return typeof found === 'string' ? `unknown word "${shown(found)}"` : `${kindOf(found)} cannot stand here`
}

function choices(values: readonly unknown[], found: unknown): string {
  const words = values.map(String)
  const meant = typeof found === 'string' ? didYouMean(found, words) : ''
  return meant === '' ? `; use ${words.join(', ')}` : meant
}

const kindWords: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
}

function kindOf(found: unknown): string {
  if (found === null) return 'nothing'
  if (Array.isArray(found)) return 'a list'
  if (typeof found === 'string') return 'text'
  if (typeof found === 'number') return 'a number'
  return typeof found === 'boolean' ? 'true or false' : 'a map of keys'
}

function quoteHint(expected: string, found: unknown): string {
  return expected === 'string' && (typeof found === 'number' || typeof found === 'boolean') ? '; put it in quotes' : ''
}

function shown(text: string): string {
  return text.slice(0, 60).replaceAll(/[^\x20-\x7E]/g, '?')
}

function valueAt(value: unknown, path: Path): unknown {
  let found = value
  for (const part of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Object.entries(found).find(([key]) => key === String(part))?.[1]
  }
  return found
}
