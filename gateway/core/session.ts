// All that an engine may do. One Session per client connection; a target is reached only with its Permit.
import type { Duplex } from 'node:stream'
import type { Command } from './command.ts'
import type { Connection, Protocol } from './connection.ts'
import type { Lease } from './credential.ts'
import type { EventBody } from './events.ts'
import type { Masker } from './masker.ts'
import type { Permit } from './permit.ts'
import type { TerminalRecording, TerminalSize } from './terminal.ts'

/** What the client is told while a command waits: at once, and every 30 s. */
export interface Hold {
  readonly code: string
  readonly rule: string
  readonly because: string | null
  /** Who may answer, in words: `dba (dana, acme/dba), 1 needed`. */
  readonly approvers: string
  readonly until: Date
  /** Permalink of the request, null while it is being posted. */
  readonly where: string | null
}

export interface AdmitOptions {
  /** The exact bytes that will be sent; what the approval is bound to. Only read when a person is asked. */
  readonly bytes: () => Buffer
  /** Ends the wait: client gone or command cancelled. A held command never runs after it. */
  readonly signal: AbortSignal
  readonly onHeld: (hold: Hold) => void
  /** Facts for the approver, e.g. `a transaction is open: its locks are held while you decide`. */
  readonly notes: readonly string[]
  /**
   * Finds out what the command would change, before a person is asked; not called when nobody is.
   * @throws {Refusal} when it turns out that it cannot be approved: nobody is asked then.
   */
  readonly evidence?: (signal: AbortSignal) => Promise<Evidence>
}

/** What an approver gets to see beside the command itself. */
export interface Evidence {
  /** Lines of a unified diff, null = there is none. Nothing in it that the client may not see. */
  readonly diff: string | null
  readonly notes: readonly string[]
}

export interface Admission {
  readonly permit: Permit
  /** The number of each command in the recording, in order; later events name it. */
  readonly numbers: readonly number[]
}

export interface Session {
  readonly id: string
  readonly connection: Connection
  readonly masker: Masker
  /** Result rows kept per statement. */
  readonly keptRows: number
  /** The policy allows whatever comes: an engine need not wait to understand a command better. Left out = false. */
  readonly allowsEverything?: boolean
  /**
   * Judges one message of one or more commands; the strictest decision holds for all. Records it before it answers.
   * Synchronous unless a person is asked.
   * @throws {Refusal} when it does not run (synchronously, or as the rejection of the promise).
   * @throws {SallyportError} RECORDING_FAILED: the session must end.
   */
  admit(commands: readonly Command[], options: AdmitOptions): Admission | Promise<Admission>
  /** Queues an event about what the target answered; false = await `drained` before reading on. */
  append(event: EventBody): boolean
  drained(): Promise<void>
  /**
   * Starts the recording of a terminal that this command opened; ended by its `close`, at the latest by `checkOut`.
   * @throws {SallyportError} RECORDING_FAILED: the terminal must not open.
   */
  openTerminal(command: number, size: TerminalSize): TerminalRecording
  /**
   * The credential for the target. One lease may serve many sessions.
   * @param refused one that the target does not take any more: a newer one is fetched, where there can be one.
   */
  borrow(signal: AbortSignal, refused?: Lease): Promise<Lease>
  /** Records the end. Idempotent. */
  checkOut(reason: string): void
}

/** The door of one connection: one listener, one ticket, one FrontDesk. */
export interface FrontDesk {
  readonly connection: Connection
  /** True when the candidate is this connection's ticket; constant time. */
  isTicket(candidate: Buffer): boolean
  /** PBKDF2-HMAC-SHA-256 of the ticket (32 bytes), for challenge-response logins such as SCRAM. */
  saltedTicket(salt: Buffer, iterations: number): Buffer
  /** A new session for a client that proved the ticket. `login` is the name on the target as far as known. */
  checkIn(client: { readonly application: string; readonly login: string }): Session
}

export interface Engine {
  readonly protocol: Protocol
  /** Serves one accepted client until it ends; never rejects for what a client or target did. */
  serve(client: Duplex, desk: FrontDesk, signal: AbortSignal): Promise<void>
  /**
   * Looks at the target before the first client: what should be known of it, one line each. Left out by engines that have nothing to say.
   * @throws {SallyportError} when it cannot be looked at.
   */
  inspect?(target: InspectedTarget, signal: AbortSignal): Promise<readonly string[]>
}

export interface InspectedTarget {
  readonly connection: Connection
  readonly lease: Lease
  readonly masker: Masker
}
