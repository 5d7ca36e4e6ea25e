// The file of one terminal: asciicast lines, appended as the log's are, sealed to the auditors when the log is.
import path from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '../core/clock.ts'
import type { TerminalSize } from '../core/terminal.ts'
import { addressTo, AgeWriter } from './age/age-file.ts'
import type { AgeKey } from './age/age-keys.ts'
import { castEvent, castHeader } from './cast.ts'
import type { CastKind } from './cast.ts'
import { LogFile } from './log-file.ts'
import type { Disk } from './log-file.ts'
import { PasswordPrompt } from './password-prompt.ts'
import { TerminalTail } from './terminal-tail.ts'

const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 }
const MAX_SIDE = 1000

export interface TerminalLimits {
  /** Bytes of lines of output that are kept of one terminal. */
  readonly maxOutputBytes: number
  /** The same for what was typed and for changes of size: they are kept where output is cut already. */
  readonly maxInputBytes: number
}

export const terminalLimits: TerminalLimits = { maxOutputBytes: 64 * 1024 * 1024, maxInputBytes: 16 * 1024 * 1024 }

export interface TerminalFileParts {
  readonly disk: Disk
  readonly dir: string
  /** Below `dir`. */
  readonly name: string
  /** The auditors; null = everybody who has the file can read it. */
  readonly recipients: readonly AgeKey[] | null
  readonly clock: Clock
  readonly limits: TerminalLimits
  readonly title: string
  readonly size: TerminalSize
}

/** What became of a chunk: kept, the first that was not kept, or one after it. */
export type Fate = 'kept' | 'cut' | 'omitted'

export class TerminalFile {
  readonly name: string
  readonly #file: LogFile
  readonly #age: AgeWriter | null
  readonly #tail: TerminalTail | null
  readonly #clock: Clock
  readonly #limits: TerminalLimits
  readonly #openedMs: number
  /** Characters may be cut anywhere by chunks; bytes that are none become U+FFFD. */
  readonly #decoders = { o: new StringDecoder('utf8'), i: new StringDecoder('utf8') }
  readonly #prompt = new PasswordPrompt()
  readonly #kept = { output: 0, input: 0 }
  #pending: string[] = []
  #pendingBytes = 0
  #omittedBytes = 0
  #isClosed = false

  /** @throws what the disk says. */
  constructor({ disk, dir, name, recipients, clock, limits, title, size }: TerminalFileParts) {
    this.name = name
    this.#clock = clock
    this.#limits = limits
    this.#age = recipients === null ? null : new AgeWriter(addressTo(recipients))
    this.#tail = recipients === null ? null : new TerminalTail(disk, dir, name, recipients)
    this.#openedMs = clock.monotonicMs()
    this.#file = new LogFile(disk, path.join(dir, name))
    const { columns, rows } = sizeOf(size)
    this.#queue(castHeader({ width: columns, height: rows, timestamp: Math.floor(clock.now().getTime() / 1000), title }))
    this.flush()
  }

  /** Bytes of lines that are not handed to the disk yet. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Bytes of the terminal that were not kept. */
  get omittedBytes(): number {
    return this.#omittedBytes
  }

  /** Bytes on disk. */
  get size(): number {
    return this.#file.size
  }

  get sha256(): string {
    return this.#file.sha256
  }

  /** What the file says, given what it holds: the key to a sealed one is with whoever writes it. */
  reopen(stored: Buffer): Buffer | null {
    return this.#age === null ? stored : this.#age.reopen(stored)
  }

  output(bytes: Buffer): Fate {
    return this.#keep('o', bytes)
  }

  input(bytes: Buffer): Fate {
    return this.#keep('i', bytes)
  }

  resize(size: TerminalSize): void {
    const { columns, rows } = sizeOf(size)
    const line = this.#line('r', `${columns}x${rows}`)
    if (this.#kept.input + line.length > this.#limits.maxInputBytes) return
    this.#kept.input += line.length
    this.#queue(line)
  }

  /** One write for all that waits; sealed, one more for what fills no chunk of age yet. */
  flush(): void {
    if (this.#pending.length === 0) return
    const plain = Buffer.from(this.#pending.join(''), 'utf8')
    this.#pending = []
    this.#pendingBytes = 0
    if (this.#age === null) {
      this.#write(plain)
      return
    }
    // The chunk first: the tail before it holds nothing that is not in it.
    this.#write(this.#age.push(plain))
    const { offset, bytes } = this.#age.held
    this.#tail?.write(offset, bytes)
  }

  /** Everything is on disk, for good. */
  end(): void {
    for (const kind of ['o', 'i'] as const) {
      const rest = this.#heed(kind, this.#decoders[kind].end())
      if (rest !== '') this.#queue(this.#line(kind, rest))
    }
    this.flush()
    if (this.#age !== null) this.#write(this.#age.end())
    this.#file.sync()
    this.#tail?.remove()
    this.#close()
  }

  /** The disk failed: what is on it stays, as whole lines where it can be. */
  abandon(): void {
    if (this.#isClosed) return
    this.#pending = []
    this.#pendingBytes = 0
    try {
      this.#file.cutBack()
    } catch {
      // Then its last line is torn, which readers say.
    }
    this.#close()
  }

  #close(): void {
    this.#isClosed = true
    this.#file.close()
  }

  #keep(kind: 'o' | 'i', bytes: Buffer): Fate {
    const side = kind === 'o' ? 'output' : 'input'
    const max = kind === 'o' ? this.#limits.maxOutputBytes : this.#limits.maxInputBytes
    if (this.#kept[side] > max) {
      this.#omittedBytes += bytes.length
      return 'omitted'
    }
    const text = this.#heed(kind, this.#decoders[kind].write(bytes))
    // Nothing but the start of a character, which comes with the rest of it; or more of a password.
    if (text === '') return 'kept'
    const line = this.#line(kind, text)
    if (this.#kept[side] + line.length > max) {
      this.#kept[side] = max + 1
      this.#omittedBytes += bytes.length
      this.#queue(this.#line('m', `truncated: no more ${side} is kept`))
      return 'cut'
    }
    this.#kept[side] += line.length
    this.#queue(line)
    return 'kept'
  }

  #heed(kind: 'o' | 'i', text: string): string {
    if (kind === 'i') return this.#prompt.typed(text)
    this.#prompt.saw(text)
    return text
  }

  #line(kind: CastKind, text: string): string {
    return castEvent(this.#clock.monotonicMs() - this.#openedMs, kind, text)
  }

  #queue(line: string): void {
    this.#pending.push(line)
    this.#pendingBytes += line.length
  }

  #write(bytes: Buffer): void {
    if (bytes.length > 0) this.#file.append(bytes, 0, bytes.length)
  }
}

/** As a terminal can have it: clients send 0 for what they do not know. */
function sizeOf({ columns, rows }: TerminalSize): TerminalSize {
  return { columns: sideOf(columns, DEFAULT_SIZE.columns), rows: sideOf(rows, DEFAULT_SIZE.rows) }
}

function sideOf(wanted: number, otherwise: number): number {
  return Number.isInteger(wanted) && wanted > 0 ? Math.min(wanted, MAX_SIDE) : otherwise
}
