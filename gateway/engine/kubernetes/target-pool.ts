// Connections to one API server with one credential, kept for the next request; the one that was used last is used first.
import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import type { TargetAnswer } from './target-answer.ts'
import { TargetConnection } from './target-connection.ts'
import type { Question } from './target-connection.ts'

export interface PoolSettings {
  readonly host: string
  readonly port: number
  /** null = without TLS. */
  readonly tls: ConnectionOptions | null
  /** From a request, or the start of a connection, to the head of an answer. */
  readonly answerMs: number
  readonly idleMs: number
  readonly maxConnections?: number
}

const MAX_CONNECTIONS = 256
const MAX_FREE = 32

export class TargetPool {
  readonly #settings: PoolSettings
  readonly #free: TargetConnection[] = []
  readonly #waiting: (() => void)[] = []
  #count = 0
  #isClosed = false

  constructor(settings: PoolSettings) {
    this.#settings = settings
  }

  /** @throws {Error} what the connection ended with; {HttpError} when the answer is none. */
  async ask(question: Question, signal: AbortSignal): Promise<TargetAnswer> {
    const kept = this.#free.pop()
    if (kept === undefined) return (await this.#connection(signal)).ask(question, signal)
    try {
      return await kept.ask(question, signal)
    } catch (error) {
      // The server may close an idle connection while a request is on its way; only what changes nothing is sent again.
      if (!kept.wasStale || question.method !== 'GET' || signal.aborted) throw error
      return (await this.#connection(signal)).ask(question, signal)
    }
  }

  /** Requests that are under way end as they would; their connections are not kept. */
  close(): void {
    this.#isClosed = true
    for (const connection of this.#free.splice(0)) connection.close()
  }

  /** A connection of its own for one request. */
  async #connection(signal: AbortSignal): Promise<TargetConnection> {
    const { answerMs, maxConnections = MAX_CONNECTIONS } = this.#settings
    const untilMs = performance.now() + answerMs
    while (this.#count >= maxConnections) {
      await this.#room(signal, untilMs)
      // Somebody who came just now may have been faster.
      const kept = this.#free.pop()
      if (kept !== undefined) return kept
    }
    this.#count += 1
    try {
      const socket = await connect(this.#settings, signal)
      return new TargetConnection(
        socket,
        this.#settings,
        connection => this.#keep(connection),
        connection => this.#lose(connection),
      )
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  #keep(connection: TargetConnection): void {
    if (this.#isClosed || this.#free.length >= MAX_FREE) connection.close()
    else {
      this.#free.push(connection)
      this.#waiting.shift()?.()
    }
  }

  #lose(connection: TargetConnection): void {
    const place = this.#free.indexOf(connection)
    if (place !== -1) this.#free.splice(place, 1)
    this.#leave()
  }

  #leave(): void {
    this.#count -= 1
    this.#waiting.shift()?.()
  }

  /** Until a connection is free, or there is room for another. @throws {Error} when there is neither in time. */
  #room(signal: AbortSignal, untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        clearTimeout(late)
        signal.removeEventListener('abort', give)
        const place = this.#waiting.indexOf(enter)
        if (place !== -1) this.#waiting.splice(place, 1)
      }
      const enter = (): void => {
        forget()
        resolve()
      }
      const give = (): void => {
        forget()
        reject(Object.assign(new Error('the request was given up'), { code: 'ABORT_ERR' }))
      }
      const late = setTimeout(
        () => {
          forget()
          reject(Object.assign(new Error('no connection was free in time'), { code: 'ETIMEDOUT' }))
        },
        Math.max(0, untilMs - performance.now()),
      )
      this.#waiting.push(enter)
      signal.addEventListener('abort', give, { once: true })
    })
  }
}

/** Resolves once the server is trusted: nothing is sent before. */
function connect({ host, port, tls: secure, answerMs }: PoolSettings, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = secure === null ? net.connect({ host, port, noDelay: true, keepAlive: true }) : tls.connect({ ...secure, host, port })
    const end = (error: Error): void => {
      forget()
      socket.on('error', () => undefined)
      socket.destroy()
      reject(error)
    }
    const give = (): void => end(Object.assign(new Error('the request was given up'), { code: 'ABORT_ERR' }))
    const close = (): void => end(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }))
    const late = setTimeout(() => end(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })), answerMs)
    const ready = (): void => {
      forget()
      if (secure !== null) socket.setNoDelay(true).setKeepAlive(true, 1_000)
      resolve(socket)
    }
    const forget = (): void => {
      clearTimeout(late)
      signal.removeEventListener('abort', give)
      socket.off('error', end)
      socket.off('close', close)
    }
    socket.once(secure === null ? 'connect' : 'secureConnect', ready)
    socket.once('error', end)
    socket.once('close', close)
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
  })
}
