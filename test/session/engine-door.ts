// An engine behind a door on loopback, for tests: what the composition root does for each connection.
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Engine, FrontDesk } from '../../gateway/core/session.ts'

export interface EngineDoor {
  readonly port: number
  /** Resolves when every session is over. */
  close(): Promise<void>
}

export async function openDoor(engine: Engine, desk: FrontDesk): Promise<EngineDoor> {
  const closing = new AbortController()
  const sessions = new Set<Promise<void>>()
  const server = net.createServer({ noDelay: true }, socket => {
    const session = engine.serve(socket, desk, closing.signal).finally(() => sessions.delete(session))
    sessions.add(session)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      closing.abort()
      await Promise.all(sessions)
    },
  }
}
