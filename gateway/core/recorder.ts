// What the rooms know of the recording: two verbs, and terminals. record/ implements it.
import type { EventBody } from './events.ts'
import type { TerminalRecording, TerminalSize } from './terminal.ts'

export interface Recorder {
  /**
   * Writes events so that they survive the death of this process, before it returns (`written`), or of the
   * machine (`synced`: fdatasync too). One write for all of them. Synchronous on purpose: no byte is forwarded in between.
   *
   * @param session id of the session, null for events of the run.
   * @throws {SallyportError} RECORDING_FAILED; afterwards every further call throws it as well.
   */
  commit(session: string | null, events: readonly EventBody[], durability: 'written' | 'synced'): void
  /**
   * Queues an event that follows from what was committed (results, rows); it is written with the next commit or within 50 ms.
   * Returns false when more than a limit is queued: stop reading the target and await `drained`.
   */
  append(session: string | null, event: EventBody): boolean
  drained(): Promise<void>
  /**
   * Starts the recording of a terminal: a file of its own, and in the log when it began and, with its digest, when it ended.
   *
   * @param title for people, e.g. `web: command 3`.
   * @throws {SallyportError} RECORDING_FAILED: the terminal must not open.
   */
  openTerminal(session: string, command: number, size: TerminalSize, title: string): TerminalRecording
  /** The next number of a command in this run, from 1. */
  nextCommand(): number
  /** True after a failure: nothing may be forwarded any more. */
  readonly hasFailed: boolean
}
