// The door of one connection: knows its ticket, makes a session of every client that proved it, and records its beginning and end.
import { randomBytes } from 'node:crypto'
import type { ApprovalDesk } from '../core/approval.ts'
import type { Clock } from '../core/clock.ts'
import type { Connection } from '../core/connection.ts'
import { SallyportError } from '../core/errors.ts'
import type { EventBody } from '../core/events.ts'
import { failpoint } from '../core/failpoint.ts'
import { fillTemplate } from '../core/identity-template.ts'
import type { Identity, Run } from '../core/identity.ts'
import type { Masker } from '../core/masker.ts'
import type { Policy } from '../core/policy.ts'
import type { Recorder } from '../core/recorder.ts'
import type { FrontDesk, Session } from '../core/session.ts'
import type { TerminalRecording } from '../core/terminal.ts'
import { Gate } from './gate.ts'
import type { LeaseDesk } from './lease-desk.ts'
import { TicketCheck } from './ticket.ts'

/** Sessions at the same time on one connection, where the caller sets no other bound. */
const MAX_SESSIONS = 200
/** What a client says of itself is kept up to this length. */
const MAX_CLIENT_CHARACTERS = 200

export interface FrontDeskParts {
  readonly connection: Connection
  /** The ticket of this connection, from `newTicket`. */
  readonly ticket: string
  readonly identity: Identity
  readonly run: Run
  readonly policy: Policy
  readonly masker: Masker
  readonly recorder: Recorder
  readonly approvals: ApprovalDesk
  readonly leases: LeaseDesk
  readonly clock: Clock
  /** `recording.rows`: result rows kept per statement. */
  readonly keptRows: number
  readonly maxSessions?: number
}

/** Opens the door of one connection. The listener, the ticket and this desk belong together. */
export function openFrontDesk(given: FrontDeskParts): FrontDesk {
  const connection = asIdentity(given)
  const parts = { ...given, connection }
  const { recorder, clock } = parts
  const check = new TicketCheck(parts.ticket)
  const maxSessions = parts.maxSessions ?? MAX_SESSIONS
  let open = 0

  return {
    connection,
    isTicket: candidate => check.isTicket(candidate),
    saltedTicket: (salt, iterations) => check.salted(salt, iterations),
    checkIn(client) {
      if (recorder.hasFailed) throw new SallyportError('RECORDING_FAILED', 'the recording cannot be written; no session is opened')
      if (open >= maxSessions) {
        throw new SallyportError('NOT_AUTHORISED', `${connection.name} already has ${maxSessions} sessions open`, {
          why: 'each connection takes a limited number of clients at the same time',
          fix: 'close sessions, or use a smaller pool',
        })
      }
      failpoint('session.before-open')
      const id = newSessionId()
      recorder.commit(
        id,
        [
          {
            kind: 'session.open',
            connection: connection.name,
            protocol: connection.protocol,
            client: shownOf(client.application, parts.masker),
            user: client.login,
            ...(parts.masker.lifted.length === 0 ? {} : { lifted: parts.masker.lifted }),
          },
        ],
        'written',
      )
      failpoint('session.opened')
      open += 1
      return openSession(id, () => (open -= 1))
    },
  }

  function openSession(id: string, leave: () => void): Session {
    const gate = new Gate({ ...parts, session: id })
    const { policy, identity, run } = parts
    const openedAtMs = clock.monotonicMs()
    let commands = 0
    let isOut = false
    const terminals: TerminalRecording[] = []
    return {
      id,
      connection,
      masker: parts.masker,
      keptRows: parts.keptRows,
      allowsEverything: policy.allowsEverything?.(identity, connection, run) ?? false,
      admit(wanted, options) {
        commands += wanted.length
        return gate.admit(wanted, options)
      },
      append(event) {
        noteOutcome(gate, event)
        return recorder.append(id, event)
      },
      drained: () => recorder.drained(),
      openTerminal(command, size) {
        const terminal = recorder.openTerminal(id, command, size, `${connection.name}: command ${command}`)
        terminals.push(terminal)
        return terminal
      },
      borrow: (wait, refused) => parts.leases.borrow(connection, wait, refused),
      checkOut(reason) {
        if (isOut) return
        isOut = true
        leave()
        gate.close()
        failpoint('session.before-close')
        const durationMs = Math.round(clock.monotonicMs() - openedAtMs)
        try {
          recorder.commit(id, [{ kind: 'session.close', reason, commands, durationMs }], 'written')
          failpoint('session.closed')
        } catch (error) {
          // The recorder itself has failed: its state says so to everybody, and there is no session left to end.
          if (!(error instanceof SallyportError) || error.code !== 'RECORDING_FAILED') throw error
        }
      },
    }
  }
}

/** The connection with the name under which the target is to know this identity. @throws {SallyportError} NOT_AUTHORISED without one. */
function asIdentity({ connection, identity, run }: FrontDeskParts): Connection {
  const { impersonate } = connection
  if (impersonate === undefined) return connection
  const fill = (text: string): string => fillTemplate(text, identity, run)
  return { ...connection, impersonate: { user: fill(impersonate.user), groups: impersonate.groups.map(fill) } }
}

/** The result of an approved command goes into the end state of its request. */
function noteOutcome(gate: Gate, event: EventBody): void {
  if (event.kind === 'result') gate.noteOutcome(event.command, `${event.tag}, ${Math.round(event.durationMs)} ms`)
  // Codes only: the target's words may hold values.
  else if (event.kind === 'error' && event.command !== null)
    gate.noteOutcome(event.command, `failed with ${event.code}; a retry needs a new approval`)
}

function shownOf(application: string, masker: Masker): string {
  const short = application.slice(0, MAX_CLIENT_CHARACTERS)
  return masker.text === null ? short : masker.text.apply(short).text
}

function newSessionId(): string {
  return randomBytes(9).toString('base64url')
}
