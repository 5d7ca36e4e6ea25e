// How a `run:` script is started: GitHub's own shells with their options, or a command of one's own with `{0}` for the script.
import { randomUUID } from 'node:crypto'
import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

interface Shell {
  readonly command: string
  readonly extension: string
}

const shells: Readonly<Record<string, Shell>> = {
  bash: { command: 'bash --noprofile --norc -eo pipefail {0}', extension: '.sh' },
  sh: { command: 'sh -e {0}', extension: '.sh' },
  python: { command: 'python3 {0}', extension: '.py' },
}
const byDefault: Shell = { command: 'bash -e {0}', extension: '.sh' }

/** The command, with the script in a file of the job's user that only `remove` removes. The program is found by the step's PATH. */
export function shellCommand(
  shell: string | undefined,
  script: string,
  temp: string,
  owner: { uid: number; gid: number } | null,
): { file: string; args: string[]; remove: () => void } {
  const { command, extension } = shell === undefined ? byDefault : (shells[shell] ?? { command: shell, extension: '' })
  if (!command.includes('{0}')) throw new Error(`Invalid shell option. Shell must be a valid built-in or a format string containing '{0}'`)
  const file = path.join(temp, `${randomUUID()}${extension}`)
  writeFileSync(file, script)
  chmodSync(file, 0o644)
  if (owner !== null) chownSync(file, owner.uid, owner.gid)
  const [program = '', ...args] = command.split(/\s+/).map(word => word.replace('{0}', file))
  return { file: program, args, remove: () => rmSync(file, { force: true }) }
}
