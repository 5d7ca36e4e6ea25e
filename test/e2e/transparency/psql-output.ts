// Runs a file of SQL through psql and gives all it prints, in the order it prints it: echo, rows, tags, errors, notices.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** @param environment of libpq: host, port, login. */
export async function psqlOutput(psql: string, file: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-psql-'))
  const printed = path.join(dir, 'printed')
  const [input, output] = [openSync(file, 'r'), openSync(printed, 'a')]
  try {
    // From standard input, as in a pipe: then the data of COPY can stand in the file.
    const child = spawn(psql, ['-X', '-a'], {
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', PGCLIENTENCODING: 'UTF8', ...environment },
      stdio: [input, output, output],
    })
    const [status] = (await once(child, 'exit')) as [number | null]
    return `${readFileSync(printed, 'utf8')}\nstatus ${status}\n`
  } finally {
    closeSync(input)
    closeSync(output)
    rmSync(dir, { recursive: true })
  }
}

/** What is different each time, also without a gateway: numbers of processes and of new large objects. */
export function withoutChance(text: string): string {
  return text.replaceAll(/\bPID \d+/g, 'PID n').replaceAll(/^lo_import \d+/gm, 'lo_import n')
}
