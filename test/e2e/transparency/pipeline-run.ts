// The tests of libpq's own pipeline mode, each with a trace of every message that the client sent and saw.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const ROWS = 700
const TIMEOUT_MS = 60_000
/** It sends until its socket is full, under random keys: no two runs of it are alike, so only its outcome counts. */
const UNLIKE = 'uniqviol'

export interface PipelineOutcome {
  readonly tests: number
  readonly failed: number
}

/** Runs every test of the program; the traces and what it printed stand in `results/` of the folder. */
export async function runPipelines(program: string, env: Readonly<Record<string, string>>, out: string): Promise<PipelineOutcome> {
  const results = path.join(out, 'results')
  mkdirSync(results, { recursive: true })
  const run = async (args: readonly string[]): Promise<{ readonly printed: string; readonly status: number | null }> => {
    const environment = { PATH: process.env['PATH'] ?? '', PGCLIENTENCODING: 'UTF8', ...env }
    const child = spawn(program, args, { env: environment, timeout: TIMEOUT_MS })
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    const [status] = (await once(child, 'close')) as [number | null]
    return { printed, status }
  }
  const names = (await run(['tests'])).printed.trim().split(/\s+/)
  let failed = 0
  for (const name of names) {
    const isLike = name !== UNLIKE
    const trace = isLike ? ['-t', path.join(results, `${name}.trace`)] : []
    const { printed, status } = await run(['-r', `${ROWS}`, ...trace, name, `dbname=${env['PGDATABASE'] ?? ''}`])
    // The program leads its complaints with its own path.
    const words = isLike ? printed.replaceAll(program, 'libpq_pipeline') : ''
    writeFileSync(path.join(results, `${name}.out`), `${words}status ${status}\n`)
    if (status !== 0) failed += 1
  }
  return { tests: names.length, failed }
}
