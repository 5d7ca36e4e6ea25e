// From the client to the target: reads every message, has it judged, sends what was admitted. Synchronous unless something must be waited for.
import type { SqlStatement } from '../../command/sql/sql-statement.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { writeError, writeReady } from '../../wire/postgres/backend-writer.ts'
import { Framer } from '../../wire/postgres/framer.ts'
import type { FrameSink } from '../../wire/postgres/framer.ts'
import {
  readBind,
  readCopyFail,
  readEmpty,
  readExecute,
  readFunctionCall,
  readNamed,
  readParse,
  readQuery,
} from '../../wire/postgres/frontend.ts'
import { syncMessage, writeDescribe, writeParse, writeQuery } from '../../wire/postgres/frontend-writer.ts'
import { frontend, txStatus } from '../../wire/postgres/message-type.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'
import { closeAnswer, copyEndAnswer, syncAnswer } from './answers.ts'
import type { Running } from './answers.ts'
import { Batch } from './batch.ts'
import type { BatchMark } from './batch.ts'
import { refusalFields } from './client-error.ts'
import type { Conversation } from './conversation.ts'
import { mayCopyIn } from './judge.ts'
import type { Judge, Wanted } from './judge.ts'
import type { Portal, PreparedStatement } from './names.ts'
import { Outbox } from './outbox.ts'

/** Query and Parse up to the parser's own limit; Bind with its values. PostgreSQL takes 1 GB. */
export const MAX_INSPECTED_BYTES = 16 * 1024 * 1024 + 1024
/** What a client may send without a Sync before it is sent on (all of it admitted by then). */
const MAX_BATCH_BYTES = 1024 * 1024
/** What is kept of a client that writes while it has to wait; then it is not read. */
const MAX_QUEUED_BYTES = 1024 * 1024

/** A statement no server takes: puts a transaction into the failed state, as the refused one would have. */
const REFUSED_TEXT = 'sallyport: refused'
const refusedParse = writeParse('sallyport: refused', REFUSED_TEXT)
const refusedQuery = writeQuery(REFUSED_TEXT)

interface Piece {
  readonly type: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly isLast: boolean
}

export class ClientSide implements FrameSink {
  readonly #conversation: Conversation
  readonly #judge: Judge
  readonly #framer: Framer
  readonly #outbox = new Outbox()
  readonly #batch = new Batch()
  #queue: Piece[] = []
  #queuedBytes = 0
  #isWaiting = false
  #isPaused = false
  #isOver = false
  /** Messages of the batch under way were sent; its Sync was not. */
  #isBatchOpen = false
  /** Refused without a word to the target: its Sync is answered here. */
  #isSkippingHere = false
  #batchNumber = 1
  /** A statement was passed on after which the target may read COPY data: it would take any other message for a part of that. */
  #mayBeCopying = false

  constructor(conversation: Conversation, judge: Judge) {
    this.#conversation = conversation
    this.#judge = judge
    this.#framer = new Framer(this, MAX_INSPECTED_BYTES)
  }

  /** Takes the next bytes of the client. @throws {WireError} when they are not the protocol. */
  push(chunk: Buffer): void {
    this.#framer.push(chunk)
    this.#send()
    if (this.#queuedBytes > MAX_QUEUED_BYTES || this.#conversation.target.socket.stream.writableNeedDrain) this.#pause()
  }

  /** The client is gone or wants to go: what is held never runs. */
  stop(reason: string): void {
    this.#isOver = true
    this.#queue = []
    this.#judge.abandon(new Refusal('COMMAND_CANCELLED', null, `sallyport: ${reason}`))
  }

  /** Cancels a held command without a word to the target. False when none is held. */
  cancelHeld(): boolean {
    return this.#judge.cancel()
  }

  wantsWhole(type: number): boolean {
    return type !== frontend.copyData
  }

  onMessage(type: number, bytes: Buffer, start: number, end: number): void {
    this.onPiece(type, bytes, start, end, true)
  }

  onPiece(type: number, bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#isOver) return
    if (type === frontend.terminate) this.#conversation.end('client ended the session')
    else if (this.#isWaiting) {
      this.#queue.push({ type, bytes, start, end, isLast })
      this.#queuedBytes += end - start
    } else this.#take(type, bytes, start, end)
  }

  #take(type: number, bytes: Buffer, start: number, end: number): void {
    const wait = this.#read(type, bytes, start, end)
    if (wait === null) return
    this.#isWaiting = true
    this.#send()
    wait.then(
      () => this.#goOn(),
      (error: unknown) => this.#conversation.end('failed', error),
    )
  }

  #goOn(): void {
    this.#isWaiting = false
    try {
      while (!this.#isWaiting && !this.#isOver) {
        const piece = this.#queue.shift()
        if (piece === undefined) break
        this.#queuedBytes -= piece.end - piece.start
        this.#take(piece.type, piece.bytes, piece.start, piece.end)
      }
      this.#send()
    } catch (error) {
      this.#conversation.end('failed', error)
    }
    if (!this.#isWaiting && this.#isPaused && !this.#conversation.target.socket.stream.writableNeedDrain) this.resume()
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#conversation.client.pause()
  }

  /** The target takes bytes again. */
  resume(): void {
    if (!this.#isPaused || this.#queuedBytes > MAX_QUEUED_BYTES) return
    this.#isPaused = false
    this.#conversation.client.resume()
  }

  #send(): void {
    this.#outbox.flush(bytes => this.#conversation.target.socket.write(bytes))
  }

  /** Reads one message. A promise means: nothing more until it is settled. */
  #read(type: number, bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { isCopyIn } = this.#conversation
    switch (type) {
      case frontend.copyData:
        return this.#passCopy(bytes, start, end)
      case frontend.copyDone:
        readEmpty(bytes, start, end)
        return this.#endCopy(bytes, start, end)
      case frontend.copyFail:
        readCopyFail(bytes, start, end)
        return this.#endCopy(bytes, start, end)
      case frontend.sync:
        readEmpty(bytes, start, end)
        // The target ignores Sync and Flush while it reads COPY data.
        return isCopyIn ? null : this.#sync(bytes, start, end)
      case frontend.flush:
        readEmpty(bytes, start, end)
        return isCopyIn ? null : this.#flush(bytes, start, end)
    }
    if (isCopyIn) throw new WireError('unexpected message during COPY from stdin')
    if (this.#isSkippingHere || this.#conversation.isSkipping) return null
    if (this.#mayBeCopying) return this.#afterCopy(type, bytes, start, end)
    switch (type) {
      case frontend.query:
        return this.#query(bytes, start, end)
      case frontend.functionCall:
        return this.#functionCall(bytes, start, end)
      case frontend.parse:
        return this.#parse(bytes, start, end)
      case frontend.bind:
        return this.#bind(bytes, start, end)
      case frontend.describe:
        return this.#describe(bytes, start, end)
      case frontend.execute:
        return this.#execute(bytes, start, end)
      case frontend.close:
        return this.#close(bytes, start, end)
      default:
        throw new WireError('unknown message type')
    }
  }

  #afterCopy(type: number, bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (!this.#batch.isEmpty) throw new WireError('a message follows COPY from stdin in its batch')
    if (!this.#conversation.answers.isEmpty) return this.#drained().then(() => this.#read(type, bytes, start, end) ?? undefined)
    this.#mayBeCopying = false
    return this.#read(type, bytes, start, end)
  }

  #query(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (!this.#batch.isEmpty || this.#isBatchOpen) {
      this.#refuseInBatch(
        new Refusal(
          'PROTOCOL_VIOLATION',
          null,
          'sallyport: a simple query inside an extended batch is not sent: end the batch with Sync first',
        ),
      )
      return null
    }
    let text: Buffer
    try {
      text = readQuery(bytes, start, end)
    } catch (error) {
      // The server answers the same and lives on.
      if (!(error instanceof WireError)) throw error
      this.#refuseQuery(new Refusal('PROTOCOL_VIOLATION', null, 'sallyport: invalid message format: bytes follow the text of a query'), '')
      return null
    }
    const { answers } = this.#conversation
    return this.#whenSettled(() => {
      const statements = this.#judge.readAnew(text, answers.isEmpty)
      return statements instanceof Promise
        ? statements.then(anew => this.#run(anew, text, bytes, start, end) ?? undefined)
        : this.#run(statements, text, bytes, start, end)
    })
  }

  #run(statements: readonly SqlStatement[], text: Buffer, bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (statements.length === 0) {
      // An empty text has nothing to judge; the server answers EmptyQueryResponse.
      this.#outbox.put(bytes, start, end)
      this.#conversation.answers.push({ kind: 'query', running: [], done: 0 })
      return null
    }
    return this.#admit(
      { statements, values: null, bytes: () => Buffer.from(bytes.subarray(start, end)), isExtended: false },
      running => {
        this.#outbox.put(bytes, start, end)
        this.#conversation.answers.push({ kind: 'query', running, done: 0 })
      },
      error => this.#refuseQuery(error, text.toString('utf8')),
    )
  }

  #functionCall(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (!this.#batch.isEmpty || this.#isBatchOpen) {
      this.#refuseInBatch(
        new Refusal(
          'PROTOCOL_VIOLATION',
          null,
          'sallyport: a function call inside an extended batch is not sent: end the batch with Sync first',
        ),
      )
      return null
    }
    const call = readFunctionCall(bytes, start, end)
    return this.#whenSettled(() => {
      const statement = this.#judge.functionCall(call)
      return this.#admit(
        { statements: [statement], values: null, bytes: () => Buffer.from(bytes.subarray(start, end)), isExtended: false },
        running => {
          this.#outbox.put(bytes, start, end)
          this.#conversation.answers.push({ kind: 'call', running, done: 0 })
        },
        error => this.#refuseQuery(error, statement.command.text),
      )
    })
  }

  #parse(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { name, text } = readParse(bytes, start, end)
    const define = (statements: readonly SqlStatement[]): void => {
      const { names, context } = this.#conversation
      const prepared: PreparedStatement = {
        name,
        text: Buffer.from(text),
        statements,
        version: context.version,
        batch: this.#batchNumber,
        isConfirmed: false,
        columns: null,
      }
      this.#batch.put({ kind: 'parse', prepared, previous: names.define(prepared) }, bytes, start, end)
    }
    return this.#whenSettled(() => {
      const isAlone = this.#batch.isEmpty && !this.#isBatchOpen && this.#conversation.answers.isEmpty
      const statements = this.#judge.readAnew(text, isAlone)
      if (statements instanceof Promise) return statements.then(define)
      define(statements)
      return null
    })
  }

  #bind(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const bind = readBind(bytes, start, end)
    return this.#whenSettled(() => {
      const { names } = this.#conversation
      const prepared = names.statements.get(bind.statement) ?? null
      return this.#whenConfirmed(prepared, () => {
        const portal: Portal = {
          name: bind.portal,
          prepared: names.statements.get(bind.statement) ?? null,
          values: this.#judge.shownValues(bind),
          resultFormats: bind.resultFormats,
          batch: this.#batchNumber,
          isConfirmed: false,
          run: null,
          version: 0,
          columns: null,
        }
        this.#batch.put({ kind: 'bind', portal, previous: names.definePortal(portal) }, bytes, start, end)
        return null
      })
    })
  }

  #describe(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { kind, name } = readNamed(bytes, start, end)
    const { names } = this.#conversation
    const of = (kind === 'portal' ? names.portals.get(name) : names.statements.get(name)) ?? null
    this.#batch.put({ kind: 'describe', of, run: null, isOurs: false }, bytes, start, end)
    return null
  }

  #close(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { kind, name } = readNamed(bytes, start, end)
    const { names } = this.#conversation
    this.#batch.put(closeAnswer, bytes, start, end)
    // Forgotten at once: a name that is unknown here is opaque, so forgetting too early is safe.
    if (kind === 'statement') names.forgetStatement(name)
    else {
      names.portals.delete(name)
      names.cursors.delete(name)
    }
    return null
  }

  #execute(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { portal: name } = readExecute(bytes, start, end)
    return this.#whenSettled(() => {
      const { names, context } = this.#conversation
      return this.#whenConfirmed(names.portals.get(name) ?? null, () => {
        const portal = names.portals.get(name) ?? null
        if (portal?.run != null && portal.version === context.version) {
          this.#batch.put({ kind: 'execute', running: [{ run: portal.run, statement: null }], done: 0 }, bytes, start, end)
          return this.#boundBatch()
        }
        const mark = portal === null ? this.#batch.mark() : this.#batch.beginOf(portal)
        const wanted = portal === null ? this.#judge.cursor(name) : this.#judge.portal(portal)
        return this.#admit(
          { ...wanted, bytes: () => Buffer.concat([this.#batch.copy(), bytes.subarray(start, end)]), isExtended: true },
          running => {
            this.#noteAdmitted(portal, name, running)
            this.#batch.put({ kind: 'execute', running, done: 0 }, bytes, start, end)
            return this.#boundBatch()
          },
          error => this.#refuseAt(mark, error, textOf(wanted)),
        )
      })
    })
  }

  #noteAdmitted(portal: Portal | null, name: string, running: readonly Running[]): void {
    const run = running[0]?.run ?? null
    if (portal !== null) {
      this.#batch.judged(portal)
      portal.run = run
      portal.version = this.#conversation.context.version
    }
    // Rows that may be masked are never read without knowing their columns.
    if (run?.mask != null) this.#batch.put({ kind: 'describe', of: portal, run, isOurs: true }, writeDescribe('portal', name))
  }

  /** A batch without an end is sent in parts: everything in it that runs was admitted. */
  #boundBatch(): Promise<void> | null {
    if (this.#batch.bytes < MAX_BATCH_BYTES) return null
    return this.#judgeBound(() => this.#release())
  }

  #sync(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (this.#isSkippingHere) {
      this.#isSkippingHere = false
      this.#batchNumber += 1
      this.#conversation.tell(writeReady(this.#conversation.status))
      return null
    }
    return this.#judgeBound(() => {
      // Refused just now, with nothing sent: this Sync is answered here as well.
      if (this.#isSkippingHere) {
        this.#sync(bytes, start, end)
        return
      }
      this.#batch.put(syncAnswer, bytes, start, end)
      this.#release()
      this.#isBatchOpen = false
      this.#conversation.isSkipping = false
      this.#batchNumber += 1
    })
  }

  #flush(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (this.#isSkippingHere || this.#conversation.isSkipping) return null
    return this.#judgeBound(() => {
      if (this.#isSkippingHere || this.#conversation.isSkipping) return
      this.#batch.put(null, bytes, start, end)
      this.#release()
    })
  }

  /** Planning a bound statement may run code already: what was bound and not executed is judged before it is sent. */
  #judgeBound(then: () => void): Promise<void> | null {
    for (const portal of this.#batch.unjudged) {
      const mark = this.#batch.beginOf(portal)
      const wanted = this.#judge.portal(portal)
      const wait = this.#admit(
        { ...wanted, bytes: () => this.#batch.copy(), isExtended: true },
        running => {
          this.#batch.judged(portal)
          portal.run = running[0]?.run ?? null
          portal.version = this.#conversation.context.version
          return this.#judgeBound(then)
        },
        error => {
          this.#refuseAt(mark, error, textOf(wanted))
          then()
        },
      )
      return wait
    }
    then()
    return null
  }

  #release(): void {
    if (!this.#batch.isEmpty) this.#isBatchOpen = true
    this.#batch.release(this.#outbox, this.#conversation.answers)
  }

  #passCopy(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (this.#isSkippingHere || this.#conversation.isSkipping) return null
    const head = this.#conversation.answers.head()
    if (head !== undefined && this.#conversation.isCopyIn && 'running' in head) {
      const run = head.running[Math.min(head.done, head.running.length - 1)]?.run
      if (run !== undefined) run.copiedBytes += end - start
    }
    if (this.#batch.isEmpty) this.#outbox.put(bytes, start, end)
    else {
      this.#batch.put(null, bytes, start, end)
      return this.#boundBatch()
    }
    return null
  }

  #endCopy(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (this.#isSkippingHere || this.#conversation.isSkipping) return null
    this.#conversation.isCopyIn = false
    this.#mayBeCopying = false
    if (this.#batch.isEmpty) {
      this.#outbox.put(bytes, start, end)
      this.#conversation.answers.push(copyEndAnswer)
    } else this.#batch.put(copyEndAnswer, bytes, start, end)
    return null
  }

  #admit(
    wanted: Wanted,
    pass: (running: readonly Running[]) => Promise<void> | null | void,
    refuse: (error: SallyportError) => void,
  ): Promise<void> | null {
    let verdict: readonly Running[] | Promise<readonly Running[]>
    try {
      verdict = this.#judge.admit(wanted)
    } catch (error) {
      refuse(refusalOf(error))
      return null
    }
    const go = (running: readonly Running[]): Promise<void> | null => {
      if (running.some(({ statement }) => statement !== null && mayCopyIn(statement))) this.#mayBeCopying = true
      return pass(running) ?? null
    }
    if (!(verdict instanceof Promise)) return go(verdict)
    return verdict.then(
      running => {
        if (!this.#isOver && !this.#conversation.isSkipping) return go(running) ?? undefined
        for (const { run } of running) run.fail('25P02', 'not sent: its batch had failed while it was held')
        return undefined
      },
      (error: unknown) => {
        if (!this.#isOver && !this.#conversation.isSkipping) refuse(refusalOf(error))
      },
    )
  }

  /** The target failed what was sent of this batch. */
  failBatch(): void {
    this.#dropBatch(this.#batch.start)
    this.#judge.abandon(new Refusal('COMMAND_CANCELLED', null, 'sallyport: its batch failed while it was held'))
  }

  reopenBatch(): void {
    this.#isBatchOpen = true
  }

  #dropBatch(mark: BatchMark): void {
    for (const answer of this.#batch.cut(mark, this.#conversation.names)) {
      if (answer.kind !== 'execute') continue
      for (const { run } of answer.running) run.fail('25P02', 'not sent: its batch failed')
    }
  }

  /** Waits while an earlier statement may still change what this one means, then learns what has changed. */
  #whenSettled(then: () => Promise<void> | null): Promise<void> | null {
    const { context, answers, status } = this.#conversation
    if (!context.isUnsettled || !this.#batch.isEmpty || this.#isBatchOpen) return then()
    if (!answers.isEmpty) return this.#drained().then(() => this.#whenSettled(then) ?? undefined)
    if (status === txStatus.failed) return then()
    return this.#judge.settle().then(() => then() ?? undefined)
  }

  /** A name from an earlier batch that the server has not confirmed may still turn out to be what stood there before. */
  #whenConfirmed(name: PreparedStatement | Portal | null, then: () => Promise<void> | null): Promise<void> | null {
    if (name === null || name.isConfirmed || name.batch === this.#batchNumber) return then()
    return this.#drained().then(() => then() ?? undefined)
  }

  async #drained(): Promise<void> {
    this.#send()
    if (this.#conversation.answers.isEmpty) return
    await new Promise<void>(resolve => {
      this.#conversation.onDrained = resolve
    })
  }

  #refuseQuery(error: SallyportError, text: string): void {
    const { answers, status, session } = this.#conversation
    const bytes = writeError(refusalFields(error, session.connection.name, text))
    if (answers.isEmpty && status !== txStatus.open) {
      this.#conversation.tell(Buffer.concat([bytes, writeReady(status)]))
      return
    }
    answers.push({ kind: 'refusal', error: bytes, isQuery: true })
    this.#outbox.put(refusedQuery)
  }

  /** Refuses a command of the batch: what stands before its own messages is sent, then a statement that fails in its place. */
  #refuseAt(mark: BatchMark, error: SallyportError, text: string): void {
    const { answers, session, status } = this.#conversation
    const bytes = writeError(refusalFields(error, session.connection.name, text))
    this.#dropBatch(mark)
    if (this.#batch.isEmpty && !this.#isBatchOpen && answers.isEmpty && status !== txStatus.open) {
      this.#conversation.tell(bytes)
      this.#isSkippingHere = true
      return
    }
    this.#batch.put({ kind: 'refusal', error: bytes, isQuery: false }, refusedParse)
    this.#release()
    this.#conversation.isSkipping = true
  }

  /** A Query inside a batch: fails, with ReadyForQuery, as the target would answer a Query that it refuses. */
  #refuseInBatch(error: SallyportError): void {
    this.#refuseAt(this.#batch.mark(), error, '')
    this.#sync(syncMessage, 0, syncMessage.length)
  }
}

function textOf(wanted: Pick<Wanted, 'statements'>): string {
  return wanted.statements.map(statement => statement.command.text).join('; ')
}

/** Only a refusal is told to the client as one; anything else ends the session. */
function refusalOf(error: unknown): SallyportError {
  if (error instanceof SallyportError && error.code !== 'RECORDING_FAILED' && error.code !== 'INTERNAL') return error
  throw error
}
