// Runs one program to its end and returns what it printed. It and its children are killed when they take too long or print too much.
import { spawn } from 'node:child_process'
import { MAX_CREDENTIAL_BYTES } from '../../core/plain-credential.ts'

const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** @throws {Error} whose message is safe to print: nothing of what the program wrote is in it. */
export function runProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const [program, ...args] = command
  if (program === undefined) return Promise.reject(new Error('the program has no name'))
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new Error('the program was not started'))
      return
    }
    // A group of its own, so that its children end with it. Its errors are thrown away: they may hold the secret.
    const child = spawn(program, args, {
      env: { PATH: USUAL_PATH, ...environment },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    })
    const parts: Buffer[] = []
    let length = 0
    let failure: Error | null = null
    const stop = (why: string): void => {
      failure ??= new Error(why)
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // The group is gone already.
      }
      child.stdout.destroy()
    }
    const timer = setTimeout(() => stop(`the program did not end within ${String(timeoutMs / 1_000)} s`), timeoutMs)
    const leave = (): void => stop('the program was stopped')
    signal.addEventListener('abort', leave, { once: true })
    const settle = (done: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      done()
    }
    child.stdout.on('data', (part: Buffer) => {
      length += part.length
      if (length > MAX_CREDENTIAL_BYTES) stop(`the program printed more than ${String(MAX_CREDENTIAL_BYTES)} bytes`)
      else parts.push(part)
    })
    child.once('error', () => settle(() => reject(new Error('the program cannot be started'))))
    child.once('close', (status, killedBy) =>
      settle(() => {
        if (failure !== null) reject(failure)
        else if (status === 0) resolve(Buffer.concat(parts))
        else
          reject(
            new Error(status === null ? `the program was ended by ${String(killedBy)}` : `the program ended with status ${String(status)}`),
          )
      }),
    )
  })
}
