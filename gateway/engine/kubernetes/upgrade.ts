// Requests that switch protocols (exec, attach, port-forward): judged, held and recorded before anything is switched.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { SallyportError } from '../../core/errors.ts'
import { statusOf } from './status-answer.ts'
import type { Visit } from './visit.ts'

export async function answerUpgrade(visit: Visit, _request: IncomingMessage, socket: Duplex, _head: Buffer): Promise<void> {
  await Promise.resolve()
  refuseUpgrade(socket, new SallyportError('COMMAND_DENIED', 'streams of this kind are not carried'), visit)
}

/** A Status in place of the switch. */
export function refuseUpgrade(socket: Duplex, error: unknown, visit: Visit, command: string | null = null): void {
  if (socket.destroyed) return
  const { code, body } = statusOf(error, { connection: visit.desk.connection.name, command })
  const head = `HTTP/1.1 ${code} ${code === 403 ? 'Forbidden' : 'Refused'}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  socket.end(Buffer.concat([Buffer.from(head), body]))
}
