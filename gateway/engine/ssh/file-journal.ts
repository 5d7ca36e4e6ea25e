// What is recorded of files: each open one with what went through it, each operation with how it ended. A full recording holds both sides back.
import type { EventBody } from '../../core/events.ts'
import type { Session } from '../../core/session.ts'
import { sftpStatus } from '../../wire/ssh/sftp.ts'
import { FileTransfer } from './file-transfer.ts'

/** A file that the target has opened, or was asked to. */
export interface Opening {
  readonly transfer: FileTransfer
  readonly startedAt: number
}

export class FileJournal {
  readonly #session: Session
  readonly #open = new Map<string, Opening>()
  #room: Promise<void> | null = null

  constructor(session: Session) {
    this.#session = session
  }

  /** Set while the recording has no room: neither side is read until it has. */
  get room(): Promise<void> | null {
    return this.#room
  }

  /** @param handle as the target named it. */
  opened(handle: Buffer, opening: Opening): void {
    this.#open.set(handle.toString('latin1'), opening)
  }

  /** The open file that a request is about; null for a folder, or a handle that nobody has. */
  fileOf(handle: Buffer): FileTransfer | null {
    return this.#open.get(handle.toString('latin1'))?.transfer ?? null
  }

  closed(handle: Buffer): void {
    const name = handle.toString('latin1')
    const opening = this.#open.get(name)
    this.#open.delete(name)
    if (opening !== undefined) this.#closeFile(opening, 'ok')
  }

  /** An operation on paths was done: each of them was touched, without content. */
  touched(command: number, operations: readonly string[], paths: readonly string[]): void {
    for (const path of paths) this.append({ kind: 'file', command, path, operation: operations.join(', '), bytes: 0, digest: null })
  }

  /** @param status of SFTP. */
  result(command: number, status: number, startedAt: number): void {
    this.ended(command, status === sftpStatus.ok ? 'ok' : `sftp status ${status}`, startedAt)
  }

  ended(command: number, tag: string, startedAt: number): void {
    this.append({ kind: 'result', command, tag, rows: 0, durationMs: performance.now() - startedAt })
  }

  append(event: EventBody): void {
    if (this.#session.append(event) || this.#room !== null) return
    this.#room = this.#session.drained().then(() => {
      this.#room = null
    })
  }

  /** Files that were never closed: the connection ended first. */
  closeAll(): void {
    for (const opening of this.#open.values()) this.#closeFile(opening, 'ended before the file was closed')
    this.#open.clear()
  }

  #closeFile({ transfer, startedAt }: Opening, tag: string): void {
    const { command, path, operation, bytes } = transfer
    this.append({ kind: 'file', command, path, operation, bytes, digest: transfer.digest() })
    this.ended(command, tag, startedAt)
  }
}
