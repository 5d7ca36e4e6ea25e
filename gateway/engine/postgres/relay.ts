// One session between its client and its target, from the first ReadyForQuery to the end. Owns both sockets and who is told of their end.
import type { Duplex } from 'node:stream'
import type { Catalog } from '../../command/sql/catalog.ts'
import { SallyportError } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import type { Session } from '../../core/session.ts'
import { writeError } from '../../wire/postgres/backend-writer.ts'
import { terminateMessage, writeQuery } from '../../wire/postgres/frontend-writer.ts'
import { AnswerQueue } from './answers.ts'
import { ClientSide } from './client-side.ts'
import { fatalFields } from './client-error.ts'
import type { Conversation, ReadSql } from './conversation.ts'
import { probe } from './conversation.ts'
import { Judge } from './judge.ts'
import type { CatalogLoader, KnownCatalog } from './known-catalog.ts'
import type { MaskDeskFor } from './mask-desk.ts'
import { Names } from './names.ts'
import { SessionContext } from './session-context.ts'
import type { Target } from './target.ts'
import { TargetSide } from './target-side.ts'

/** How long a target may finish what a departed client had sent. */
const FAREWELL_MS = 10_000
/** How long a client that is told of the end may take to read it. */
const LAST_WORDS_MS = 2_000

export interface RelayParts {
  readonly session: Session
  readonly client: Duplex
  readonly target: Target
  readonly known: KnownCatalog
  readonly renewCatalog: () => Promise<Catalog>
  readonly loadCatalog: CatalogLoader
  readonly read: ReadSql
  readonly trustedFunctions: ReadonlySet<string>
  readonly maskDeskFor: MaskDeskFor
  /** Forwards a cancel to the target, with the target's own key. */
  readonly cancelTarget: () => void
}

export class Relay {
  readonly #parts: RelayParts
  readonly #clientSide: ClientSide
  readonly #targetSide: TargetSide
  readonly #judge: Judge
  readonly #conversation: Conversation
  readonly #over: Promise<string>
  #finish: (reason: string) => void = () => {}
  #end: string | null = null
  #toldFatal = false

  constructor(parts: RelayParts) {
    this.#parts = parts
    const { session, client, target, known } = parts
    this.#over = new Promise(resolve => {
      this.#finish = resolve
    })
    const names = new Names()
    const conversation: Conversation = {
      session,
      client,
      target,
      names,
      answers: new AnswerQueue(),
      context: new SessionContext(known, names, target.parameters, parts.trustedFunctions, isIndifferent(session)),
      read: parts.read,
      status: target.status,
      isTurning: false,
      isCopyIn: false,
      isSkipping: false,
      onDrained: null,
      toClient: bytes => {
        if (client.destroyed || client.writableEnded) return
        failpoint('client.before-answer')
        failpoint('client.mid-message', () => client.write(bytes.subarray(0, bytes.length >> 1)))
        client.write(bytes)
        failpoint('client.answered')
      },
      noteFatal: () => {
        this.#toldFatal = true
      },
      tell: message => this.#targetSide.tell(message),
      failBatch: () => this.#clientSide.failBatch(),
      reopenBatch: () => this.#clientSide.reopenBatch(),
      end: (reason, error) => this.end(reason, error),
    }
    this.#conversation = conversation
    const masks = parts.maskDeskFor(conversation)
    this.#targetSide = new TargetSide(conversation, masks)
    this.#judge = new Judge(
      conversation,
      {
        renewCatalog: parts.renewCatalog,
        loadOwnCatalog: () => this.#loadOwnCatalog(),
        showSearchPath: async () => (await this.#ask('SHOW search_path'))[0]?.[0] ?? '',
      },
      masks,
    )
    this.#clientSide = new ClientSide(conversation, this.#judge)
  }

  /** Learns what the first text depends on. Before the client is told that it may speak. */
  async prepare(): Promise<void> {
    const { target } = this.#parts
    target.socket.read(bytes => this.#fromTarget(bytes))
    target.socket.stream.on('close', () => this.end('target closed the connection', lostTarget(this.#parts.session)))
    await Promise.race([this.#judge.settle(), this.#over.then(() => Promise.reject(lostTarget(this.#parts.session)))])
  }

  /** Serves until one side ends; resolves with the reason. @param ahead bytes the client sent before it was told that it may. */
  async run(ahead: Buffer, signal: AbortSignal): Promise<string> {
    const { client, target } = this.#parts
    const shutDown = (): void => this.end('gateway stopped', new SallyportError('GATEWAY_LOST', 'the gateway is shutting down'))
    signal.addEventListener('abort', shutDown, { once: true })
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk))
    client.on('end', () => this.end('client closed the connection'))
    client.on('close', () => this.end('client closed the connection'))
    client.on('drain', () => this.#targetSide.resume())
    target.socket.stream.on('drain', () => this.#clientSide.stream.resume())
    try {
      if (signal.aborted) shutDown()
      if (client.destroyed) this.end('client closed the connection')
      if (ahead.length > 0) this.#fromClient(ahead)
      client.resume()
      return await this.#over
    } finally {
      signal.removeEventListener('abort', shutDown)
    }
  }

  /** What a client's cancel request asks for: a held command ends here, a running one at the target. */
  cancel(): void {
    if (this.#end === null && !this.#clientSide.cancelHeld() && !this.#conversation.answers.isEmpty) this.#parts.cancelTarget()
  }

  end(reason: string, error?: unknown): void {
    if (this.#end !== null) return
    this.#end = reason
    const { client, target } = this.#parts
    this.#clientSide.stop(reason)
    const isTargetGone = target.socket.stream.destroyed
    if (error === undefined && !this.#conversation.answers.isEmpty && !isTargetGone) {
      this.#takeLeave(reason)
      return
    }
    if (error !== undefined && !this.#toldFatal) this.#targetSide.tell(writeError(fatalFields(error)))
    client.end()
    const lastWords = setTimeout(() => client.destroy(), LAST_WORDS_MS)
    client.once('close', () => clearTimeout(lastWords))
    if (!client.readableEnded) client.resume()
    this.#hangUp()
    this.#close(reason)
  }

  /** The client went after it had sent something: the target does what it was sent, as it would for a client of its own. */
  #takeLeave(reason: string): void {
    const { client, target } = this.#parts
    client.destroy()
    const patience = setTimeout(() => target.socket.destroy(), FAREWELL_MS)
    target.socket.stream.once('close', () => {
      clearTimeout(patience)
      this.#close(reason)
    })
    target.socket.stream.end(terminateMessage)
    target.socket.resume()
  }

  #hangUp(): void {
    const { stream } = this.#parts.target.socket
    if (stream.destroyed) return
    stream.once('finish', () => this.#parts.target.socket.destroy())
    stream.end(terminateMessage)
  }

  #close(reason: string): void {
    this.#targetSide.endSuspended()
    for (const answer of this.#conversation.answers.drain()) {
      if ('running' in answer)
        for (const { run } of answer.running.slice(answer.done)) run.fail('08006', 'the session ended before its result was seen')
      else if (answer.kind === 'probe') {
        answer.probe.failure = '08006'
        answer.probe.done()
      }
    }
    this.#finish(reason)
  }

  #fromClient(chunk: Buffer): void {
    try {
      this.#clientSide.stream.push(chunk)
    } catch (error) {
      this.end('protocol violation of the client', error)
    }
  }

  #fromTarget(chunk: Buffer): boolean {
    try {
      return this.#targetSide.push(chunk)
    } catch (error) {
      this.end('protocol violation of the target', error)
      return true
    }
  }

  /** Under a savepoint: the locks that writing definitions out takes are given back at once, and none is waited for long. */
  async #loadOwnCatalog(): Promise<Catalog> {
    const { loadCatalog, known } = this.#parts
    await this.#ask("SAVEPOINT sallyport; SET LOCAL lock_timeout = '2s'")
    try {
      return await loadCatalog(sql => this.#ask(sql), known.nextEpoch(), known.current)
    } finally {
      await this.#ask('ROLLBACK TO SAVEPOINT sallyport; RELEASE SAVEPOINT sallyport')
    }
  }

  async #ask(sql: string): Promise<(string | null)[][]> {
    return probe(this.#conversation, () => this.#parts.target.socket.write(writeQuery(sql)))
  }
}

/** Neither the policy nor a mask depends on what a text means. */
export function isIndifferent({ allowsEverything, masker }: Session): boolean {
  return allowsEverything === true && masker.columns.length === 0 && masker.text === null
}

function lostTarget(session: Session): SallyportError {
  return new SallyportError('TARGET_UNREACHABLE', `${session.connection.name} closed the connection`)
}
