// One process of a step: started with exactly the given environment, its output line by line, ended the way GitHub's runner ends one.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** SIGINT, then SIGTERM, then the end: ProcessInvoker of actions/runner. */
const TERM_AFTER_MS = 7500
const KILL_AFTER_MS = 2500

export interface StepProcess {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly owner: { readonly uid: number; readonly gid: number } | null
  readonly onLine: (line: string) => void
  /** Aborted when the job is cancelled. */
  readonly signal: AbortSignal
  /** 1 = GitHub's own waits. */
  readonly timeScale: number
}

/** Runs it. Resolves with the exit status, 128 + n after a signal, 127 when there is no such program; when its output has ended. */
export async function runStepProcess(step: StepProcess): Promise<number> {
  const child = spawn(step.file, [...step.args], {
    cwd: step.cwd,
    env: { ...step.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...step.owner,
  })
  const readers = [child.stdout, child.stderr].map(stream => createInterface({ input: stream, crlfDelay: Infinity }))
  for (const reader of readers) reader.on('line', step.onLine)
  const stop = (): void => endGently(child.pid, step.timeScale, ended)
  const ended = new AbortController()
  if (step.signal.aborted) stop()
  step.signal.addEventListener('abort', stop, { once: true })
  const status = await new Promise<number>(resolve => {
    child.once('error', error => {
      step.onLine(`##[error]${error.message}`)
      resolve(127)
    })
    child.once('close', (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + 1))
  })
  ended.abort()
  step.signal.removeEventListener('abort', stop)
  return status
}

/** The whole group of the step, but not what left the group: that is for the sweep at the end of the job. */
function endGently(pid: number | undefined, timeScale: number, ended: AbortController): void {
  if (pid === undefined) return
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-pid, signal)
    } catch {
      // It ended in between.
    }
  }
  send('SIGINT')
  const term = setTimeout(() => send('SIGTERM'), TERM_AFTER_MS * timeScale)
  const kill = setTimeout(() => send('SIGKILL'), (TERM_AFTER_MS + KILL_AFTER_MS) * timeScale)
  ended.signal.addEventListener('abort', () => {
    clearTimeout(term)
    clearTimeout(kill)
  })
}
