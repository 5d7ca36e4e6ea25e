// The files by which a step speaks to the runner: GITHUB_ENV, GITHUB_OUTPUT, GITHUB_STATE (name=value or heredoc) and GITHUB_PATH (lines).
import { randomUUID } from 'node:crypto'
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const kinds = { env: 'set_env', output: 'set_output', state: 'save_state', path: 'add_path', summary: 'step_summary' } as const

/** What one step wrote. */
export interface Written {
  readonly env: ReadonlyMap<string, string>
  readonly output: ReadonlyMap<string, string>
  readonly state: ReadonlyMap<string, string>
  readonly path: readonly string[]
  readonly summary: string
  /** What the runner refuses, in its own words; one of these fails the step. */
  readonly errors: readonly string[]
}

/** The files of one step: made before it, read and removed after it. */
export interface CommandFiles {
  readonly variables: Readonly<Record<string, string>>
  readBack(): Written
}

/** Makes fresh files, owned by the job's user, below `_runner_file_commands` of the runner's temporary folder. */
export function makeCommandFiles(temp: string, owner: { uid: number; gid: number } | null): CommandFiles {
  const folder = path.join(temp, '_runner_file_commands')
  mkdirSync(folder, { recursive: true })
  if (owner !== null) chownSync(folder, owner.uid, owner.gid)
  const files = Object.fromEntries(Object.entries(kinds).map(([kind, prefix]) => [kind, path.join(folder, `${prefix}_${randomUUID()}`)]))
  for (const file of Object.values(files)) {
    writeFileSync(file, '', { mode: 0o644 })
    if (owner !== null) chownSync(file, owner.uid, owner.gid)
  }
  const names = { env: 'GITHUB_ENV', output: 'GITHUB_OUTPUT', state: 'GITHUB_STATE', path: 'GITHUB_PATH', summary: 'GITHUB_STEP_SUMMARY' }
  return {
    variables: Object.fromEntries(Object.entries(names).map(([kind, name]) => [name, files[kind] ?? ''])),
    readBack: () => {
      const errors: string[] = []
      const pairs = (kind: 'env' | 'output' | 'state'): Map<string, string> => {
        try {
          return readPairs(readFileSync(files[kind] ?? '', 'utf8'))
        } catch (error) {
          errors.push(`Unable to process file command '${kind}' successfully. ${(error as Error).message}`)
          return new Map()
        }
      }
      const env = pairs('env')
      // The one variable that GitHub's runner keeps steps from setting for others.
      if (env.delete('NODE_OPTIONS')) errors.push(`Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.`)
      const written = {
        env,
        output: pairs('output'),
        state: pairs('state'),
        path: linesOf(readFileSync(files['path'] ?? '', 'utf8')),
        summary: readFileSync(files['summary'] ?? '', 'utf8'),
        errors,
      }
      for (const file of Object.values(files)) rmSync(file, { force: true })
      return written
    },
  }
}

/** `name=value`, or `name<<END` followed by lines up to `END`. @throws {Error} for any other line, like the runner. */
export function readPairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>()
  const lines = text.split(/\r?\n/)
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    if (line === '') continue
    const equals = line.indexOf('=')
    const heredoc = line.indexOf('<<')
    if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
      const delimiter = line.slice(heredoc + 2)
      const end = lines.indexOf(delimiter, at + 1)
      if (heredoc === 0 || delimiter === '')
        throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`)
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`)
      pairs.set(line.slice(0, heredoc), lines.slice(at + 1, end).join('\n'))
      at = end
    } else if (equals > 0) pairs.set(line.slice(0, equals), line.slice(equals + 1))
    else throw new Error(`Invalid format '${line}'`)
  }
  return pairs
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter(line => line !== '')
}
