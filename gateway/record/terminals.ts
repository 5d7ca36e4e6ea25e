// The terminals of a run: a file for each, named after its session, and in the log when it began, was cut and ended.
import path from 'node:path'
import type { Clock } from '../core/clock.ts'
import { SallyportError } from '../core/errors.ts'
import type { FileEvent } from '../core/events.ts'
import type { TerminalRecording, TerminalSize } from '../core/terminal.ts'
import type { AgeKey } from './age/age-keys.ts'
import { AGE_SUFFIX, SESSIONS_FOLDER } from './layout.ts'
import { syncFolder } from './log-file.ts'
import type { Disk } from './log-file.ts'
import { TerminalFile } from './terminal-file.ts'
import type { TerminalLimits } from './terminal-file.ts'

/** What a terminal needs of the log that it belongs to. */
export interface TerminalHost {
  /** Does something that needs the disk. @throws {SallyportError} RECORDING_FAILED, and the log has failed with it. */
  guard<T>(work: () => T): T
  hasFailed(): boolean
  /** Bytes wait to be written: sees to it that they are, and says whether there is room for more. */
  queued(): boolean
  commit(session: string, event: FileEvent): void
}

export interface TerminalsParts {
  readonly disk: Disk
  readonly dir: string
  readonly recipients: readonly AgeKey[] | null
  readonly clock: Clock
  readonly limits: TerminalLimits
  readonly host: TerminalHost
}

interface OpenTerminal {
  readonly file: TerminalFile
  readonly close: () => void
}

export class Terminals {
  readonly #parts: TerminalsParts
  readonly #open = new Set<OpenTerminal>()
  readonly #digests = new Map<string, string>()
  readonly #ended = new Map<string, TerminalFile>()

  constructor(parts: TerminalsParts) {
    this.#parts = parts
  }

  /** Bytes that wait to be written, of all terminals. */
  get pendingBytes(): number {
    let bytes = 0
    for (const { file } of this.#open) bytes += file.pendingBytes
    return bytes
  }

  /** SHA-256 of the files that are whole, hex, by name. */
  get digests(): ReadonlyMap<string, string> {
    return this.#digests
  }

  /** What a terminal's file says, given what it holds; null when it is not as it was written. */
  reopen(name: string, stored: Buffer): Buffer | null {
    return this.#ended.get(name)?.reopen(stored) ?? null
  }

  /** @param title for people. @throws {SallyportError} RECORDING_FAILED. */
  open(session: string, command: number, size: TerminalSize, title: string): TerminalRecording {
    const { disk, dir, recipients, clock, limits, host } = this.#parts
    const name = this.#nameOf(session, command)
    const file = host.guard(() => {
      if (this.#digests.size + this.#open.size === 0) {
        disk.mkdirSync(path.join(dir, SESSIONS_FOLDER), { recursive: true, mode: 0o700 })
        syncFolder(disk, dir)
      }
      const opened = new TerminalFile({ disk, dir, name, recipients, clock, limits, title, size })
      syncFolder(disk, path.join(dir, SESSIONS_FOLDER))
      return opened
    })
    const say = (operation: string, digest: string | null): void =>
      host.commit(session, {
        kind: 'file',
        command,
        path: file.name,
        operation,
        bytes: file.size,
        digest,
        ...(file.omittedBytes === 0 ? {} : { omitted: file.omittedBytes }),
      })
    const terminal: OpenTerminal = {
      file,
      close: () => {
        if (!this.#open.delete(terminal) || host.hasFailed()) return
        try {
          host.guard(() => file.end())
          this.#digests.set(file.name, file.sha256)
          this.#ended.set(file.name, file)
          say('terminal', `sha256:${file.sha256}`)
        } catch {
          // The log has failed, and its state says so to everybody.
          file.abandon()
        }
      },
    }
    this.#open.add(terminal)
    say('terminal-open', null)
    const keep = (bytes: Buffer, side: 'output' | 'input'): boolean => {
      if (!this.#open.has(terminal)) throw new SallyportError('RECORDING_FAILED', 'the recording of this terminal is closed')
      const fate = host.guard(() => file[side](bytes))
      if (fate === 'cut') say('terminal-truncated', null)
      if (side === 'input') host.guard(() => file.flush())
      return host.queued()
    }
    return {
      output: bytes => keep(bytes, 'output'),
      input: bytes => keep(bytes, 'input'),
      resize: (columns, rows) => {
        if (!this.#open.has(terminal)) return
        host.guard(() => file.resize({ columns, rows }))
        host.queued()
      },
      close: terminal.close,
    }
  }

  /** @throws what the disk says. */
  flush(): void {
    for (const { file } of this.#open) file.flush()
  }

  /** Ends those that are still open. */
  close(): void {
    for (const { close } of this.#open) close()
  }

  /** The log has failed. */
  abandon(): void {
    for (const { file } of this.#open) file.abandon()
    this.#open.clear()
  }

  /** The first terminal of a session has its name, the others that of the command too. */
  #nameOf(session: string, command: number): string {
    const suffix = this.#parts.recipients === null ? '.cast' : `.cast${AGE_SUFFIX}`
    const names = [session, `${session}-${command}`].map(name => `${SESSIONS_FOLDER}/${name}${suffix}`)
    const isTaken = (name: string): boolean => this.#digests.has(name) || [...this.#open].some(({ file }) => file.name === name)
    const free = names.find(name => !isTaken(name))
    if (free === undefined) throw new SallyportError('RECORDING_FAILED', `command ${command} has a terminal already`)
    return free
  }
}
