// A recorder that keeps events in memory and can be told to fail, as a full disk does.
import { SallyportError } from '../../gateway/core/errors.ts'
import type { EventBody, EventKind } from '../../gateway/core/events.ts'
import type { Recorder } from '../../gateway/core/recorder.ts'
import type { TerminalRecording, TerminalSize } from '../../gateway/core/terminal.ts'

export interface Kept {
  readonly session: string | null
  readonly event: EventBody
  readonly durability: 'written' | 'synced' | 'queued'
}

/** What was recorded of one terminal. */
export interface KeptTerminal {
  readonly session: string
  readonly command: number
  readonly size: TerminalSize
  readonly title: string
  output: string
  input: string
  readonly sizes: TerminalSize[]
  isClosed: boolean
}

export class MemoryRecorder implements Recorder {
  readonly kept: Kept[] = []
  readonly terminals: KeptTerminal[] = []
  readonly #waiting: { readonly matches: (event: EventBody) => boolean; readonly resolve: (event: EventBody) => void }[] = []
  #commands = 0
  #failsAt: ((event: EventBody) => boolean) | null = null
  hasFailed = false

  /** From the first such event on, nothing can be written. */
  failAt(matches: (event: EventBody) => boolean): void {
    this.#failsAt = matches
  }

  commit(session: string | null, events: readonly EventBody[], durability: 'written' | 'synced'): void {
    if (this.#failsAt !== null && events.some(this.#failsAt)) this.hasFailed = true
    if (this.hasFailed) throw new SallyportError('RECORDING_FAILED', 'the recording cannot be written')
    for (const event of events) this.#keep({ session, event, durability })
  }

  append(session: string | null, event: EventBody): boolean {
    this.#keep({ session, event, durability: 'queued' })
    return true
  }

  drained(): Promise<void> {
    return Promise.resolve()
  }

  openTerminal(session: string, command: number, size: TerminalSize, title: string): TerminalRecording {
    const terminal: KeptTerminal = { session, command, size, title, output: '', input: '', sizes: [], isClosed: false }
    const refuse = (): void => {
      if (this.hasFailed) throw new SallyportError('RECORDING_FAILED', 'the recording cannot be written')
    }
    refuse()
    this.terminals.push(terminal)
    return {
      output(bytes) {
        refuse()
        terminal.output += bytes.toString('latin1')
        return true
      },
      input(bytes) {
        refuse()
        terminal.input += bytes.toString('latin1')
        return true
      },
      resize: (columns, rows) => void terminal.sizes.push({ columns, rows }),
      close: () => void (terminal.isClosed = true),
    }
  }

  nextCommand(): number {
    this.#commands += 1
    return this.#commands
  }

  /** Events of one kind so far. */
  of<K extends EventKind>(kind: K): Extract<EventBody, { kind: K }>[] {
    return this.kept.map(({ event }) => event).filter((event): event is Extract<EventBody, { kind: K }> => event.kind === kind)
  }

  /** The first event that matches, already kept or still to come. */
  seen(matches: (event: EventBody) => boolean): Promise<EventBody> {
    const found = this.kept.find(({ event }) => matches(event))
    return found === undefined ? new Promise(resolve => this.#waiting.push({ matches, resolve })) : Promise.resolve(found.event)
  }

  #keep(kept: Kept): void {
    this.kept.push(kept)
    for (const waiting of this.#waiting) if (waiting.matches(kept.event)) waiting.resolve(kept.event)
  }
}
