// Has commands judged and remembers which one waits for people. Nothing here touches a socket, except to tell the client that it waits.
import { runsWhenAnalysed } from '../../command/sql/analysis.ts'
import { isSamePath } from '../../command/sql/named-statements.ts'
import { withParameterTypes } from '../../command/sql/parameter-types.ts'
import { readAgain, readWithValues } from '../../command/sql/read-sql.ts'
import type { SqlContext, SqlStatement } from '../../command/sql/sql-statement.ts'
import { asKind, isSet } from '../../command/sql/syntax-tree.ts'
import type { SqlCommand } from '../../core/command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { Permit } from '../../core/permit.ts'
import type { Admission, Hold } from '../../core/session.ts'
import { writeNotice } from '../../wire/postgres/backend-writer.ts'
import type { BindMessage, FunctionCallMessage } from '../../wire/postgres/frontend.ts'
import { txStatus } from '../../wire/postgres/message-type.ts'
import type { Running } from './answers.ts'
import { shownValue } from './bound-value.ts'
import type { Conversation } from './conversation.ts'
import type { MaskDesk } from './mask-desk.ts'
import type { Portal } from './names.ts'
import type { ContextSources } from './session-context.ts'
import { StatementRun } from './statement-run.ts'

export interface Wanted {
  readonly statements: readonly SqlStatement[]
  /** Values bound to the parameters; null for a simple query. */
  readonly values: readonly (string | null)[] | null
  /** The exact bytes that would be sent. */
  readonly bytes: () => Buffer
  readonly isExtended: boolean
  /** What the same portal was admitted as before: the server has kept the plan it made then, and so do the masks. */
  readonly opened?: StatementRun | null
}

/** Statements as read under a version of the session's context. */
export interface ReadText {
  readonly statements: readonly SqlStatement[]
  readonly version: number
}

/** What is known of a message before it is judged. */
export type Understood = Pick<Wanted, 'statements' | 'values'>

const LOCKS_NOTE = 'a transaction is open: its locks are held while you decide'

export class Judge {
  readonly #conversation: Conversation
  readonly #sources: ContextSources
  readonly #masks: MaskDesk
  #held: AbortController | null = null

  constructor(conversation: Conversation, sources: ContextSources, masks: MaskDesk) {
    this.#conversation = conversation
    this.#sources = sources
    this.#masks = masks
  }

  /**
   * The statements of a text, as the server would read it now; a name that no catalog holds has the catalog renewed first: it may be new.
   * A promise where that has to be waited for, or where the text is read elsewhere; it rejects when the client cancels.
   * @param typeOids of its parameters, as in Parse.
   * @param isAlone nothing of the client is on its way or kept back, so the session itself may be asked.
   */
  readAnew(text: Buffer, typeOids: readonly number[], isAlone: boolean): ReadText | Promise<ReadText> {
    const { context } = this.#conversation
    const known = this.#read(text, typeOids, context.sql)
    const renew = (one: ReadText): ReadText | Promise<ReadText> => this.#renewed(text, typeOids, one, isAlone)
    return known instanceof Promise ? known.then(renew) : renew(known)
  }

  #renewed(text: Buffer, typeOids: readonly number[], known: ReadText, isAlone: boolean): ReadText | Promise<ReadText> {
    const { context, status } = this.#conversation
    if (!context.maySettle || status === txStatus.failed || !isAlone) return known
    if (!known.statements.some(one => one.hasUnresolvedNames)) return known
    context.doubtCatalog()
    return this.settle().then(() => this.#read(text, typeOids, { ...context.sql, isFresh: true }))
  }

  #read(text: Buffer, typeOids: readonly number[], sql: SqlContext): ReadText | Promise<ReadText> {
    const { context, read, session } = this.#conversation
    const { version } = context
    // What others change is seen by long sessions too; their next text already knows it.
    if (session.masker.columns.length > 0 && context.isOld) this.#sources.renewCatalog().catch(() => {})
    const statements = read(text, sql)
    const typed = (done: readonly SqlStatement[]): ReadText => ({ statements: withParameterTypes(done, typeOids, sql), version })
    return statements instanceof Promise ? this.#wait(statements, new AbortController()).then(typed) : typed(statements)
  }

  /** Learns what earlier statements may have changed. Only with nothing owed by the target. */
  async settle(): Promise<void> {
    await this.#conversation.context.settle(this.#sources, this.#conversation.status === txStatus.open)
  }

  /** What executing this portal would do, with the values that are bound. A promise as of `readAnew`. */
  portal(portal: Portal): Understood | Promise<Understood> {
    const { prepared, values, meant } = portal
    if (prepared === null) return { statements: [opaque('execute', 'a prepared statement of a name that is not known here')], values }
    const { version, sql } = this.#conversation.context
    const bound = (statements: readonly SqlStatement[]): Understood => ({
      statements: meant.length === 0 ? statements : statements.map(one => readWithValues(one, meant, sql)),
      values,
    })
    // Its names were looked up at Bind, those of the code behind them are looked up now: any may be meant.
    if (portal.run !== null && !isSamePath(portal.searchPath, sql.searchPath))
      return bound(prepared.statements.map(one => readAgain(one, { ...sql, searchPath: null })))
    if (prepared.version === version && prepared.statements.every(one => one.names.length === 0)) return bound(prepared.statements)
    const keep = (anew: ReadText): Understood => {
      prepared.statements = anew.statements
      prepared.version = anew.version
      return bound(anew.statements)
    }
    if (prepared.text === null) return keep({ statements: prepared.statements.map(one => readAgain(one, sql)), version })
    const anew = this.#read(prepared.text, prepared.typeOids, sql)
    return anew instanceof Promise ? anew.then(keep) : keep(anew)
  }

  /** True when the server runs code of these as soon as it looks at them. */
  runsAtParse(statements: readonly SqlStatement[]): boolean {
    const { context } = this.#conversation
    return !context.isIndifferent && statements.some(one => runsWhenAnalysed(one, context.sql))
  }

  /** What fetching from a cursor that SQL declared would do. */
  cursor(name: string): Understood {
    const known = this.#conversation.context.sql.cursors.get(name)
    if (known === undefined) return { statements: [opaque('execute', 'a portal of a name that is not known here')], values: [] }
    const fetched: SqlStatement = { ...known, node: { FetchStmt: { portalname: name } }, names: [{ kind: 'fetch', name }] }
    return { statements: [readAgain(fetched, this.#conversation.context.sql)], values: [] }
  }

  /** A function-call message names a function by number: nothing of it is understood. */
  functionCall(call: FunctionCallMessage): SqlStatement {
    const values = call.values.map(value => shownValue(value, 1))
    return opaque('function call', `function ${call.functionOid}(${values.join(', ')}) called by a function-call message`)
  }

  shownValues(bind: BindMessage): readonly (string | null)[] {
    return bind.values.map((value, index) =>
      shownValue(value, bind.formats.length === 1 ? (bind.formats[0] ?? 0) : (bind.formats[index] ?? 0)),
    )
  }

  /**
   * Has a message judged and recorded.
   * @throws {SallyportError} when it does not run; as the rejection of the promise when people were asked.
   */
  admit(wanted: Wanted): readonly Running[] | Promise<readonly Running[]> {
    const { session, status, isTurning } = this.#conversation
    if (wanted.statements.length === 0) return []
    const commands = wanted.statements.map(({ command }) => withValues(command, wanted.values))
    const masks = this.#masks.plan(wanted.statements)
    // Made when it is asked for: most commands never wait.
    let held: AbortController | null = null
    const signalOf = (): AbortSignal => {
      held ??= new AbortController()
      // What cannot be masked is recorded like any command, and nobody is asked for it.
      if (masks.refusal !== null) held.abort(masks.refusal)
      return held.signal
    }
    const admission = session.admit(commands, {
      bytes: wanted.bytes,
      get signal() {
        return signalOf()
      },
      onHeld: hold => this.#tell(hold),
      notes: status === txStatus.open || isTurning ? [LOCKS_NOTE] : [],
    })
    if (admission instanceof Promise) {
      if (masks.refusal !== null) {
        admission.catch(() => {})
        throw masks.refusal
      }
      return this.#wait(admission, held ?? new AbortController()).then(admitted => this.#begin(wanted, admitted, masks))
    }
    if (masks.refusal !== null) {
      for (const number of admission.numbers) {
        session.append({ kind: 'error', command: number, code: masks.refusal.code, message: masks.refusal.message })
      }
      throw masks.refusal
    }
    return this.#begin(wanted, admission, masks)
  }

  /** Ends the wait, for people or for a long text to be read, as the client's cancel does. False when nothing waits. */
  cancel(): boolean {
    if (this.#held === null) return false
    this.#held.abort(
      new Refusal('COMMAND_CANCELLED', null, 'canceling statement due to user request: it was held and did not run', {
        fix: 'run it again to ask again',
      }),
    )
    return true
  }

  /** Ends the wait for people because there is nobody left to run it for. */
  abandon(reason: SallyportError): void {
    this.#held?.abort(reason)
  }

  #begin({ statements, opened }: Wanted, admission: Admission, masks: ReturnType<MaskDesk['plan']>): readonly Running[] {
    // The type says it; this also holds against a value that came in by a cast.
    if (!Permit.isMinted(admission.permit)) throw new SallyportError('INTERNAL', 'a message without a permit is not sent')
    const { session, context } = this.#conversation
    return statements.map((statement, index) => {
      context.noteSent(statement)
      if (statement.isTransactionControl) this.#conversation.isTurning = true
      const mask = masks.open(index)
      return { run: new StatementRun(session, admission.numbers[index] ?? 0, opened?.mask?.again() ?? mask), statement }
    })
  }

  /** The client's cancel or end wins at once, whatever is still to do elsewhere; a late approval releases nothing. */
  async #wait<T>(work: Promise<T>, held: AbortController): Promise<T> {
    this.#held = held
    const stopped = new Promise<never>((_, reject) => {
      held.signal.addEventListener('abort', () => reject(reasonOf(held.signal)), { once: true })
    })
    stopped.catch(() => {})
    work.catch(() => {})
    try {
      const done = await Promise.race([work, stopped])
      if (held.signal.aborted) throw reasonOf(held.signal)
      return done
    } finally {
      this.#held = null
    }
  }

  #tell(hold: Hold): void {
    const until = `${hold.until.toISOString().slice(11, 16)} UTC`
    this.#conversation.tell(
      writeNotice({
        severity: 'NOTICE',
        sqlState: '00000',
        message: `sallyport: waiting for approval ${hold.code} (${hold.approvers}) until ${until}`,
        detail: `rule ${hold.rule}${hold.because === null ? '' : `: ${hold.because}`}`,
        ...(hold.where === null ? {} : { hint: hold.where }),
      }),
    )
  }
}

/** True when the server may wait for COPY data after this statement. */
export function mayCopyIn(statement: SqlStatement): boolean {
  if (statement.node === null) return true
  const copy = asKind(statement.node, 'CopyStmt')
  return copy !== null && isSet(copy, 'is_from')
}

function withValues(command: SqlCommand, values: readonly (string | null)[] | null): SqlCommand {
  return values === null || values.length === 0 ? command : { ...command, values, shape: command.shape ?? command }
}

function opaque(verb: string, text: string): SqlStatement {
  return {
    command: {
      protocol: 'postgres',
      verb,
      resources: [],
      text,
      certainty: 'opaque',
      doubt: 'its text was never seen',
      effects: new Set(['unknown']),
      unfiltered: false,
      values: [],
    },
    node: null,
    names: [],
    changesCatalog: true,
    changesSession: true,
    isTransactionControl: false,
    hasUnresolvedNames: false,
    isLiteralSensitive: false,
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Refusal('COMMAND_CANCELLED', null, 'cancelled')
}
