// What is wrong with a command line, told as every other error is: its number, what, and what to do.
import type { Command } from 'commander'

/** Makes a command, and those below it, tell mistakes in how they were called in our form. */
export function tellUsageErrors(command: Command, write: (text: string) => void): void {
  command.showHelpAfterError(false).configureOutput({ outputError: text => write(usageError(text, command)) })
  for (const below of command.commands) tellUsageErrors(below, write)
}

/** @param text of the library: `error: WHAT.`, and where it has a guess a line `(Did you mean GUESS?)`. */
function usageError(text: string, command: Command): string {
  const [, what = text.trim(), guess] = /^error: ([^]*?)\.?(?:\n\(Did you mean (.*)\?\))?\n$/.exec(text) ?? []
  const wantsFile = what.startsWith('too many arguments') && command.options.some(({ long }) => long === '--config')
  const ways = [
    ...(guess === undefined ? [] : [`did you mean ${guess}?`]),
    ...(wantsFile ? ['a policy file is named by --config FILE'] : []),
    `${nameOf(command)} --help says what there is`,
  ]
  return `SALLYPORT-E32 ${what}\n  fix: ${ways.join('; ')}\n`
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}
