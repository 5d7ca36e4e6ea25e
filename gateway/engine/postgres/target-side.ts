// From the target to the client: follows what each answer belongs to, masks it, records it, and passes the rest on in place, a chunk at a time.
import {
  readCommandComplete,
  readDataRow,
  readFields,
  readParameterStatus,
  readReady,
  readRowDescription,
} from '../../wire/postgres/backend.ts'
import { Framer } from '../../wire/postgres/framer.ts'
import type { FrameSink } from '../../wire/postgres/framer.ts'
import { backend, txStatus } from '../../wire/postgres/message-type.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'
import type { Answer, Running } from './answers.ts'
import { takeBack } from './batch.ts'
import type { SqlStatement } from '../../command/sql/sql-statement.ts'
import { asKind } from '../../command/sql/syntax-tree.ts'
import type { Conversation } from './conversation.ts'
import type { MaskDesk } from './mask-desk.ts'
import { ByteSink } from './byte-sink.ts'
import { Outbox } from './outbox.ts'
import { MAX_KEPT_ROW_BYTES } from './statement-run.ts'
import type { StatementRun } from './statement-run.ts'
import { failpoint } from '../../core/failpoint.ts'

/** A message that must be seen whole: a row with masked cells, an error, a description of columns. */
const MAX_WHOLE_BYTES = 64 * 1024 * 1024
/** Bytes that wait for a slow client before the target is not read any more. */
const MAX_WAITING_BYTES = 256 * 1024

export class TargetSide implements FrameSink {
  readonly #conversation: Conversation
  readonly #framer: Framer
  readonly #masks: MaskDesk
  readonly #outbox = new Outbox()
  /** Where masked messages are written; the outbox refers to it. */
  readonly #masked = new ByteSink()
  /** Messages of the gateway's own that wait for the border of the message under way. */
  #told: Buffer[] = []
  /** Stopped by a limit of rows, with more to come: perhaps nobody asks for it. */
  readonly #suspended = new Set<StatementRun>()
  #isBehind = false
  #isPaused = false

  constructor(conversation: Conversation, masks: MaskDesk) {
    this.#conversation = conversation
    this.#masks = masks
    this.#framer = new Framer(this, MAX_WHOLE_BYTES)
  }

  /** Takes the next bytes of the target; true when their buffer may be used again. @throws {WireError} when they are not the protocol. */
  push(chunk: Buffer): boolean {
    const { client } = this.#conversation
    failpoint('answer.arrived')
    this.#framer.push(chunk)
    if (this.#told.length > 0 && this.#framer.isAtBoundary) {
      for (const message of this.#told) this.#outbox.put(message)
      this.#told = []
    }
    this.#outbox.flush(bytes => this.#conversation.toClient(bytes))
    if (this.#isBehind) this.#catchUp()
    else if (client.writableLength > MAX_WAITING_BYTES) this.#pause()
    return client.writableLength === 0
  }

  /** Puts a message into the stream at the next border of messages. */
  tell(message: Buffer): void {
    if (this.#framer.isAtBoundary) this.#conversation.toClient(message)
    else this.#told.push(message)
  }

  /** The client takes bytes again. */
  resume(): void {
    if (!this.#isPaused || this.#isBehind) return
    this.#isPaused = false
    this.#conversation.target.socket.resume()
  }

  wantsWhole(type: number, messageBytes: number): boolean {
    switch (type) {
      case backend.dataRow: {
        const head = this.#conversation.answers.head()
        if (head?.kind === 'probe') return true
        const run = this.#run(head)
        return run !== null && (run.mask !== null || (run.keepsRows && messageBytes <= MAX_KEPT_ROW_BYTES))
      }
      case backend.copyData:
        return this.#run(this.#conversation.answers.head())?.mask != null
      case backend.functionCallResponse:
        return false
      default:
        return true
    }
  }

  onPiece(type: number, bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const run = this.#run(this.#conversation.answers.head())
    if (run !== null) {
      if (type === backend.copyData) run.copiedBytes += end - start
      else if (isLast) run.countRow()
    }
    this.#outbox.put(bytes, start, end)
  }

  onMessage(type: number, bytes: Buffer, start: number, end: number): void {
    if (this.#pass(type, bytes, start, end)) this.#outbox.put(bytes, start, end)
  }

  /** Follows one message. False when the client does not get it as it is. */
  #pass(type: number, bytes: Buffer, start: number, end: number): boolean {
    const { answers } = this.#conversation
    const head = answers.head()
    switch (type) {
      case backend.parameterStatus: {
        const [name, text] = readParameterStatus(bytes, start, end)
        this.#conversation.target.parameters.set(name, text)
        this.#conversation.context.noteParameter(name)
        return this.#passSetting(head, bytes.subarray(start, end))
      }
      case backend.noticeResponse:
        return this.#passWords(head, bytes, start, end)
      case backend.notificationResponse:
        return this.#passNotification(bytes.subarray(start, end))
      case backend.errorResponse:
        return this.#fail(head, bytes, start, end)
      case backend.readyForQuery:
        return this.#ready(head, readReady(bytes, start, end))
    }
    if (head === undefined) throw new WireError('the target answers what nobody asked')
    if (head.kind === 'probe') return this.#collect(head, type, bytes, start, end)
    switch (type) {
      case backend.dataRow:
        return this.#row(head, bytes, start, end)
      case backend.copyData:
        return this.#copyData(head, bytes, start, end)
      case backend.commandComplete:
        this.#complete(head, readCommandComplete(bytes, start, end))
        return true
      case backend.emptyQueryResponse:
        this.#complete(head, '')
        return true
      case backend.portalSuspended:
        this.#expect(head, 'execute')
        this.#suspend(head)
        answers.shift()
        return true
      case backend.parseComplete:
        if (head.kind !== 'parse') throw outOfOrder()
        this.#conversation.names.confirm(head.prepared)
        for (const { run } of head.running) if (!run.finish('PARSE')) this.#isBehind = true
        answers.shift()
        return true
      case backend.bindComplete:
        if (head.kind !== 'bind') throw outOfOrder()
        head.portal.isConfirmed = true
        answers.shift()
        return true
      case backend.closeComplete:
        this.#expect(head, 'close')
        answers.shift()
        return true
      case backend.parameterDescription:
        this.#expect(head, 'describe')
        return true
      case backend.rowDescription:
        return this.#describe(head, bytes, start, end)
      case backend.noData:
        if (head.kind !== 'describe') throw outOfOrder()
        answers.shift()
        return !head.isOurs
      case backend.copyInResponse:
        return this.#beginCopyIn(head)
      case backend.copyOutResponse: {
        const run = this.#run(head)
        if (run !== null) run.copyDirection = 'out'
        run?.mask?.onCopyOut(bytes.subarray(start, end))
        return true
      }
      case backend.copyDone:
        return true
      default:
        throw new WireError('a message of the target that is not passed on')
    }
  }

  #row(head: Answer, bytes: Buffer, start: number, end: number): boolean {
    const run = this.#run(head)
    if (run === null) return true
    run.countRow()
    if (run.mask !== null) {
      const out = this.#masked
      out.turnPage((end - start) * 2)
      const from = out.length
      if (!run.mask.maskRowAt(bytes, start, end, out)) {
        if (run.keepsRows && end - start <= MAX_KEPT_ROW_BYTES) run.keepRow(bytes, start, end)
        return true
      }
      failpoint('answer.masked')
      if (run.keepsRows && out.length - from <= MAX_KEPT_ROW_BYTES) run.keepRow(out.bytes, from, out.length)
      this.#outbox.put(out.bytes, from, out.length)
      return false
    }
    if (run.keepsRows) run.keepRow(bytes, start, end)
    return true
  }

  #copyData(head: Answer, bytes: Buffer, start: number, end: number): boolean {
    const run = this.#run(head)
    if (run === null) return true
    run.copiedBytes += end - start
    if (run.mask === null) return true
    const out = this.#masked
    out.turnPage((end - start) * 2)
    const from = out.length
    run.mask.maskCopyData(bytes.subarray(start, end), out)
    this.#outbox.put(out.bytes, from, out.length)
    return false
  }

  #suspend(head: Answer): void {
    const run = this.#run(head)
    if (run !== null) this.#suspended.add(run)
  }

  /** The portals are gone: what was fetched from them is all there is. */
  endSuspended(): void {
    for (const run of this.#suspended) if (!run.finish('portal suspended')) this.#isBehind = true
    this.#suspended.clear()
  }

  #describe(head: Answer, bytes: Buffer, start: number, end: number): boolean {
    const { answers } = this.#conversation
    if (head.kind === 'describe') {
      answers.shift()
      if (head.of !== null) head.of.columns = readRowDescription(bytes, start, end)
      if (head.run !== null) {
        head.run.columns = readRowDescription(bytes, start, end)
        head.run.mask?.onRowDescription(bytes.subarray(start, end))
      }
      return !head.isOurs
    }
    if (head.kind !== 'query') throw outOfOrder()
    const run = this.#run(head)
    if (run !== null) {
      run.columns = readRowDescription(bytes, start, end)
      run.mask?.onRowDescription(bytes.subarray(start, end))
    }
    return true
  }

  #beginCopyIn(head: Answer): boolean {
    if (head.kind !== 'query' && head.kind !== 'execute') throw outOfOrder()
    const run = this.#run(head)
    if (run !== null) run.copyDirection = 'in'
    if (this.#conversation.answers.beginCopyIn()) this.#conversation.isCopyIn = true
    if (head.kind === 'execute') this.#conversation.reopenBatch()
    this.#conversation.onDrained?.()
    this.#conversation.onDrained = null
    return true
  }

  #complete(head: Answer, tag: string): void {
    if (head.kind !== 'query' && head.kind !== 'execute' && head.kind !== 'call') throw outOfOrder()
    this.#conversation.isCopyIn = false
    const running = this.#running(head)
    if (running !== null) this.#finish(running, tag)
    head.done += 1
    if (head.kind === 'execute') this.#conversation.answers.shift()
  }

  #finish({ run, statement }: Running, tag: string): void {
    if (!run.finish(tag)) this.#isBehind = true
    if (statement === null) return
    const { names, context } = this.#conversation
    if (statement.command.certainty === 'opaque') names.forgetAll()
    for (const change of statement.names) names.apply(change, context.version)
  }

  #fail(head: Answer | undefined, bytes: Buffer, start: number, end: number): boolean {
    const { answers } = this.#conversation
    const isFatal = readFields(bytes, start, end).get('S') === 'FATAL'
    if (isFatal) this.#conversation.noteFatal()
    if (head === undefined || (isFatal && head.kind === 'refusal')) {
      // The target says good-bye while idle, or before it came to what is refused; its end follows.
      return this.#passWords(head, bytes, start, end)
    }
    if (head.kind === 'probe') return this.#collect(head, backend.errorResponse, bytes, start, end)
    this.#conversation.isCopyIn = false
    if (head.kind === 'refusal') {
      this.#outbox.put(head.error)
      if (head.isQuery) return false
      answers.shift()
      this.#skip()
      return false
    }
    const running = this.#running(head)
    const isPlain = this.#passWords(head, bytes, start, end)
    if (running !== null) {
      const fields = readFields(bytes, start, end)
      const words = isPlain && running.run.mask === null ? (fields.get('M') ?? '') : 'its words are not kept: they may hold masked values'
      if (!running.run.fail(fields.get('C') ?? 'XX000', words)) this.#isBehind = true
      // Whatever an opaque statement did before it failed may outlive the failure (prepared names do).
      if (running.statement?.command.certainty === 'opaque') this.#conversation.names.forgetAll()
    }
    if (head.kind === 'query' || head.kind === 'call') {
      this.#cutOff(head)
      head.done = head.running.length
      return isPlain
    }
    this.#skip()
    return isPlain
  }

  /** The target ignores everything up to the next Sync. */
  #skip(): void {
    const { skipped, hasSync } = this.#conversation.answers.skipToSync()
    for (const answer of skipped) this.#cutOff(answer)
    takeBack(skipped, this.#conversation.names)
    const failed = skipped[0]
    // A Parse that fails has dropped the unnamed statement before; a named one leaves what stood there.
    if (failed?.kind === 'parse' && failed.prepared.name === '') this.#conversation.names.forgetStatement('')
    if (hasSync) return
    this.#conversation.isSkipping = true
    this.#conversation.failBatch()
  }

  /** Commands that were sent and that the target did not run, because an earlier one failed. */
  #cutOff(answer: Answer): void {
    if (!('running' in answer)) return
    for (const { run } of answer.running.slice(answer.done)) run.fail('25P02', 'not run: an earlier statement failed')
  }

  #ready(head: Answer | undefined, status: number): boolean {
    const { answers, context, names } = this.#conversation
    if (head === undefined) throw new WireError('the target is ready when nobody asked')
    const isEnd =
      head.kind === 'sync' ||
      head.kind === 'query' ||
      head.kind === 'call' ||
      head.kind === 'probe' ||
      (head.kind === 'refusal' && head.isQuery)
    if (!isEnd) throw outOfOrder()
    this.#cutOff(head)
    answers.shift()
    this.#conversation.status = status
    if (head.kind === 'probe') head.probe.done()
    else if (status === txStatus.idle) {
      names.endTransaction()
      context.noteIdle()
      if (this.#suspended.size > 0) this.endSuspended()
    }
    if (answers.isEmpty) {
      this.#conversation.isTurning = false
      const wake = this.#conversation.onDrained
      this.#conversation.onDrained = null
      // Whoever waits may have been planned already.
      if (wake !== null) wake()
      else if (status === txStatus.idle) this.#masks.endTransaction()
    }
    return head.kind !== 'probe'
  }

  #collect(head: Extract<Answer, { kind: 'probe' }>, type: number, bytes: Buffer, start: number, end: number): false {
    if (type === backend.dataRow) head.probe.rows.push(readDataRow(bytes, start, end).map(cell => cell?.toString('utf8') ?? null))
    else if (type === backend.errorResponse) head.probe.failure = readFields(bytes, start, end).get('C') ?? 'XX000'
    return false
  }

  /** An error or a notice: its words may hold values. */
  #passWords(head: Answer | undefined, bytes: Buffer, start: number, end: number): boolean {
    if (head?.kind === 'probe') return false
    const message = bytes.subarray(start, end)
    // A parser speaks of names and of the client's own text; where a check of a domain runs already, there is a context.
    if ((head?.kind === 'parse' || head?.kind === 'close') && !readFields(message, 0, message.length).has('W')) return true
    const running = this.#running(head)
    const masked = running?.run.mask?.scrubMessage(message) ?? message
    const covered = this.#isQuiet(running) ? masked : this.#masks.cover(statementsOf(head, running), masked)
    return this.#putChanged(message, covered)
  }

  /** A setting that changed: SET tells what the client wrote, anything else may be code that ran. */
  #passSetting(head: Answer | undefined, message: Buffer): boolean {
    const running = this.#running(head)
    if (running !== null && asKind(running.statement?.node, 'VariableSetStmt') !== null) return true
    const masked = running?.run.mask?.scrubMessage(message) ?? message
    return this.#putChanged(message, this.#masks.cover(statementsOf(head, running), masked))
  }

  #passNotification(message: Buffer): boolean {
    const isOwn = message.readInt32BE(5) === this.#conversation.target.pid
    return this.#putChanged(message, this.#masks.coverNotification(message, isOwn))
  }

  /** True when it may pass as it came. */
  #putChanged(message: Buffer, covered: Buffer): boolean {
    if (covered === message) return true
    this.#outbox.put(covered)
    return false
  }

  /** Nothing deferred can run under it: it only reads, and its transaction stays open. */
  #isQuiet(running: Running | null): boolean {
    const command = running?.statement?.command
    if (command === undefined || this.#conversation.status !== txStatus.open || command.certainty !== 'parsed') return false
    return [...command.effects].every(effect => effect === 'read' || effect === 'lock')
  }

  #running(head: Answer | undefined): Running | null {
    if (head === undefined || !('running' in head)) return null
    return head.running[Math.min(head.done, head.running.length - 1)] ?? null
  }

  #run(head: Answer | undefined): StatementRun | null {
    return this.#running(head)?.run ?? null
  }

  #expect(head: Answer, kind: Answer['kind']): void {
    if (head.kind !== kind) throw outOfOrder()
  }

  #pause(): void {
    this.#isPaused = true
    this.#conversation.target.socket.pause()
  }

  /** The recording is behind: nothing more is read until it has caught up. */
  #catchUp(): void {
    this.#pause()
    this.#conversation.session.drained().then(
      () => {
        this.#isBehind = false
        if (this.#conversation.client.writableLength <= MAX_WAITING_BYTES) this.resume()
      },
      (error: unknown) => this.#conversation.end('failed', error),
    )
  }
}

function outOfOrder(): WireError {
  return new WireError('the target answers out of order')
}

/** What a message is about that belongs to no command yet: a Bind plans its statement. */
function statementsOf(head: Answer | undefined, running: Running | null): readonly SqlStatement[] | null {
  if (running !== null) return running.statement === null ? null : [running.statement]
  if (head?.kind === 'bind') return head.portal.prepared?.statements ?? null
  if (head?.kind !== 'describe' || head.of === null) return null
  return 'prepared' in head.of ? (head.of.prepared?.statements ?? null) : head.of.statements
}
