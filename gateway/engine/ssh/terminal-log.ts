// The recording of one terminal as the engine fills it: output as the client sees it, sizes, and lines that were typed.
import { Transform } from 'node:stream'
import type { PseudoTtyInfo, WindowChangeInfo } from 'ssh2'
import type { Session } from '../../core/session.ts'
import type { TerminalRecording } from '../../core/terminal.ts'
import { TypedInput } from './typed-input.ts'

export class TerminalLog {
  readonly #session: Session
  readonly #recording: TerminalRecording
  readonly #typed: TypedInput
  #error: unknown = null

  /** @throws {SallyportError} RECORDING_FAILED: the terminal must not open. */
  constructor(session: Session, command: number, { cols, rows }: PseudoTtyInfo) {
    this.#session = session
    this.#recording = session.openTerminal(command, { columns: cols, rows })
    const keep = (text: string): void => void this.#recording.input(Buffer.from(text))
    this.#typed = new TypedInput(session.masker.text, keep, error => (this.#error = error))
  }

  /**
   * Takes what is on its way to the client. @returns a promise when the disk must catch up before more is read.
   * @throws {SallyportError} RECORDING_FAILED: it must not go on.
   */
  output(bytes: Buffer): Promise<void> | null {
    if (this.#error !== null) throw this.#error
    return this.#recording.output(bytes) ? null : this.#session.drained()
  }

  /** Takes what the target shows, before masks: only so is the echo of a masked value known for one. Not kept. */
  echo(bytes: Buffer): void {
    try {
      this.#typed.shown(bytes)
    } catch (error) {
      this.#error = error
    }
  }

  /** Passes on what is typed, once it is noted. */
  typing(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _, done) => {
        try {
          this.#typed.typed(chunk)
          done(null, chunk)
        } catch (error) {
          done(error instanceof Error ? error : new Error('the recording failed'))
        }
      },
    })
  }

  resize({ cols, rows }: WindowChangeInfo): void {
    this.#recording.resize(cols, rows)
  }

  /** Never throws; a failure is the recording's own. */
  close(): void {
    try {
      this.#typed.end()
    } catch {
      // The recording has failed: its state says so to everybody.
    }
    this.#recording.close()
  }
}
