// A command as people may read it, in the recording and in a request: patterns masked, password literals hidden.
// The bytes that run are untouched; nothing here tells the length of what it hides.
import type { Command } from '../core/command.ts'
import type { Masker } from '../core/masker.ts'
import { hidePasswords } from './password-literal.ts'

export interface Readable {
  readonly command: Command
  /** How many places were hidden; an approver is told. */
  readonly hidden: number
}

/** The command with text, resources and values masked by the session's patterns. Returns the same object when nothing was found. */
export function readableCommand(command: Command, masker: Masker): Readable {
  let hidden = 0
  const mask = (text: string): string => {
    if (masker.text === null) return text
    const masked = masker.text.apply(text)
    for (const times of masked.found.values()) hidden += times
    return masked.text
  }
  const passwords = command.protocol === 'postgres' ? hidePasswords(command.text) : { text: command.text, found: 0 }
  hidden += passwords.found
  const text = mask(passwords.text)
  const resources = command.resources.map(mask)
  const doubt = withoutQuote(command.doubt)
  switch (command.protocol) {
    case 'postgres': {
      // A bound value has no name of its own: where the statement sets a password, all of them are hidden.
      const values = command.values.map(value =>
        value === null ? null : hidesValues(command.text) ? (hidden++, HIDDEN_VALUE) : mask(value),
      )
      return hidden === 0 ? { command, hidden } : { command: { ...command, text, doubt, resources, values }, hidden }
    }
    case 'ssh': {
      const paths = command.paths.map(mask)
      const argvs = command.argvs.map(argv => argv.map(mask))
      return hidden === 0 ? { command, hidden } : { command: { ...command, text, doubt, resources, paths, argvs }, hidden }
    }
    case 'kubernetes': {
      const argv = command.argv.map(mask)
      const argvs = command.argvs.map(words => words.map(mask))
      return hidden === 0 ? { command, hidden } : { command: { ...command, text, doubt, resources, argv, argvs }, hidden }
    }
  }
}

/** A doubt may quote the command: where something in it is hidden, the quoted part is left out, whatever it is. */
function withoutQuote(doubt: string | null): string | null {
  return doubt === null ? null : doubt.replace(/ at or near ".*$/s, '')
}

const HIDDEN_VALUE = '[password]'

function hidesValues(text: string): boolean {
  return /\bpassword\b[\s=]*\$\d/i.test(text)
}
