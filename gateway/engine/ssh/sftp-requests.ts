// Requests of one sftp channel that the target has not answered yet, by their number: the client's, and the gateway's own among them.
import { SallyportError } from '../../core/errors.ts'
import type { SftpFields } from '../../wire/ssh/sftp.ts'
import type { FileJournal, Opening } from './file-journal.ts'
import type { FileTransfer } from './file-transfer.ts'

/** More, and the client is not read until some are answered. */
const MAX_OUTSTANDING = 1_024

export type SftpRequest =
  | ({ readonly kind: 'open' } & Opening)
  | { readonly kind: 'read'; readonly transfer: FileTransfer | null; readonly offset: bigint }
  | {
      readonly kind: 'operation'
      readonly command: number
      readonly operations: readonly string[]
      readonly paths: readonly string[]
      readonly startedAt: number
    }
  /** @param packet null when no answer will come. */
  | { readonly kind: 'own'; readonly answer: (packet: Buffer | null) => void }
  | { readonly kind: 'other' }

export class SftpRequests {
  readonly #outstanding = new Map<number, SftpRequest>()
  #ownId = 0
  #isOver = false
  #answered: () => void = () => {}

  get hasRoom(): boolean {
    return this.#outstanding.size <= MAX_OUTSTANDING
  }

  /** @throws {SallyportError} PROTOCOL_VIOLATION for a number whose request is still to be answered. */
  checkNew(id: number): void {
    if (this.#outstanding.has(id)) throw new SallyportError('PROTOCOL_VIOLATION', 'sftp: a request number is used twice at a time')
  }

  add(id: number, request: SftpRequest): void {
    this.#outstanding.set(id, request)
  }

  /** A request of the gateway's own: its number, and its answer; null when the channel ends first. */
  ask(): { readonly id: number; readonly answer: Promise<Buffer | null> } {
    do this.#ownId = (this.#ownId + 1) % 0x1_0000_0000
    while (this.#outstanding.has(this.#ownId))
    const id = this.#ownId
    const answer = new Promise<Buffer | null>(resolve => this.#outstanding.set(id, { kind: 'own', answer: resolve }))
    if (this.#isOver) this.end()
    return { id, answer }
  }

  /** Resolves when there is room, or nobody waits any more. */
  async untilRoom(): Promise<void> {
    while (!this.hasRoom && !this.#isOver) await new Promise<void>(resolve => (this.#answered = resolve))
  }

  /** The request that a packet of the target answers; the fields are read up to the number. @throws {SallyportError} PROTOCOL_VIOLATION */
  answeredBy(fields: SftpFields): SftpRequest {
    const id = fields.uint32()
    const request = this.#outstanding.get(id)
    if (request === undefined) throw unasked()
    this.#outstanding.delete(id)
    this.#answered()
    return request
  }

  /** Nobody waits for an answer any more. */
  end(): void {
    this.#isOver = true
    this.#answered()
    for (const [id, request] of this.#outstanding) {
      if (request.kind !== 'own') continue
      this.#outstanding.delete(id)
      request.answer(null)
    }
  }

  /** Records operations that were never answered: the connection ended first. */
  record(journal: FileJournal): void {
    for (const request of this.#outstanding.values()) {
      if (request.kind === 'operation') journal.ended(request.command, 'ended before it was answered', request.startedAt)
      else if (request.kind === 'open') journal.ended(request.transfer.command, 'ended before it was answered', request.startedAt)
    }
    this.#outstanding.clear()
  }
}

export function unasked(): SallyportError {
  return new SallyportError('PROTOCOL_VIOLATION', 'sftp: the target answered what nobody asked')
}
