// A TCP proxy that keeps every byte of every connection, both ways: what a target saw, and what a client saw.
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'

export interface LoggedConnection {
  /** From the side that connected. */
  readonly sent: () => Buffer
  /** What it was answered. */
  readonly received: () => Buffer
}

export interface ByteLog {
  readonly port: number
  readonly connections: readonly LoggedConnection[]
  /** Resolves once nothing is connected any more: the last byte of everybody is in the log. */
  idle(): Promise<void>
  stop(): Promise<void>
}

export async function startByteLog(host: string, port: number): Promise<ByteLog> {
  const connections: LoggedConnection[] = []
  const open = new Set<net.Socket>()
  let waiting: (() => void)[] = []
  const settle = (): void => {
    if (open.size > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, near => {
    const far = net.connect({ host, port, noDelay: true, allowHalfOpen: true })
    const logs: [Buffer[], Buffer[]] = [[], []]
    connections.push({ sent: () => Buffer.concat(logs[0]), received: () => Buffer.concat(logs[1]) })
    join(near, far, logs[0])
    join(far, near, logs[1])
  })
  const join = (from: net.Socket, to: net.Socket, log: Buffer[]): void => {
    open.add(from)
    from.on('data', (chunk: Buffer) => {
      log.push(chunk)
      if (to.writable) to.write(chunk)
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => {
      open.delete(from)
      if (to.writable) to.end()
      settle()
    })
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    idle: () =>
      new Promise(resolve => {
        waiting.push(resolve)
        settle()
      }),
    stop: async () => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
