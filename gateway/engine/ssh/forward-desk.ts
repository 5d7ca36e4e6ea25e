// What every forward of a client needs: the judgement of where it leads to, the words for a refusal, and the two connections.
import type { Client, Connection as ClientConnection } from 'ssh2'
import type { SshCommand } from '../../core/command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { Permit } from '../../core/permit.ts'
import type { Admission, Session } from '../../core/session.ts'
import type { ClientNotices } from './client-notices.ts'
import { heldLine, refusalLines } from './held-words.ts'

export interface ForwardDesk {
  readonly client: ClientConnection
  readonly session: Session
  readonly target: Promise<Client>
  readonly notices: ClientNotices
  /** The client is gone. */
  readonly signal: AbortSignal
  /** The recording cannot be written, or the gateway has a defect. */
  readonly fail: (error: unknown) => void
}

/**
 * Judges a forward; the client reads that it is held beside its commands.
 * @returns its number in the recording; at once unless a person is asked.
 * @throws {Refusal} when it is not opened.
 */
export function judgeForward({ session, notices }: ForwardDesk, command: SshCommand, signal: AbortSignal): number | Promise<number> {
  const admitted = session.admit([command], {
    bytes: () => Buffer.from(command.text),
    signal,
    onHeld: hold => notices.say(`${heldLine(hold)} (${command.text})`),
    notes: command.doubt === null ? [] : [command.doubt],
  })
  return admitted instanceof Promise ? admitted.then(numberOf) : numberOf(admitted)
}

function numberOf({ permit, numbers }: Admission): number {
  if (!Permit.isMinted(permit)) throw new SallyportError('INTERNAL', 'a forward without a permit')
  return numbers[0] ?? 0
}

/** One line for the client of why a forward is not opened. */
export function refusalLine(error: unknown): string {
  return refusalLines(error).text.split('\n', 1)[0] ?? ''
}

/** Tells of what was judged and not opened; a failure that is not the client's or target's ends the session. */
export function failIfOurs(desk: ForwardDesk, error: unknown): void {
  if (error instanceof Refusal) return
  if (error instanceof SallyportError && error.code !== 'RECORDING_FAILED' && error.code !== 'INTERNAL') return
  desk.fail(error)
}

/** A forward that is refused before any rule is read, and why; recorded. */
export function refuseUnread(desk: ForwardDesk, reason: string): string {
  desk.session.append({ kind: 'error', command: null, code: 'COMMAND_DENIED', message: reason })
  return `sallyport: denied: ${reason}`
}
