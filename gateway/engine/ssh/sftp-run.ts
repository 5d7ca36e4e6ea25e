// The file server: every request of the client is looked at, operations on paths are judged with the path as the target resolves it,
// bytes of files pass through. Not judged: looks at names and attributes (stat, realpath, readlink), which copying needs at every step.
import path from 'node:path'
import type { Writable } from 'node:stream'
import type { Client, ClientChannel, ServerChannel } from 'ssh2'
import { fileCommand, readFileWish } from '../../command/ssh/file-command.ts'
import type { FilePath, FileWish } from '../../command/ssh/file-command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { Permit } from '../../core/permit.ts'
import type { EventBody } from '../../core/events.ts'
import type { Session } from '../../core/session.ts'
import { SftpFields, sftpStatus, sftpType, writeRealPath, writeStatus } from '../../wire/ssh/sftp.ts'
import { SftpSplitter } from '../../wire/ssh/sftp-splitter.ts'
import type { SftpPiece } from '../../wire/ssh/sftp-splitter.ts'
import { ClientOutput } from './client-output.ts'
import { FileTransfer } from './file-transfer.ts'
import { PieceWriter, readAll } from './flow.ts'
import { heldLine, refusalLines } from './held-words.ts'
import { startProcess } from './target-channel.ts'

/** Requests without an answer; more, and the client is not read until some are answered. */
const MAX_OUTSTANDING = 1_024
/** Refusals a client is told of on stderr; the rest are status answers only. */
const MAX_SAID = 20

export interface SftpRunParts {
  readonly channel: ServerChannel
  readonly session: Session
  readonly target: Promise<Client>
  readonly environment: ReadonlyMap<string, string>
  readonly signal: AbortSignal
}

type Outstanding =
  | { readonly kind: 'open'; readonly transfer: FileTransfer; readonly startedAt: number }
  | { readonly kind: 'close'; readonly transfer: FileTransfer | null }
  | { readonly kind: 'read'; readonly transfer: FileTransfer | null; readonly offset: bigint }
  | {
      readonly kind: 'operation'
      readonly command: number
      readonly wish: Extract<FileWish, { kind: 'judged' }>
      readonly startedAt: number
    }
  | { readonly kind: 'own'; readonly answer: (packet: Buffer | null) => void }
  | { readonly kind: 'other' }

export class SftpRun {
  readonly #parts: SftpRunParts
  readonly #output: ClientOutput
  readonly #closed = new AbortController()
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #open = new Map<string, { readonly transfer: FileTransfer; readonly startedAt: number }>()
  /** The file whose content comes in just now: from the client, from the target. */
  #writing: FileTransfer | null = null
  #reading: FileTransfer | null = null
  #isWithinAnswer = false
  /** Answers of the gateway's own that wait for the end of one that has begun. */
  readonly #later: Buffer[] = []
  #upstream: ClientChannel | null = null
  #ownId = 0
  #said = 0
  #answered: () => void = () => {}
  /** Set while the recording has no room. */
  #room: Promise<void> | null = null

  constructor(parts: SftpRunParts) {
    this.#parts = parts
    this.#output = new ClientOutput(parts.channel)
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
      this.#closeAll()
      await this.#output.finish({ kind: 'status', status })
    } catch (error) {
      this.#upstream?.close()
      this.#upstream?.resume()
      this.#closeAll()
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
        if (piece === null) return writer.flush() ? this.#room : this.#drained(upstream)
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
    if (this.#outstanding.has(id)) throw new SallyportError('PROTOCOL_VIOLATION', 'sftp: a request number is used twice at a time')
    const wish = piece.kind === 'head' ? null : readFileWish(piece.bytes)
    if (wish !== null && wish.kind !== 'passed') {
      writer.flush()
      return this.#request(piece.bytes, id, wish, upstream)
    }
    if (piece.kind === 'head') this.#beginWrite(id, fields)
    else this.#outstanding.set(id, this.#follow(fields))
    writer.add(piece.bytes)
    if (this.#outstanding.size <= MAX_OUTSTANDING) return null
    writer.flush()
    return this.#untilAnswered()
  }

  async #untilAnswered(): Promise<void> {
    while (this.#outstanding.size > MAX_OUTSTANDING && !this.#closed.signal.aborted) {
      await new Promise<void>(resolve => (this.#answered = resolve))
    }
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
    this.#answered()
    for (const [id, request] of this.#outstanding) {
      if (request.kind !== 'own') continue
      this.#outstanding.delete(id)
      request.answer(null)
    }
  }

  async #request(packet: Buffer, id: number, wish: Exclude<FileWish, { kind: 'passed' }>, upstream: ClientChannel): Promise<void> {
    switch (wish.kind) {
      case 'refused':
        this.#append({ kind: 'error', command: null, code: 'COMMAND_DENIED', message: wish.reason })
        return this.#refuse(id, `sallyport: denied: ${wish.reason}`, sftpStatus.unsupported)
      case 'judged': {
        const startedAt = performance.now()
        let command: number
        let paths: readonly string[]
        try {
          paths = await Promise.all(wish.paths.map(wanted => this.#resolve(wanted, upstream)))
          command = await this.#judge(wish, paths, packet)
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          const { text } = refusalLines(error)
          return this.#refuse(id, text, sftpStatus.permissionDenied)
        }
        const isOpen = packet[4] === sftpType.open
        const operation = wish.operations.includes('write') ? 'write' : 'read'
        this.#outstanding.set(
          id,
          isOpen
            ? { kind: 'open', transfer: new FileTransfer(command, paths[0] ?? '', operation), startedAt }
            : { kind: 'operation', command, wish: { ...wish, paths: paths.map(each => ({ path: each, follows: false })) }, startedAt },
        )
        return this.#send(upstream, packet)
      }
    }
  }

  async #judge(wish: Extract<FileWish, { kind: 'judged' }>, paths: readonly string[], packet: Buffer): Promise<number> {
    const { session, signal } = this.#parts
    const admission = await session.admit(
      wish.operations.map(operation => fileCommand(operation, paths)),
      {
        bytes: () => packet,
        signal: AbortSignal.any([signal, this.#closed.signal]),
        onHeld: hold => this.#output.say(heldLine(hold)),
        notes: [],
      },
    )
    if (!Permit.isMinted(admission.permit)) throw new SallyportError('INTERNAL', 'a command without a permit')
    if (this.#closed.signal.aborted) throw new Refusal('COMMAND_CANCELLED', null, 'sallyport: cancelled: the client went away')
    return admission.numbers[0] ?? 0
  }

  /** The content follows. */
  #beginWrite(id: number, fields: SftpFields): void {
    if (fields.type !== sftpType.write) throw new SallyportError('PROTOCOL_VIOLATION', 'sftp: the client answered what nobody asked')
    this.#outstanding.set(id, { kind: 'other' })
    this.#writing = this.#open.get(fields.bytes().toString('latin1'))?.transfer ?? null
    this.#writing?.at(fields.uint64())
  }

  /** What to remember of a request that is not judged, so that its answer is understood. */
  #follow(fields: SftpFields): Outstanding {
    switch (fields.type) {
      case sftpType.close: {
        const handle = fields.bytes().toString('latin1')
        const open = this.#open.get(handle)
        this.#open.delete(handle)
        if (open !== undefined) this.#closeFile(open.transfer, open.startedAt)
        return { kind: 'close', transfer: null }
      }
      case sftpType.read: {
        const transfer = this.#open.get(fields.bytes().toString('latin1'))?.transfer ?? null
        return { kind: 'read', transfer, offset: fields.uint64() }
      }
      default:
        return { kind: 'other' }
    }
  }

  /** The path without links and dots, by the target's own word; its end stays as it is where the operation acts on the end itself. */
  async #resolve({ path: wanted, follows }: FilePath, upstream: ClientChannel): Promise<string> {
    const trimmed = wanted.length > 1 ? wanted.replace(/\/+$/, '') || '/' : wanted
    const end = path.posix.basename(trimmed)
    const isPlainEnd = end !== '.' && end !== '..' && end !== ''
    const whole = follows || !isPlainEnd ? await this.#realPath(trimmed === '' ? '.' : trimmed, upstream) : null
    if (whole !== null) return whole
    const folder = await this.#realPath(path.posix.dirname(trimmed), upstream)
    if (folder !== null && isPlainEnd) return path.posix.join(folder, end)
    // The folder is not there: the target will say so. Until then the path is judged as it is written.
    return trimmed.startsWith('/') ? path.posix.normalize(trimmed) : trimmed
  }

  async #realPath(wanted: string, upstream: ClientChannel): Promise<string | null> {
    do this.#ownId = (this.#ownId + 1) % 0x1_0000_0000
    while (this.#outstanding.has(this.#ownId))
    const id = this.#ownId
    const answer = new Promise<Buffer | null>(resolve => this.#outstanding.set(id, { kind: 'own', answer: resolve }))
    if (this.#closed.signal.aborted) this.#end()
    await this.#send(upstream, writeRealPath(id, wanted))
    const packet = await answer
    if (packet === null) throw new Refusal('COMMAND_CANCELLED', null, 'sallyport: cancelled: the connection ended')
    const fields = new SftpFields(packet)
    fields.uint32()
    if (fields.type !== sftpType.name || fields.uint32() !== 1) return null
    const found = fields.text()
    return found?.startsWith('/') === true ? found : null
  }

  async #refuse(id: number, text: string, status: number): Promise<void> {
    const [line = ''] = text.split('\n', 1)
    this.#said += 1
    // Clients show a refusal as "Permission denied"; the reason is said beside it.
    if (this.#said <= MAX_SAID) this.#output.say(line)
    this.#answer(writeStatus(id, status, line))
    await Promise.resolve()
  }

  /** An answer of the gateway's own; never within one of the target. */
  #answer(packet: Buffer): void {
    if (this.#isWithinAnswer) this.#later.push(packet)
    else this.#output.stdout.write(packet)
  }

  async #fromTarget(upstream: ClientChannel): Promise<void> {
    const splitter = new SftpSplitter()
    const writer = new PieceWriter(this.#output.stdout)
    await readAll(upstream, chunk => {
      splitter.push(chunk)
      for (let piece = splitter.next(); piece !== null; piece = splitter.next()) this.#pass(piece, writer)
      return writer.flush() ? this.#room : this.#drained(this.#output.stdout)
    })
    this.#end()
    // Nothing more can be answered: a client that goes on asking is not waited for.
    this.#parts.channel.push(null)
  }

  /** One piece of the target's. */
  #pass(piece: SftpPiece, writer: PieceWriter): void {
    switch (piece.kind) {
      case 'packet':
        if (this.#isForClient(piece.bytes)) writer.add(piece.bytes)
        return
      case 'head': {
        const request = this.#answeredBy(new SftpFields(piece.bytes))
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

  /** The request that this answers; the fields are read up to the number. */
  #answeredBy(fields: SftpFields): Outstanding {
    const id = fields.uint32()
    const request = this.#outstanding.get(id)
    if (request === undefined) throw unasked()
    this.#outstanding.delete(id)
    this.#answered()
    return request
  }

  /** Takes note of an answer; false when it is for the gateway itself. */
  #isForClient(packet: Buffer): boolean {
    const fields = new SftpFields(packet)
    if (fields.type === sftpType.version) return true
    const request = this.#answeredBy(fields)
    switch (request.kind) {
      case 'own':
        request.answer(packet)
        return false
      case 'open':
        if (fields.type === sftpType.handle) this.#open.set(fields.bytes().toString('latin1'), request)
        else this.#result(request.transfer.command, statusOf(fields), request.startedAt)
        return true
      case 'operation': {
        // Opening a folder answers with a handle, everything else with a status.
        const status = fields.type === sftpType.status ? fields.uint32() : sftpStatus.ok
        const { wish, command } = request
        if (status === sftpStatus.ok) {
          for (const { path: each } of wish.paths) {
            this.#append({ kind: 'file', command, path: each, operation: wish.operations.join(', '), bytes: 0, digest: null })
          }
        }
        this.#result(command, status, request.startedAt)
        return true
      }
      // Without content: a status, such as the end of the file.
      case 'read':
      case 'close':
      case 'other':
        return true
    }
  }

  #closeFile(transfer: FileTransfer, startedAt: number, tag = 'ok'): void {
    const { command, path: file, operation, bytes } = transfer
    this.#append({ kind: 'file', command, path: file, operation, bytes, digest: transfer.digest() })
    this.#ended(command, tag, startedAt)
  }

  #result(command: number, status: number, startedAt: number): void {
    this.#ended(command, status === sftpStatus.ok ? 'ok' : `sftp status ${status}`, startedAt)
  }

  #ended(command: number, tag: string, startedAt: number): void {
    this.#append({ kind: 'result', command, tag, rows: 0, durationMs: performance.now() - startedAt })
  }

  /** Records; where the disk must catch up, neither side is read until it has. */
  #append(event: EventBody): void {
    const { session } = this.#parts
    if (session.append(event) || this.#room !== null) return
    this.#room = session.drained().then(() => {
      this.#room = null
    })
  }

  /** Files that were never closed, and operations that were never answered: the connection ended first. */
  #closeAll(): void {
    for (const { transfer, startedAt } of this.#open.values()) this.#closeFile(transfer, startedAt, 'ended before the file was closed')
    this.#open.clear()
    for (const request of this.#outstanding.values()) {
      if (request.kind === 'operation') this.#ended(request.command, 'ended before it was answered', request.startedAt)
      else if (request.kind === 'open') this.#ended(request.transfer.command, 'ended before it was answered', request.startedAt)
    }
    this.#outstanding.clear()
  }
}

function unasked(): SallyportError {
  return new SallyportError('PROTOCOL_VIOLATION', 'sftp: the target answered what nobody asked')
}

function statusOf(fields: SftpFields): number {
  return fields.type === sftpType.status ? fields.uint32() : sftpStatus.failure
}
