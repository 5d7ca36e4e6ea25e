// What the target answers on one sftp channel: each answer belongs to a request, is noted, and passed on; the gateway's own are put between.
import type { Writable } from 'node:stream'
import { SftpFields, sftpStatus, sftpType } from '../../wire/ssh/sftp.ts'
import type { SftpPiece } from '../../wire/ssh/sftp-splitter.ts'
import type { FileJournal } from './file-journal.ts'
import type { FileTransfer } from './file-transfer.ts'
import type { PieceWriter } from './flow.ts'
import { unasked } from './sftp-requests.ts'
import type { SftpRequests } from './sftp-requests.ts'

export class SftpAnswers {
  readonly #requests: SftpRequests
  readonly #journal: FileJournal
  readonly #client: Writable
  /** The file whose content comes in just now. */
  #reading: FileTransfer | null = null
  #isWithinAnswer = false
  /** Answers of the gateway's own that wait for the end of one that has begun. */
  readonly #later: Buffer[] = []

  constructor(requests: SftpRequests, journal: FileJournal, client: Writable) {
    this.#requests = requests
    this.#journal = journal
    this.#client = client
  }

  /** An answer of the gateway's own; never within one of the target. */
  insert(packet: Buffer): void {
    if (this.#isWithinAnswer) this.#later.push(packet)
    else this.#client.write(packet)
  }

  /** One piece of the target's. */
  pass(piece: SftpPiece, writer: PieceWriter): void {
    switch (piece.kind) {
      case 'packet':
        if (this.#isForClient(piece.bytes)) writer.add(piece.bytes)
        return
      case 'head': {
        const request = this.#requests.answeredBy(new SftpFields(piece.bytes))
        if (request.kind !== 'read' || piece.bytes[4] !== sftpType.data) throw unasked()
        this.#reading = request.transfer
        this.#reading?.at(request.offset)
        this.#isWithinAnswer = piece.contentBytes > 0
        writer.add(piece.bytes)
        return
      }
      case 'content':
        this.#reading?.take(piece.bytes)
        writer.add(piece.bytes)
        if (!piece.isLast) return
        this.#isWithinAnswer = false
        for (const packet of this.#later.splice(0)) writer.add(packet)
    }
  }

  /** Takes note of an answer; false when it is for the gateway itself. */
  #isForClient(packet: Buffer): boolean {
    const fields = new SftpFields(packet)
    if (fields.type === sftpType.version) return true
    const request = this.#requests.answeredBy(fields)
    switch (request.kind) {
      case 'own':
        request.answer(packet)
        return false
      case 'open':
        if (fields.type === sftpType.handle) this.#journal.opened(fields.bytes(), request)
        else this.#journal.result(request.transfer.command, statusOf(fields), request.startedAt)
        return true
      case 'operation': {
        // Opening a folder answers with a handle, everything else with a status.
        const status = fields.type === sftpType.status ? fields.uint32() : sftpStatus.ok
        if (status === sftpStatus.ok) this.#journal.touched(request.command, request.operations, request.paths)
        this.#journal.result(request.command, status, request.startedAt)
        return true
      }
      // Without content: a status, such as the end of the file.
      case 'read':
      case 'other':
        return true
    }
  }
}

function statusOf(fields: SftpFields): number {
  return fields.type === sftpType.status ? fields.uint32() : sftpStatus.failure
}
