// The job: a process that has the variables Sallyport gave it and nothing else. Uses psql where there is one, else a small client of its own.
import { spawn, spawnSync } from 'node:child_process'
import path from 'node:path'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export type JobEnvironment = Readonly<Record<string, string>>

const hasPsql = spawnSync('psql', ['--version'], { stdio: 'ignore' }).status === 0

/** How a person would type it. */
export function typed(sql: string): string {
  return `psql -c "${sql}"`
}

/** Runs SQL as the job does. @param onWords gets what the client prints on stderr while it waits. */
export function query(environment: JobEnvironment, sql: string, onWords: (text: string) => void = () => undefined): Promise<Ran> {
  const client = path.join(import.meta.dirname, 'small-client.ts')
  return hasPsql ? runJob('psql', ['-X', '-c', sql], environment, onWords) : runJob(process.execPath, [client, sql], environment, onWords)
}

/** Runs a program with the job's variables only. */
export function runJob(
  program: string,
  args: readonly string[],
  environment: JobEnvironment,
  onWords: (text: string) => void = () => undefined,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', PGCONNECT_TIMEOUT: '60', ...environment }
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      onWords(text)
    })
    child.once('error', reject)
    child.once('close', status => resolve({ status: status ?? 1, stdout, stderr }))
  })
}
