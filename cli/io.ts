// How a command of the cli speaks: data on stdout, words on stderr. Commands never touch `process` themselves.

export interface Io {
  stdout(text: string): void
  stderr(text: string): void
  /** Standard output is a terminal that wants colours and progress. */
  readonly isTty: boolean
  readonly environment: Readonly<Record<string, string>>
}

/** The real process. A closed pipe (`| head`) ends quietly. */
export function processIo(): Io {
  process.stdout.on('error', error => {
    process.exit('code' in error && error.code === 'EPIPE' ? 0 : 125)
  })
  // Words that nobody reads any more must not end a command that is under way.
  process.stderr.on('error', () => undefined)
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) environment[name] = value
  return {
    stdout: text => process.stdout.write(text),
    stderr: text => process.stderr.write(text),
    isTty: process.stdout.isTTY && environment['NO_COLOR'] === undefined && environment['CI'] === undefined,
    environment,
  }
}
