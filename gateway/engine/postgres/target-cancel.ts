// Tells a target to cancel, with the target's own key, over a connection like the session's (TLS too). No answer is expected.
import { writeCancelRequest } from '../../wire/postgres/startup.ts'
import type { Connection } from '../../core/connection.ts'
import { openTargetSocket } from './target-socket.ts'

/** Never throws: a cancel that does not arrive leaves the command running, as it does without a gateway. */
export function cancelTarget(connection: Connection, pid: number, key: Buffer, signal: AbortSignal): void {
  openTargetSocket(connection, signal).then(
    socket => {
      socket.read(() => true)
      const close = (): void => socket.destroy()
      socket.stream.once('close', close)
      signal.addEventListener('abort', close, { once: true })
      // The server closes when it has passed the signal on.
      socket.write(writeCancelRequest(pid, key))
    },
    () => {},
  )
}
