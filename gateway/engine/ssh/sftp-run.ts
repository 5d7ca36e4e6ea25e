// The file server: every request of the client is looked at, operations on paths are judged with the path as the target resolves it,
// bytes of files pass through. Not judged: looks at names and attributes (stat, realpath, readlink), which copying needs at every step.
import type { Writable } from 'node:stream'
import type { Client, ClientChannel, ServerChannel } from 'ssh2'
import { readFileWish } from '../../command/ssh/file-command.ts'
import type { FileWish } from '../../command/ssh/file-command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import { SftpFields, sftpStatus, sftpType, writeStatus } from '../../wire/ssh/sftp.ts'
import { SftpSplitter } from '../../wire/ssh/sftp-splitter.ts'
import type { SftpPiece } from '../../wire/ssh/sftp-splitter.ts'
import { ClientOutput } from './client-output.ts'
import { FileJournal } from './file-journal.ts'
import { judgeFile } from './file-judge.ts'
import type { JudgedRequest } from './file-judge.ts'
import { FileTransfer } from './file-transfer.ts'
import { PieceWriter, readAll } from './flow.ts'
import { refusalLines } from './held-words.ts'
import { SftpAnswers } from './sftp-answers.ts'
import { SftpRequests } from './sftp-requests.ts'
import type { SftpRequest } from './sftp-requests.ts'
import { startProcess } from './target-channel.ts'
import { TargetPaths } from './target-paths.ts'

/** Refusals a client is told of on stderr; the rest are status answers only. */
const MAX_SAID = 20

export interface SftpRunParts {
  readonly channel: ServerChannel
  readonly session: Session
  readonly target: Promise<Client>
  readonly environment: ReadonlyMap<string, string>
  readonly signal: AbortSignal
}

export class SftpRun {
  readonly #parts: SftpRunParts
  readonly #output: ClientOutput
  readonly #closed = new AbortController()
  readonly #requests = new SftpRequests()
  readonly #journal: FileJournal
  readonly #answers: SftpAnswers
  /** The file whose content comes from the client just now. */
  #writing: FileTransfer | null = null
  #upstream: ClientChannel | null = null
  #said = 0

  constructor(parts: SftpRunParts) {
    this.#parts = parts
    this.#output = new ClientOutput(parts.channel)
    this.#journal = new FileJournal(parts.session)
    this.#answers = new SftpAnswers(this.#requests, this.#journal, this.#output.stdout)
    parts.channel.once('close', () => {
      this.#upstream?.close()
      this.#end()
    })
  }

  /** Resolves when the channel is over. @throws {SallyportError} RECORDING_FAILED: the session must end. */
  async start(): Promise<void> {
    const { channel } = this.#parts
    try {
      const client = await this.#parts.target
      const upstream = await this.#startServer(client)
      this.#upstream = upstream
      upstream.on('error', () => upstream.close())
      upstream.stderr.pipe(this.#output.stderr, { end: false })
      if (this.#closed.signal.aborted) upstream.close()
      let status = 0
      upstream.on('exit', (code: number | null) => (status = code ?? 255))
      const closed = new Promise<void>(done => upstream.once('close', () => done()))
      await Promise.all([this.#fromClient(upstream), this.#fromTarget(upstream), closed])
      this.#recordRest()
      await this.#output.finish({ kind: 'status', status })
    } catch (error) {
      this.#upstream?.close()
      this.#upstream?.resume()
      this.#recordRest()
      const { text, status } = refusalLines(error)
      this.#output.say(text)
      await this.#output.finish({ kind: 'status', status })
      channel.resume()
      if (error instanceof SallyportError && error.code === 'RECORDING_FAILED') throw error
    }
  }

  async #startServer(client: Client): Promise<ClientChannel> {
    const setting = { environment: this.#parts.environment, pty: null, hasAgent: false, display: null }
    try {
      return (await startProcess(client, setting, { kind: 'subsystem', name: 'sftp' })).channel
    } catch (error) {
      throw new SallyportError('TARGET_UNREACHABLE', 'the target offers no sftp', { cause: error })
    }
  }

  async #fromClient(upstream: ClientChannel): Promise<void> {
    const splitter = new SftpSplitter()
    const writer = new PieceWriter(upstream)
    const go = (): Promise<unknown> | null => {
      while (!this.#closed.signal.aborted) {
        const piece = splitter.next()
        if (piece === null) return writer.flush() ? this.#journal.room : this.#drained(upstream)
        const wait = this.#ask(piece, writer, upstream)
        if (wait !== null) return wait.then(go)
      }
      return null
    }
    await readAll(this.#parts.channel, chunk => {
      if (this.#closed.signal.aborted) return null
      splitter.push(chunk)
      return go()
    })
    upstream.end()
  }

  /** One piece of the client's; what it returns is waited for before the next. */
  #ask(piece: SftpPiece, writer: PieceWriter, upstream: ClientChannel): Promise<void> | null {
    if (piece.kind === 'content') {
      this.#writing?.take(piece.bytes)
      writer.add(piece.bytes)
      return null
    }
    const fields = new SftpFields(piece.bytes)
    if (fields.type === sftpType.init) {
      writer.add(piece.bytes)
      return null
    }
    const id = fields.uint32()
    this.#requests.checkNew(id)
    const wish = piece.kind === 'head' ? null : this.#wishOf(piece.bytes)
    if (wish !== null && wish.kind !== 'passed') {
      writer.flush()
      return this.#request(piece.bytes, id, wish, upstream)
    }
    if (piece.kind === 'head') this.#beginWrite(id, fields)
    else this.#requests.add(id, this.#follow(fields))
    writer.add(piece.bytes)
    if (this.#requests.hasRoom) return null
    writer.flush()
    return this.#requests.untilRoom()
  }

  /** A change by a handle is one of the file that was opened. A handle that nobody has is the target's to refuse. */
  #wishOf(packet: Buffer): Exclude<FileWish, { kind: 'handle' }> {
    const wish = readFileWish(packet)
    if (wish.kind !== 'handle') return wish
    const file = this.#journal.fileOf(wish.handle)
    if (file === null) return { kind: 'passed' }
    // Clients that write over a file cut it to the size of what they wrote: it holds what passed here.
    if (wish.size !== 'same' && wish.size !== BigInt(file.bytes)) file.spoil()
    if (!wish.setsAttributes && (wish.size === 'unknown' || file.operation === 'write')) return { kind: 'passed' }
    return { kind: 'judged', operations: ['setstat'], paths: [{ path: file.path, follows: false }], sent: null }
  }

  #paths(upstream: ClientChannel): TargetPaths {
    return new TargetPaths(this.#requests, packet => this.#send(upstream, packet))
  }

  async #send(upstream: ClientChannel, packet: Buffer): Promise<void> {
    if (!upstream.write(packet)) await this.#drained(upstream)
  }

  async #drained(stream: Writable): Promise<void> {
    const { signal } = this.#closed
    if (signal.aborted) return
    await new Promise<void>(resolve => {
      const done = (): void => {
        stream.off('drain', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      stream.once('drain', done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  /** Nobody waits for an answer any more. */
  #end(): void {
    this.#closed.abort()
    this.#requests.end()
  }

  async #request(
    packet: Buffer,
    id: number,
    wish: Exclude<FileWish, { kind: 'passed' | 'handle' }>,
    upstream: ClientChannel,
  ): Promise<void> {
    switch (wish.kind) {
      case 'refused':
        this.#journal.append({ kind: 'error', command: null, code: 'COMMAND_DENIED', message: wish.reason })
        return this.#refuse(id, `sallyport: denied: ${wish.reason}`, sftpStatus.unsupported)
      case 'judged': {
        const startedAt = performance.now()
        const { session } = this.#parts
        const signal = AbortSignal.any([this.#parts.signal, this.#closed.signal])
        let judged: JudgedRequest
        try {
          judged = await judgeFile({ wish, packet, session, signal, paths: this.#paths(upstream), onHeld: text => this.#output.say(text) })
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          const { text } = refusalLines(error)
          return this.#refuse(id, text, sftpStatus.permissionDenied)
        }
        const { command, paths, request } = judged
        const isOpen = packet[4] === sftpType.open
        const operation = wish.operations.includes('write') ? 'write' : 'read'
        this.#requests.add(
          id,
          isOpen
            ? { kind: 'open', transfer: new FileTransfer(command, paths[0] ?? '', operation), startedAt }
            : { kind: 'operation', command, operations: wish.operations, paths, startedAt },
        )
        return this.#send(upstream, request)
      }
    }
  }

  /** The content follows. */
  #beginWrite(id: number, fields: SftpFields): void {
    if (fields.type !== sftpType.write) throw new SallyportError('PROTOCOL_VIOLATION', 'sftp: the client answered what nobody asked')
    this.#requests.add(id, { kind: 'other' })
    this.#writing = this.#journal.fileOf(fields.bytes())
    this.#writing?.at(fields.uint64())
  }

  /** What to remember of a request that is not judged, so that its answer is understood. */
  #follow(fields: SftpFields): SftpRequest {
    switch (fields.type) {
      case sftpType.close:
        this.#journal.closed(fields.bytes())
        return { kind: 'other' }
      case sftpType.read:
        return { kind: 'read', transfer: this.#journal.fileOf(fields.bytes()), offset: fields.uint64() }
      default:
        return { kind: 'other' }
    }
  }

  #refuse(id: number, text: string, status: number): void {
    const [line = ''] = text.split('\n', 1)
    this.#said += 1
    // Clients show a refusal as "Permission denied"; the reason is said beside it.
    if (this.#said <= MAX_SAID) this.#output.say(line)
    this.#answers.insert(writeStatus(id, status, line))
  }

  async #fromTarget(upstream: ClientChannel): Promise<void> {
    const splitter = new SftpSplitter()
    const writer = new PieceWriter(this.#output.stdout)
    await readAll(upstream, chunk => {
      splitter.push(chunk)
      for (let piece = splitter.next(); piece !== null; piece = splitter.next()) this.#answers.pass(piece, writer)
      return writer.flush() ? this.#journal.room : this.#drained(this.#output.stdout)
    })
    this.#end()
    // Nothing more can be answered: a client that goes on asking is not waited for.
    this.#parts.channel.push(null)
  }

  #recordRest(): void {
    this.#journal.closeAll()
    this.#requests.record(this.#journal)
  }
}
