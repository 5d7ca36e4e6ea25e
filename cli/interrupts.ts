// Signals while a command is guarded. None ends this process by itself: what was started is ended, and what was recorded is sealed.
import type { ChildProcess } from 'node:child_process'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
type Interrupt = (typeof SIGNALS)[number]

/** What a terminal sends to every process in the foreground, the command included. */
const KEYBOARD: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT', 'SIGHUP'])

export class Interrupts {
  readonly #hasTerminal: boolean
  readonly #starting = new AbortController()
  #child: ChildProcess | null = null
  #first: Interrupt | null = null
  readonly #hear = (signal: NodeJS.Signals): void => this.#take(signal)

  /** @param hasTerminal a keyboard may be the sender: the command has the signal already, and twice can mean something else. */
  constructor(hasTerminal: boolean) {
    this.#hasTerminal = hasTerminal
    for (const signal of SIGNALS) process.on(signal, this.#hear)
  }

  /** Aborted by a signal that comes before there is a command. */
  get starting(): AbortSignal {
    return this.#starting.signal
  }

  /** The signal that came before there was a command; null = none. */
  get first(): Interrupt | null {
    return this.#first
  }

  /** From now on signals are the command's. */
  passTo(child: ChildProcess): void {
    this.#child = child
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#hear)
  }

  #take(signal: NodeJS.Signals): void {
    if (this.#child !== null) {
      // A child that has ended is not signalled: its number may be somebody else's, and sealing is under way.
      if (!(this.#hasTerminal && KEYBOARD.has(signal))) this.#child.kill(signal)
      return
    }
    this.#first ??= SIGNALS.find(known => known === signal) ?? null
    this.#starting.abort(new Error(`${signal} before the command was started`))
  }
}
