// From the client to the target: reads every message, has it judged, sends what was admitted. Synchronous unless something must be waited for.
import type { SqlStatement } from '../../command/sql/sql-statement.ts'
import { Refusal } from '../../core/errors.ts'
import type { SallyportError } from '../../core/errors.ts'
import { writeError, writeReady } from '../../wire/postgres/backend-writer.ts'
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
import { syncMessage } from '../../wire/postgres/frontend-writer.ts'
import { frontend, txStatus } from '../../wire/postgres/message-type.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'
import { closeAnswer, copyEndAnswer, syncAnswer } from './answers.ts'
import type { Running } from './answers.ts'
import { admitThen, readThen, textOf } from './admission.ts'
import type { Pass } from './admission.ts'
import { Batch } from './batch.ts'
import type { BatchMark } from './batch.ts'
import { refusalFields } from './client-error.ts'
import { ClientStream } from './client-stream.ts'
import type { Conversation } from './conversation.ts'
import { mayCopyIn } from './judge.ts'
import type { Judge, ReadText, Wanted } from './judge.ts'
import { newPortal, newPrepared } from './names.ts'
import type { Portal, PreparedStatement } from './names.ts'
import type { Outbox } from './outbox.ts'
import { failRuns, refusedParse, refuseQuery } from './refusing.ts'

/** What a client may send without a Sync before it is sent on (all of it admitted by then). */
const MAX_BATCH_BYTES = 1024 * 1024
export class ClientSide {
  readonly #conversation: Conversation
  readonly #judge: Judge
  /** Takes the bytes of the client. */
  readonly stream: ClientStream
  readonly #outbox: Outbox
  readonly #batch = new Batch()
  /** Messages of the batch under way were sent; its Sync was not. */
  #isBatchOpen = false
  /** Refused without a word to the target: its Sync is answered here. */
  #isSkippingHere = false
  #batchNumber = 1
  /** A statement was passed on after which the target may read COPY data: it would take any other message for a part of that. */
  #mayBeCopying = false

  /** The session or the batch has ended while something was waited for. */
  readonly #isTooLate = (): boolean => this.stream.isOver || this.#conversation.isSkipping

  constructor(conversation: Conversation, judge: Judge) {
    this.#conversation = conversation
    this.#judge = judge
    this.stream = new ClientStream(conversation, (type, bytes, start, end) => this.#read(type, bytes, start, end))
    this.#outbox = this.stream.outbox
  }

  /** The client is gone or wants to go: what is held never runs. */
  stop(reason: string): void {
    this.stream.stop()
    this.#judge.abandon(new Refusal('COMMAND_CANCELLED', null, `sallyport: ${reason}`))
  }

  /** Cancels a held command without a word to the target. False when none is held. */
  cancelHeld(): boolean {
    return this.#judge.cancel()
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
    if (!this.#conversation.answers.isEmpty) return this.#drained(() => this.#read(type, bytes, start, end))
    this.#mayBeCopying = false
    return this.#read(type, bytes, start, end)
  }

  #query(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (this.#refusesInBatch('a simple query')) return null
    let text: Buffer
    try {
      text = readQuery(bytes, start, end)
    } catch (error) {
      // The server answers the same and lives on.
      if (!(error instanceof WireError)) throw error
      refuseQuery(
        this.#conversation,
        this.#outbox,
        new Refusal('PROTOCOL_VIOLATION', null, 'sallyport: invalid message format: bytes follow the text of a query'),
        '',
      )
      return null
    }
    const { answers } = this.#conversation
    return this.#whenSettled(() =>
      this.#whenRead(
        this.#judge.readAnew(text, [], answers.isEmpty),
        ({ statements }) => this.#run(statements, text, bytes, start, end),
        error => refuseQuery(this.#conversation, this.#outbox, error, text.toString('utf8')),
      ),
    )
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
      error => refuseQuery(this.#conversation, this.#outbox, error, text.toString('utf8')),
    )
  }

  #functionCall(bytes: Buffer, start: number, end: number): Promise<void> | null {
    if (this.#refusesInBatch('a function call')) return null
    const call = readFunctionCall(bytes, start, end)
    return this.#whenSettled(() => {
      const statement = this.#judge.functionCall(call)
      return this.#admit(
        { statements: [statement], values: null, bytes: () => Buffer.from(bytes.subarray(start, end)), isExtended: false },
        running => {
          this.#outbox.put(bytes, start, end)
          this.#conversation.answers.push({ kind: 'call', running, done: 0 })
        },
        error => refuseQuery(this.#conversation, this.#outbox, error, statement.command.text),
      )
    })
  }

  #parse(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const parse = readParse(bytes, start, end)
    const { text, typeOids } = parse
    const refuse = (error: SallyportError): void => this.#refuseAt(this.#batch.mark(), error, text.toString('utf8'))
    const define = ({ statements, version }: ReadText): Promise<void> | null => {
      const put = (running: readonly Running[]): Promise<void> | null => {
        const prepared = newPrepared(parse, statements, version, this.#batchNumber)
        const previous = this.#conversation.names.define(prepared)
        this.#batch.put({ kind: 'parse', prepared, previous, running, done: 0 }, bytes, start, end)
        return this.#boundBatch()
      }
      if (!this.#judge.runsAtParse(statements)) return put([])
      const wanted = { statements, values: null, bytes: () => this.#batch.copyWith(bytes, start, end), isExtended: true }
      return admitThen(this.#judge, wanted, { pass: put, refuse, isTooLate: this.#isTooLate })
    }
    return this.#whenSettled(() => {
      const isAlone = this.#batch.isEmpty && !this.#isBatchOpen && this.#conversation.answers.isEmpty
      return this.#whenRead(this.#judge.readAnew(text, typeOids, isAlone), define, refuse)
    })
  }

  #bind(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const bind = readBind(bytes, start, end)
    return this.#whenSettled(() => {
      const { names, context } = this.#conversation
      return this.#whenConfirmed(names.statements.get(bind.statement) ?? null, () => {
        const prepared = names.statements.get(bind.statement) ?? null
        const portal = newPortal(bind, prepared, this.#judge.shownValues(bind), this.#batchNumber, context.sql.searchPath)
        this.#batch.put({ kind: 'bind', portal, previous: names.definePortal(portal) }, bytes, start, end)
        return this.#boundBatch()
      })
    })
  }

  #describe(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { kind, name } = readNamed(bytes, start, end)
    const { names } = this.#conversation
    const of = (kind === 'portal' ? names.portals.get(name) : names.statements.get(name)) ?? null
    this.#batch.put({ kind: 'describe', of, run: null, isOurs: false }, bytes, start, end)
    return this.#boundBatch()
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
    return this.#boundBatch()
  }

  #execute(bytes: Buffer, start: number, end: number): Promise<void> | null {
    const { portal: name } = readExecute(bytes, start, end)
    return this.#whenSettled(() => {
      const { names, context } = this.#conversation
      return this.#whenConfirmed(names.portals.get(name) ?? null, () => {
        const portal = names.portals.get(name) ?? null
        if (portal?.run != null && portal.version === context.version) {
          this.#batch.describeOnce(portal, name, portal.run)
          this.#batch.put({ kind: 'execute', running: [{ run: portal.run, statement: null }], done: 0 }, bytes, start, end)
          return this.#boundBatch()
        }
        const mark = portal === null ? this.#batch.mark() : this.#batch.beginOf(portal)
        return this.#whenRead(
          portal === null ? this.#judge.cursor(name) : this.#judge.portal(portal),
          wanted =>
            this.#admit(
              { ...wanted, bytes: () => this.#batch.copyWith(bytes, start, end), isExtended: true, opened: portal?.run ?? null },
              running => {
                this.#noteAdmitted(portal, name, running)
                this.#batch.put({ kind: 'execute', running, done: 0 }, bytes, start, end)
                return this.#boundBatch()
              },
              error => this.#refuseAt(mark, error, textOf(wanted)),
            ),
          error => this.#refuseAt(mark, error, ''),
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
    if (run !== null) this.#batch.describeOnce(portal, name, run)
  }

  /** A batch without an end is sent in parts, whatever it is made of: everything in it that runs was admitted. */
  #boundBatch(): Promise<void> | null {
    if (this.#batch.bytes < MAX_BATCH_BYTES) return null
    return this.#judgeBound(() => this.#release())
  }

  #sync(bytes: Buffer, start: number, end: number): Promise<void> | null {
    return this.#judgeBound(() => {
      // Refused with nothing sent, earlier or just now: this Sync is answered here as well.
      if (this.#isSkippingHere) {
        this.#answerSync()
        return
      }
      this.#endBatch(bytes, start, end)
    })
  }

  /** Nothing of the batch was sent, so its Sync is answered here. */
  #answerSync(): void {
    this.#isSkippingHere = false
    this.#batchNumber += 1
    this.#conversation.tell(writeReady(this.#conversation.status))
  }

  #endBatch(bytes: Buffer, start: number, end: number): void {
    this.#batch.put(syncAnswer, bytes, start, end)
    this.#release()
    this.#isBatchOpen = false
    this.#conversation.isSkipping = false
    this.#batchNumber += 1
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
      const refuse = (error: SallyportError, text: string): void => {
        this.#refuseAt(mark, error, text)
        then()
      }
      return this.#whenRead(
        this.#judge.portal(portal),
        wanted =>
          this.#admit(
            { ...wanted, bytes: () => this.#batch.copy(), isExtended: true },
            running => {
              this.#batch.judged(portal)
              portal.run = running[0]?.run ?? null
              portal.version = this.#conversation.context.version
              return this.#judgeBound(then)
            },
            error => refuse(error, textOf(wanted)),
          ),
        error => refuse(error, ''),
      )
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

  #admit(wanted: Wanted, pass: Pass, refuse: (error: SallyportError) => void): Promise<void> | null {
    return admitThen(this.#judge, wanted, {
      pass: running => {
        if (running.some(({ statement }) => statement !== null && mayCopyIn(statement))) this.#mayBeCopying = true
        return pass(running)
      },
      refuse,
      isTooLate: this.#isTooLate,
    })
  }

  /** Goes on with what was read. */
  #whenRead<T>(
    read: T | Promise<T>,
    then: (known: T) => Promise<void> | null,
    refuse: (error: SallyportError) => void,
  ): Promise<void> | null {
    return readThen(read, then, { refuse, isTooLate: this.#isTooLate })
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
    failRuns(this.#batch.cut(mark, this.#conversation.names), 'not sent: its batch failed')
  }

  /** Waits while an earlier statement may still change what this one means, then learns what has changed. */
  #whenSettled(then: () => Promise<void> | null): Promise<void> | null {
    const { context, answers, status } = this.#conversation
    if (!context.mustSettle || !this.#batch.isEmpty || this.#isBatchOpen) return then()
    if (!answers.isEmpty) return this.#drained(() => this.#whenSettled(then))
    if (status === txStatus.failed) return then()
    return this.#judge.settle().then(() => this.#unlessOver(then))
  }

  /** A name from an earlier batch that the server has not confirmed may still turn out to be what stood there before. */
  #whenConfirmed(name: PreparedStatement | Portal | null, then: () => Promise<void> | null): Promise<void> | null {
    if (name === null || name.isConfirmed || name.batch === this.#batchNumber) return then()
    return this.#drained(then)
  }

  /** Goes on when nothing is owed any more; never once the session has ended. */
  async #drained(then: () => Promise<void> | null): Promise<void> {
    this.stream.send()
    if (!this.#conversation.answers.isEmpty) await new Promise<void>(resolve => (this.#conversation.onDrained = resolve))
    await this.#unlessOver(then)
  }

  async #unlessOver(then: () => Promise<void> | null): Promise<void> {
    if (!this.stream.isOver) await then()
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

  /** A Query inside a batch without Sync: fails, with ReadyForQuery, as the target would answer a Query that it refuses. */
  #refusesInBatch(what: string): boolean {
    if (this.#batch.isEmpty && !this.#isBatchOpen) return false
    const words = `sallyport: ${what} inside an extended batch is not sent: end the batch with Sync first`
    this.#refuseAt(this.#batch.mark(), new Refusal('PROTOCOL_VIOLATION', null, words), '')
    if (this.#isSkippingHere) this.#answerSync()
    else this.#endBatch(syncMessage, 0, syncMessage.length)
    return true
  }
}
