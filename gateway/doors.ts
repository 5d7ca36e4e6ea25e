// The listeners: one on 127.0.0.1 for each connection, each with its own ticket. Part of the composition root.
import { once } from 'node:events'
import net from 'node:net'
import { SallyportError } from './core/errors.ts'
import { failpoint } from './core/failpoint.ts'
import type { Engine, FrontDesk } from './core/session.ts'

/** Clients that wait for a login at the same time, above the sessions a desk takes; more are turned away at once. */
const MAX_SOCKETS = 400

export interface OpenDoor {
  readonly desk: FrontDesk
  readonly ticket: string
  readonly port: number
}

export class Doors {
  readonly #servers: net.Server[] = []
  readonly #serving = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  /** Listens for clients of one connection. @throws {SallyportError} PORT_IN_USE */
  async open(desk: FrontDesk, ticket: string, engine: Engine): Promise<OpenDoor> {
    const server = net.createServer({ noDelay: true, keepAlive: true }, socket => {
      failpoint('client.accepted')
      const served = engine
        .serve(socket, desk, this.#closing.signal)
        // An engine tells its client itself; what it did not expect ends that client, and no other.
        .catch(() => void socket.destroy())
        .finally(() => this.#serving.delete(served))
      this.#serving.add(served)
    })
    server.maxConnections = MAX_SOCKETS
    server.listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw new SallyportError('PORT_IN_USE', `no port on 127.0.0.1 for ${desk.connection.name}`, { cause })
    }
    this.#servers.push(server)
    const address = server.address()
    return { desk, ticket, port: typeof address === 'object' && address !== null ? address.port : 0 }
  }

  /** Clients being served. */
  get count(): number {
    return this.#serving.size
  }

  /** Stops listening and ends every session; resolves when the last one is over. */
  async close(reason: string): Promise<void> {
    for (const server of this.#servers) server.close()
    this.#closing.abort(new SallyportError('GATEWAY_LOST', reason))
    await Promise.allSettled(this.#serving)
  }
}
