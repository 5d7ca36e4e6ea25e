// Places on the target where connections are taken for the client (-R, sockets too): judged by the place, open until the client gives it
// back or leaves. Each connection is counted and recorded with where it came from.
import type { Channel, Client } from 'ssh2'
import { destinationOf, forwardCommand } from '../../command/ssh/forward-command.ts'
import type { Forward } from '../../command/ssh/forward-command.ts'
import { SallyportError } from '../../core/errors.ts'
import { failIfOurs, judgeForward, refusalLine, refuseUnread } from './forward-desk.ts'
import type { ForwardDesk } from './forward-desk.ts'
import { joinStreams } from './join-streams.ts'
import { openedChannel } from './library.ts'

/** Places of one client, and connections through them, at the same time. */
const MAX_LISTENERS = 64
const MAX_CONNECTIONS = 256

/** A place as the client named it, and as it is judged. */
export interface ListenCall {
  readonly asked: { readonly host: string; readonly port: number }
  /** null when it is not a place that can be judged. */
  readonly forward: Forward | null
}

interface Listener {
  readonly number: number
  readonly forward: Forward
  /** What the client knows it by. */
  readonly asked: { readonly host: string; readonly port: number }
  readonly startedAt: number
  connections: number
  sent: number
  received: number
}

export class Listeners {
  readonly #desk: ForwardDesk
  /** By what the target calls the place. */
  readonly #open = new Map<string, Listener>()
  #connections = 0

  constructor(desk: ForwardDesk) {
    this.#desk = desk
    desk.target.then(
      target => {
        target.on('tcp connection', (info, accept, reject) => {
          const place = placeOf(info.destIP, info.destPort)
          void this.#connect(place, { host: info.srcIP, port: info.srcPort }, accept, reject)
        })
        target.on('unix connection', (info, accept, reject) => {
          void this.#connect(placeOf(info.socketPath, 0), { host: '', port: 0 }, accept, reject)
        })
      },
      () => {},
    )
  }

  /** Asks the target to listen. @returns the port, or null when it was refused; the client has been told why. */
  async listen({ asked, forward }: ListenCall): Promise<number | null> {
    const desk = this.#desk
    const { notices, signal } = desk
    try {
      if (forward === null) {
        notices.say(refuseUnread(desk, 'a place to listen at that is no address and port, and no plain path of a socket'))
        return null
      }
      if (this.#open.size >= MAX_LISTENERS) {
        notices.say(refuseUnread(desk, `a client may have ${MAX_LISTENERS} places to listen at`))
        return null
      }
      const number = await judgeForward(desk, forwardCommand(forward), signal)
      const startedAt = performance.now()
      const port = await this.#bind(forward, number)
      const known = { host: asked.host, port: asked.port === 0 ? port : asked.port }
      this.#open.set(placeOf(forward.host, port), { number, forward, asked: known, startedAt, connections: 0, sent: 0, received: 0 })
      return port
    } catch (error) {
      notices.say(refusalLine(error))
      failIfOurs(desk, error)
      return null
    }
  }

  /** Gives a place back. @returns false when the client had none there. */
  async cancel({ forward }: ListenCall): Promise<boolean> {
    const place = forward === null ? '' : placeOf(forward.host, forward.port)
    const listener = this.#open.get(place)
    if (forward === null || listener === undefined) return false
    this.#open.delete(place)
    this.#record(listener)
    const target = await this.#desk.target
    return new Promise(resolve => {
      const done = (error?: Error | null): void => resolve(error === undefined || error === null)
      if (forward.kind === 'unix-listen') target.openssh_unforwardInStreamLocal(forward.host, done)
      else target.unforwardIn(forward.host, forward.port, done)
    })
  }

  /** Records the ends; the target gives the places up with the connection. */
  end(): void {
    for (const listener of this.#open.values()) this.#record(listener)
    this.#open.clear()
  }

  async #bind(forward: Forward, number: number): Promise<number> {
    const target = await this.#desk.target
    try {
      return await bind(target, forward)
    } catch (error) {
      const message = `the target does not listen at ${destinationOf(forward)}`
      this.#desk.session.append({ kind: 'error', command: number, code: 'TARGET_UNREACHABLE', message })
      throw new SallyportError('TARGET_UNREACHABLE', message, { cause: error })
    }
  }

  async #connect(place: string, from: ListenCall['asked'], accept: () => Channel, reject: () => void): Promise<void> {
    const { client, session, fail } = this.#desk
    const listener = this.#open.get(place)
    if (listener === undefined || this.#connections >= MAX_CONNECTIONS) {
      reject()
      if (listener !== undefined) refuseUnread(this.#desk, `more than ${MAX_CONNECTIONS} connections at a time come in for this client`)
      return
    }
    this.#connections += 1
    listener.connections += 1
    try {
      const { asked, forward } = listener
      const channel = await openedChannel(done => {
        if (forward.kind === 'unix-listen') client.openssh_forwardOutStreamLocal(asked.host, done)
        else client.forwardOut(asked.host, asked.port, from.host, from.port, done)
      })
      const { there, back } = await joinStreams(channel, accept(), (sent, received) => {
        listener.sent += sent
        listener.received += received
      })
      const origin = from.host === '' ? 'a socket' : destinationOf({ kind: 'tcp', ...from })
      const row = [origin, String(there), String(back)]
      session.append({ kind: 'rows', command: listener.number, columns: ['from', 'sent', 'received'], rows: [row], omitted: 0 })
    } catch (error) {
      reject()
      if (error instanceof SallyportError) fail(error)
    } finally {
      this.#connections -= 1
    }
  }

  #record({ number, startedAt, connections, sent, received }: Listener): void {
    this.#desk.session.append({
      kind: 'result',
      command: number,
      tag: `closed, ${connections} ${connections === 1 ? 'connection' : 'connections'}, ${sent} bytes sent, ${received} received`,
      rows: 0,
      durationMs: performance.now() - startedAt,
    })
  }
}

function placeOf(host: string, port: number): string {
  return `${host}:${port}`
}

function bind(target: Client, { kind, host, port }: Forward): Promise<number> {
  return new Promise((resolve, reject) => {
    const bound = (error: Error | null | undefined, chosen: number): void => {
      if (error === undefined || error === null) resolve(chosen)
      else reject(error)
    }
    if (kind === 'unix-listen') target.openssh_forwardInStreamLocal(host, error => bound(error, 0))
    else target.forwardIn(host, port, bound)
  })
}
