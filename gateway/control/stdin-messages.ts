// The gateway's side of the pipe to its launcher: the launch comes in by stdin, answers go out by stdout, one JSON object a line.
import type { Readable, Writable } from 'node:stream'
import { SallyportError } from '../core/errors.ts'
import { deferred } from './deferred.ts'
import { readLines } from './line-reader.ts'
import { lineOf, readFromLauncher } from './messages.ts'
import type { FromGateway, InspectRequest, LaunchRequest } from './protocol.ts'

export interface LauncherPipe {
  /**
   * The first thing a launcher says: what to launch, or what to look at.
   * @throws {SallyportError} USAGE when the pipe ends before it, or says something else.
   */
  readRequest(): Promise<LaunchRequest | InspectRequest>
  /** Tells the launcher. Quiet when it is gone. */
  send(message: FromGateway): void
  /** The launcher asks for the end. Called at most once. */
  onFinish(callback: (reason: string) => void): void
  /** The pipe has closed: the launcher ended, or let go. Called once, also when it happened before. */
  onLauncherGone(callback: () => void): void
}

/** Opens the pipe; for the gateway's process: `openLauncherPipe(process.stdin, process.stdout)`. */
export function openLauncherPipe(input: Readable, output: Writable): LauncherPipe {
  const request = deferred<LaunchRequest | InspectRequest>()
  const gone = deferred<void>()
  const finish = deferred<string>()
  let isRead = false
  // The launcher may be gone long before the gateway: a broken pipe is no reason to end without sealing.
  output.on('error', () => undefined)
  readLines(input, {
    onLine: line => {
      const message = readFromLauncher(line)
      if ((message?.kind === 'launch' || message?.kind === 'inspect') && !isRead) {
        isRead = true
        request.resolve(message)
      } else if (message?.kind === 'finish') finish.resolve(message.reason)
      else if (!isRead) request.reject(new SallyportError('USAGE', 'the gateway was started with something that is no launch request'))
    },
    onEnd: () => {
      request.reject(new SallyportError('USAGE', 'the launcher went away before it said what to launch'))
      gone.resolve()
    },
  })
  return {
    readRequest: () => request.promise,
    send: message => {
      if (output.writable) output.write(lineOf(message))
    },
    onFinish: callback => void finish.promise.then(callback),
    onLauncherGone: callback => void gone.promise.then(callback),
  }
}
