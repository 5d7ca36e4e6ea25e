// The names of one session: prepared statements (protocol and SQL share them), portals and cursors (they share theirs too).
// A name is what the server will take it for. Until the server has confirmed a change, a later batch must wait (isConfirmed, batch).
import type { NameChange, SqlStatement } from '../../command/sql/sql-statement.ts'
import type { ResultColumn } from '../../wire/postgres/backend.ts'
import type { BindMessage, ParseMessage } from '../../wire/postgres/frontend.ts'
import { meantValue } from './bound-value.ts'
import type { StatementRun } from './statement-run.ts'

export interface PreparedStatement {
  readonly name: string
  /** The text of its Parse; null when SQL PREPARE made it, which is read from its tree. */
  readonly text: Buffer | null
  /** Types that its Parse gave to parameters. */
  readonly typeOids: readonly number[]
  /** As read under `version`; read again when the session's context has moved on. */
  statements: readonly SqlStatement[]
  version: number
  /** The batch whose Parse made it. */
  readonly batch: number
  isConfirmed: boolean
  columns: readonly ResultColumn[] | null
}

export interface Portal {
  readonly name: string
  /** null = the statement's name is unknown here. */
  readonly prepared: PreparedStatement | null
  readonly values: readonly (string | null)[]
  /** The same as literals, where a filter hangs on them; else empty. */
  readonly meant: readonly (string | null)[]
  readonly resultFormats: readonly number[]
  readonly batch: number
  /** The path under which the server looked its names up; null = not known. */
  readonly searchPath: readonly string[] | null
  isConfirmed: boolean
  /** The command it became when it was admitted, under `version`. */
  run: StatementRun | null
  version: number
  columns: readonly ResultColumn[] | null
}

/** What a Parse defines, not yet confirmed. */
export function newPrepared(parse: ParseMessage, statements: readonly SqlStatement[], version: number, batch: number): PreparedStatement {
  const { name, text, typeOids } = parse
  return { name, text: Buffer.from(text), typeOids, statements, version, batch, isConfirmed: false, columns: null }
}

/** What a Bind opens, not yet confirmed. */
export function newPortal(
  bind: BindMessage,
  prepared: PreparedStatement | null,
  values: Portal['values'],
  batch: number,
  searchPath: Portal['searchPath'],
): Portal {
  const { portal: name, resultFormats, formats } = bind
  const isMeant = prepared?.statements.some(one => one.filtersByValue === true) === true
  const formatOf = (index: number): number => (formats.length === 1 ? formats[0] : formats[index]) ?? 0
  const meant = isMeant ? bind.values.map((value, index) => meantValue(value, formatOf(index))) : []
  return { name, prepared, values, meant, resultFormats, batch, searchPath, isConfirmed: false, run: null, version: 0, columns: null }
}

/** Names one session may hold; beyond, the oldest are forgotten and become opaque. */
const MAX_NAMES = 10_000

export class Names {
  readonly statements = new Map<string, PreparedStatement>()
  readonly portals = new Map<string, Portal>()
  /** What SqlContext asks for: names whose statement is known and confirmed. */
  readonly prepared = new Map<string, SqlStatement>()
  readonly cursors = new Map<string, SqlStatement>()

  /** Puts a statement in its place and returns what stood there. */
  define(statement: PreparedStatement): PreparedStatement | null {
    const previous = this.statements.get(statement.name) ?? null
    this.statements.set(statement.name, statement)
    this.prepared.delete(statement.name)
    this.#bound(this.statements)
    return previous
  }

  confirm(statement: PreparedStatement): void {
    statement.isConfirmed = true
    const only = statement.statements.length === 1 ? statement.statements[0] : undefined
    // SQL cannot name the unnamed statement.
    if (statement.name !== '' && only !== undefined && this.statements.get(statement.name) === statement)
      this.prepared.set(statement.name, only)
  }

  /** The server did not take the definition: what stood there stands again. */
  restore(statement: PreparedStatement, previous: PreparedStatement | null): void {
    if (this.statements.get(statement.name) !== statement) return
    this.forgetStatement(statement.name)
    if (previous === null) return
    this.statements.set(previous.name, previous)
    if (previous.isConfirmed) this.confirm(previous)
  }

  forgetStatement(name: string): void {
    this.statements.delete(name)
    this.prepared.delete(name)
  }

  definePortal(portal: Portal): Portal | null {
    const previous = this.portals.get(portal.name) ?? null
    this.portals.set(portal.name, portal)
    this.#bound(this.portals)
    return previous
  }

  restorePortal(portal: Portal, previous: Portal | null): void {
    if (this.portals.get(portal.name) !== portal) return
    if (previous === null) this.portals.delete(portal.name)
    else this.portals.set(portal.name, previous)
  }

  /** Portals end with their transaction; one that is not confirmed yet belongs to the next. */
  endTransaction(): void {
    for (const [name, portal] of this.portals) if (portal.isConfirmed) this.portals.delete(name)
  }

  /** An opaque statement ran: it may have prepared, forgotten or opened anything. */
  forgetAll(): void {
    this.statements.clear()
    this.prepared.clear()
    this.cursors.clear()
    this.portals.clear()
  }

  /** What a statement did to names, once the server has said that it ran. */
  apply(change: NameChange, version: number): void {
    switch (change.kind) {
      case 'prepare':
        this.define({
          name: change.name,
          text: null,
          typeOids: [],
          statements: [change.statement],
          version,
          batch: 0,
          isConfirmed: true,
          columns: null,
        })
        this.prepared.set(change.name, change.statement)
        break
      case 'deallocate':
        if (change.name !== null) this.forgetStatement(change.name)
        else {
          this.statements.clear()
          this.prepared.clear()
        }
        break
      case 'declare-cursor':
        this.cursors.set(change.name, change.statement)
        this.portals.delete(change.name)
        this.#bound(this.cursors)
        break
      case 'close-cursor':
        if (change.name === null) this.cursors.clear()
        else this.cursors.delete(change.name)
        break
      case 'execute':
      case 'fetch':
        break
    }
  }

  #bound(names: Map<string, unknown>): void {
    if (names.size <= MAX_NAMES) return
    const oldest = names.keys().next().value
    if (oldest === undefined) return
    names.delete(oldest)
    if (names === this.statements) this.prepared.delete(oldest)
  }
}
