// Connections through the target (-L, -J, -D): judged by their destination, then bytes both ways. Content is not looked at, only counted.
import type { AcceptConnection, Client, RejectConnection, ServerChannel, TcpipRequestInfo } from 'ssh2'
import { forwardCommand } from '../../command/ssh/shell-command.ts'
import type { Session } from '../../core/session.ts'

export interface ForwardParts {
  readonly session: Session
  readonly target: Promise<Client>
  readonly signal: AbortSignal
}

/** Never rejects; a client whose forward is refused is told so by the protocol. */
export async function openForward(
  { session, target, signal }: ForwardParts,
  accept: AcceptConnection<ServerChannel>,
  reject: RejectConnection,
  info: TcpipRequestInfo,
): Promise<void> {
  const startedAt = performance.now()
  const destination = `${info.destIP.includes(':') ? `[${info.destIP}]` : info.destIP}:${info.destPort}`
  const command = forwardCommand('tcp', destination)
  let number = 0
  try {
    const admission = await session.admit([command], {
      bytes: () => Buffer.from(command.text),
      signal,
      onHeld: () => {},
      notes: [],
    })
    number = admission.numbers[0] ?? 0
    const client = await target
    client.forwardOut(info.srcIP, info.srcPort, info.destIP, info.destPort, (error, upstream) => {
      if (error !== undefined) {
        session.append({ kind: 'error', command: number, code: 'TARGET_UNREACHABLE', message: 'the target refused the forward' })
        reject()
        return
      }
      const channel = accept()
      const bytes = { sent: 0, received: 0 }
      channel.on('error', () => upstream.close())
      upstream.on('error', () => channel.close())
      channel.on('data', (chunk: Buffer) => (bytes.sent += chunk.length))
      upstream.on('data', (chunk: Buffer) => (bytes.received += chunk.length))
      channel.pipe(upstream).pipe(channel)
      channel.once('close', () => upstream.close())
      upstream.once('close', () => {
        const tag = `closed, ${bytes.sent} bytes sent, ${bytes.received} received`
        session.append({ kind: 'result', command: number, tag, rows: 0, durationMs: performance.now() - startedAt })
      })
    })
  } catch {
    // The decision, or the failure of the target, is recorded where it was made.
    reject()
  }
}
