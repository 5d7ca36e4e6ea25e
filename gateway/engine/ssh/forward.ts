// Connections from the target that a client asks for (-L, -D, -W, -J; sockets too): judged by where they lead to, then bytes both ways.
// Content is not looked at, only counted.
import type { AcceptConnection, Channel, Client, RejectConnection, ServerChannel } from 'ssh2'
import { forwardCommand } from '../../command/ssh/forward-command.ts'
import type { Forward } from '../../command/ssh/forward-command.ts'
import { failIfOurs, judgeForward, refusalLine, refuseUnread } from './forward-desk.ts'
import type { ForwardDesk } from './forward-desk.ts'
import { joinStreams } from './join-streams.ts'
import { openedChannel, refuseChannel } from './library.ts'

/** RFC 4254, 5.1. */
const PROHIBITED = 1
const CONNECT_FAILED = 2

/** What the client opened, and how it is answered. */
export interface ForwardCall {
  /** null when it is not a destination that can be judged. */
  readonly forward: Forward | null
  /** Where the client says that the connection came from. */
  readonly from: { readonly host: string; readonly port: number }
  readonly accept: AcceptConnection<ServerChannel>
  readonly reject: RejectConnection
}

/** Resolves when it is over. Never rejects; a client whose forward is refused is told so by the protocol. */
export async function openForward(desk: ForwardDesk, { forward, from, accept, reject }: ForwardCall): Promise<void> {
  const { client, session, signal } = desk
  const startedAt = performance.now()
  const refuse = (reason: number, text: string): void => refuseChannel(client, reject, reason, text)
  try {
    if (forward === null) {
      refuse(PROHIBITED, refuseUnread(desk, 'a forward to what is no host and port, and no plain path of a socket'))
      return
    }
    const number = await judgeForward(desk, forwardCommand(forward), signal)
    const ended = (tag: string): void => {
      session.append({ kind: 'result', command: number, tag, rows: 0, durationMs: performance.now() - startedAt })
    }
    let upstream: Channel
    try {
      upstream = await connectFrom(await desk.target, forward, from)
    } catch (error) {
      const reason = error instanceof Error && 'reason' in error && typeof error.reason === 'number' ? error.reason : CONNECT_FAILED
      session.append({ kind: 'error', command: number, code: 'TARGET_UNREACHABLE', message: 'the target refused the forward' })
      refuse(reason, error instanceof Error ? error.message.replace(/^\(SSH\) Channel open failure: /, '') : '')
      return
    }
    if (signal.aborted) {
      upstream.close()
      ended('the client left before it was open')
      return
    }
    const { there, back } = await joinStreams(accept(), upstream)
    ended(`closed, ${there} bytes sent, ${back} received`)
  } catch (error) {
    refuse(PROHIBITED, refusalLine(error))
    failIfOurs(desk, error)
  }
}

function connectFrom(target: Client, { kind, host, port }: Forward, from: ForwardCall['from']): Promise<Channel> {
  return openedChannel(done => {
    if (kind === 'unix') target.openssh_forwardOutStreamLocal(host, done)
    else target.forwardOut(from.host, from.port, host, port, done)
  })
}
