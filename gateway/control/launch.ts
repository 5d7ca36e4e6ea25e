// Starts a gateway as its own process and talks to it over its stdin and stdout. Used by the Action and by `sallyport exec`.
// Secrets travel over the pipe only: never argv, never the environment, never a file.
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { SallyportError } from '../core/errors.ts'
import { deferred } from './deferred.ts'
import { errorOf } from './gateway-error.ts'
import type { GatewayStart } from './gateway-start.ts'
import { readLines } from './line-reader.ts'
import { lineOf, readFromGateway } from './messages.ts'
import type { Finished, LaunchRequest, Ready } from './protocol.ts'

const START_WITHIN_MS = 60_000
const FINISH_WITHIN_MS = 120_000
/** For a gateway that failed: from the end of its pipe to the end of its process. */
const END_WITHIN_MS = 5000
/** Of the gateway's stderr, kept for the message when it dies. */
const KEPT_WORDS_CHARS = 4096

export interface LaunchOptions {
  readonly request: LaunchRequest
  readonly start: GatewayStart
  /** File for the gateway's stderr, made with mode 0600; null = the last words are kept in memory. */
  readonly log: string | null
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal
  readonly startWithinMs?: number
  readonly finishWithinMs?: number
}

/** A gateway that is ready. */
export interface Launched {
  readonly ready: Ready
  /** Settles when the process ends: null after `finish`, else GATEWAY_LOST. Never rejects. */
  readonly ended: Promise<SallyportError | null>
  /**
   * Asks the gateway to seal and end, and waits until its process is gone.
   * @throws {SallyportError} GATEWAY_LOST when it dies or does not answer in time; what it said when it failed.
   */
  readonly finish: (reason: string) => Promise<Finished>
  /** Lets the gateway live on without this process: pipes are closed, nothing is waited for. */
  readonly letGo: () => void
}

/**
 * Starts a gateway and waits until its endpoints listen.
 *
 * @throws {SallyportError} what the gateway said when it refused to start; GATEWAY_LOST when it died or took too long.
 */
export async function launchGateway(options: LaunchOptions): Promise<Launched> {
  const { start, request, log } = options
  const stderr = log === null ? 'pipe' : openSync(log, 'a', 0o600)
  const child = spawn(start.file, [...start.args], {
    cwd: '/',
    detached: true,
    env: { ...start.environment },
    stdio: ['pipe', 'pipe', stderr],
  })
  if (typeof stderr === 'number') closeSync(stderr)
  const gateway = new GatewayProcess(child, log)
  if (!start.waits) gateway.tell(lineOf(request))
  else gateway.awaitIsolation(() => gateway.tell(lineOf(request)))
  options.signal?.addEventListener('abort', () => gateway.cancel(), { once: true })
  const ready = await gateway.within(gateway.ready, options.startWithinMs ?? START_WITHIN_MS, 'to start')
  return {
    ready,
    ended: gateway.ended,
    letGo: () => gateway.letGo(),
    finish: async reason => {
      gateway.tell(lineOf({ kind: 'finish', reason }))
      const waitMs = options.finishWithinMs ?? FINISH_WITHIN_MS
      const finished = await gateway.within(gateway.finished, waitMs, 'to finish')
      await gateway.within(gateway.gone, waitMs, 'to end')
      return finished
    },
  }
}

/** One child process, from its first line to its end. */
class GatewayProcess {
  readonly #child: ChildProcess
  readonly #input: Writable
  readonly #output: Readable
  readonly #log: string | null
  readonly #ready = deferred<Ready>()
  readonly #finished = deferred<Finished>()
  readonly #ended = deferred<SallyportError | null>()
  readonly #gone = deferred<void>()
  #words = ''
  #hasFinished = false
  #onIsolated: (() => void) | null = null

  constructor(child: ChildProcess, log: string | null) {
    const { stdin, stdout, stderr } = child
    if (stdin === null || stdout === null) throw new SallyportError('INTERNAL', 'the gateway was started without its pipe')
    this.#child = child
    this.#input = stdin
    this.#output = stdout
    this.#log = log
    stdin.on('error', () => undefined)
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-KEPT_WORDS_CHARS)
    })
    readLines(stdout, { onLine: line => this.#hear(line), onEnd: () => undefined })
    child.on('error', error => this.#end(`it could not be started: ${error.message}`))
    // `close` comes after the last byte of stdout, so what the gateway said before it died is heard first.
    child.once('close', (code, signal) => this.#end(signal === null ? `its status was ${code ?? 'unknown'}` : `it was ended by ${signal}`))
  }

  get ready(): Promise<Ready> {
    return this.#ready.promise
  }
  get finished(): Promise<Finished> {
    return this.#finished.promise
  }
  get ended(): Promise<SallyportError | null> {
    return this.#ended.promise
  }
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /** Until then nothing is told, and an end means that isolation is not possible. */
  awaitIsolation(callback: () => void): void {
    this.#onIsolated = callback
  }

  tell(line: string): void {
    if (this.#input.writable) this.#input.write(line)
  }

  /** The value, or an end of the process when it does not come in time. */
  async within<T>(value: Promise<T>, waitMs: number, what: string): Promise<T> {
    const late = deferred<never>()
    const timer = setTimeout(() => {
      late.reject(new SallyportError('GATEWAY_LOST', `the gateway took longer than ${waitMs / 1000} s ${what}`))
    }, waitMs)
    try {
      return await Promise.race([value, late.promise])
    } catch (error) {
      await this.#abandon()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Has no effect on a gateway that is ready: that one must be asked to finish. */
  cancel(): void {
    this.#ready.reject(new SallyportError('GATEWAY_LOST', 'the start of the gateway was cancelled'))
  }

  letGo(): void {
    this.#input.destroy()
    this.#output.destroy()
    this.#child.stderr?.destroy()
    this.#child.unref()
  }

  /**
   * Closing the pipe is what every gateway understands, also one that runs as another user. One that failed gives back what it
   * borrowed and ends; one that hangs is killed.
   */
  async #abandon(): Promise<void> {
    this.#input.destroy()
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL')
      this.letGo()
      this.#gone.resolve()
    }, END_WITHIN_MS)
    await this.#gone.promise
    clearTimeout(timer)
  }

  #hear(line: string): void {
    if (line === '{"kind":"isolated"}' && this.#onIsolated !== null) {
      this.#onIsolated()
      this.#onIsolated = null
      return
    }
    const message = readFromGateway(line)
    switch (message?.kind) {
      case 'ready':
        this.#ready.resolve(message)
        return
      case 'finished':
        this.#hasFinished = true
        this.#finished.resolve(message)
        return
      case 'failed':
        this.#fail(errorOf(message))
        return
      case 'inspected':
      case undefined:
        this.#fail(new SallyportError('GATEWAY_LOST', 'the gateway said something that is no message of its protocol'))
    }
  }

  #end(how: string): void {
    const why = this.#lastWords() || 'it left no words behind'
    const lost =
      this.#onIsolated === null
        ? new SallyportError('GATEWAY_LOST', `the gateway ended without being asked: ${how}`, {
            why,
            fix: 'start the job again; what was recorded until then is kept, without its end',
          })
        : new SallyportError('ISOLATION_IMPOSSIBLE', 'isolation: user is not possible here: root cannot be had without a password', {
            why,
            fix: 'use a runner whose user has passwordless sudo, `gateway-url`, or `isolation: none` (a guard rail only)',
          })
    this.#fail(lost)
    this.#gone.resolve()
    this.#ended.resolve(this.#hasFinished ? null : lost)
  }

  #fail(error: SallyportError): void {
    this.#ready.reject(error)
    this.#finished.reject(error)
  }

  #lastWords(): string {
    return (this.#log === null ? this.#words : wordsIn(this.#log)).trim()
  }
}

function wordsIn(log: string): string {
  try {
    return readFileSync(log, 'utf8').slice(-KEPT_WORDS_CHARS)
  } catch {
    return ''
  }
}
