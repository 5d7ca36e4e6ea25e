// The text of a user's ssh configuration with the pieces of runs in it: what is theirs, what is the user's, and how both stand in one file.
// One run is one Include. Runs beside each other may know the same host: then each is first asked whether it is meant. Pure.

/** One run that has its hosts in the file. */
export interface ConfiguredRun {
  /** The configuration that is included. */
  readonly file: string
  /** By what a process shows that it belongs to the run; null when the file does not say. */
  readonly sign: RunSign | null
}

/** A variable of the job that ends with the port of a door. */
export interface RunSign {
  readonly variable: string
  readonly port: number
}

export interface SshConfigText {
  /** Files of the runs, the one that began last first. */
  readonly runs: readonly string[]
  /** What was made for runs, and goes with the last of them. */
  readonly made: 'nothing' | 'file' | 'folder'
  /** Every byte that is not of a run. */
  readonly rest: string
}

const MADE = { nothing: '', file: ' (made for it)', folder: ' (made for it, with its folder)' } as const
const PIECE =
  /# begin sallyport( \(made for it(, with its folder)?\))?: for this run only\n(?:Match exec "[^"\n]*"\n)?Include "([^"\n]+)"\n(?:Match all\n)?# end sallyport\n/g

export function readSshConfigText(text: string): SshConfigText {
  const runs: string[] = []
  let made: SshConfigText['made'] = 'nothing'
  const rest = text.replaceAll(PIECE, (_, isMade: string | undefined, withFolder: string | undefined, file: string) => {
    if (!runs.includes(file)) runs.push(file)
    if (isMade !== undefined) made = withFolder === undefined ? 'file' : 'folder'
    return ''
  })
  return { runs, made, rest }
}

/** A run alone is a plain Include. Several: first those by which a process says where it belongs, then all for those that say nothing. */
export function writeSshConfigText(runs: readonly ConfiguredRun[], made: SshConfigText['made'], rest: string): string {
  const asked = runs.length < 2 ? [] : runs.flatMap(({ file, sign }) => (sign === null ? [] : [pieceOf(file, '', sign)]))
  // What was made is remembered by the last piece: the first to come, and often the last to go.
  const plain = runs.map(({ file }, index) => pieceOf(file, index === runs.length - 1 ? MADE[made] : '', null))
  return [...asked, ...plain, rest].join('')
}

/** The first value counts in ssh_config, so a run that is meant is read before the others. The shell is sh, whatever the user's own is. */
function pieceOf(file: string, made: string, sign: RunSign | null): string {
  const include = `Include "${file}"\n`
  const lines =
    sign === null
      ? include
      : `Match exec "/bin/sh -c 'case $${sign.variable} in *:${sign.port}) ;; *) exit 1 ;; esac'"\n${include}Match all\n`
  return `# begin sallyport${made}: for this run only\n${lines}# end sallyport\n`
}
