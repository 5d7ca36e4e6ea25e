// What the reading of this session's next text depends on: catalog, search path, lexer settings, names. Knows when it is out of date.
import type { Catalog } from '../../command/sql/catalog.ts'
import type { SqlContext, SqlStatement } from '../../command/sql/sql-statement.ts'
import type { KnownCatalog } from './known-catalog.ts'
import type { Names } from './names.ts'

/** How a session gets what it must know; both wait until it is known. */
export interface ContextSources {
  /** A snapshot that holds everything committed by now. */
  renewCatalog(): Promise<Catalog>
  /** A snapshot as this session sees it, its open transaction included. */
  loadOwnCatalog(): Promise<Catalog>
  /** The session's search_path, as SHOW gives it. */
  showSearchPath(): Promise<string>
}

const noNames: ReadonlyMap<string, SqlStatement> = new Map()

export class SessionContext {
  readonly #known: KnownCatalog
  readonly #names: Names
  readonly #parameters: Map<string, string>
  readonly #trustedFunctions: ReadonlySet<string>
  /** Nothing hangs on how well a text is understood: it is never waited for. */
  readonly #isIndifferent: boolean
  #catalog: Catalog | null
  /** The snapshot is this session's own: it holds what its open transaction made. */
  #isOwn = false
  #searchPath: readonly string[] | null = null
  #searchPathText: string | null = null
  #needsCatalog = false
  #needsPath = true
  #isUnsettled = true
  #changedInTransaction = false
  #made: SqlContext | null = null
  /** Grows with every change: what was read under another version is read again. */
  version = 1

  constructor(
    known: KnownCatalog,
    names: Names,
    parameters: Map<string, string>,
    trustedFunctions: ReadonlySet<string>,
    isIndifferent: boolean,
  ) {
    this.#isIndifferent = isIndifferent
    this.#known = known
    this.#catalog = known.current
    this.#names = names
    this.#parameters = parameters
    this.#trustedFunctions = trustedFunctions
  }

  /** True after a statement that may have changed what the next text means, until `settle`. */
  get isUnsettled(): boolean {
    this.#follow()
    return this.#isUnsettled
  }

  get isIndifferent(): boolean {
    return this.#isIndifferent
  }

  /** The next text has to wait for `settle`. */
  get mustSettle(): boolean {
    return this.isUnsettled && !this.#isIndifferent
  }

  /** A text is worth a look into the catalog of this moment. */
  get maySettle(): boolean {
    return !this.isUnsettled && !this.#isIndifferent
  }

  /** The snapshot is past its time, and no other is being taken. */
  get isOld(): boolean {
    return this.#known.isOld && this.#known.renewing === null
  }

  /** The context of the next text. Unsettled, it knows nothing: what depends on it is opaque then. */
  get sql(): SqlContext {
    this.#follow()
    this.#made ??= {
      catalog: this.#isUnsettled ? null : this.#catalog,
      searchPath: this.#isUnsettled ? null : this.#searchPath,
      trustedFunctions: this.#trustedFunctions,
      standardConformingStrings: this.#parameters.get('standard_conforming_strings') === 'on',
      isUtf8: this.#parameters.get('client_encoding') === 'UTF8',
      prepared: this.#isUnsettled ? noNames : this.#names.prepared,
      cursors: this.#isUnsettled ? noNames : this.#names.cursors,
    }
    return this.#made
  }

  /** A statement was sent that may change things. */
  noteSent(statement: SqlStatement): void {
    const isOpaque = statement.command.certainty === 'opaque'
    // What a transaction changed may be taken back with it, or with a savepoint in it.
    if (statement.isTransactionControl && this.#changedInTransaction) {
      this.#needsCatalog ||= this.#isOwn
      this.#needsPath = true
      this.#isUnsettled = true
      this.#touch()
    }
    if (!statement.changesCatalog && !statement.changesSession && !isOpaque && !changesNames(statement)) return
    if (statement.changesCatalog || isOpaque) this.#needsCatalog = true
    if (statement.changesSession || isOpaque) this.#needsPath = true
    if (this.#needsCatalog || this.#needsPath) this.#changedInTransaction = true
    this.#isUnsettled = true
    this.#touch()
  }

  /** The server reported a setting. */
  noteParameter(name: string): void {
    if (name === 'search_path') this.#readPath()
    if (name === 'search_path' || name === 'standard_conforming_strings' || name === 'client_encoding') this.#touch()
  }

  /** A transaction ended: what it changed is now true for all, or was taken back. */
  noteIdle(): void {
    if (!this.#changedInTransaction && !this.#isOwn) return
    this.#changedInTransaction = false
    this.#needsCatalog ||= this.#isOwn
    this.#needsPath = true
    this.#isUnsettled = true
    this.#touch()
  }

  /** A name is in no catalog: a newer snapshot may know it. */
  doubtCatalog(): void {
    this.#needsCatalog = true
    this.#isUnsettled = true
    this.#touch()
  }

  /** Learns what it must know. Only with nothing on its way; `isOpen` = inside a transaction that has not failed. */
  async settle(sources: ContextSources, isOpen: boolean): Promise<void> {
    if (this.#needsCatalog) {
      const catalog = await (isOpen ? sources.loadOwnCatalog() : sources.renewCatalog()).catch(() => null)
      // It cannot be had now (a lock, a limit of connections): the next text is read without it, and the one behind tries again.
      if (catalog === null) return
      this.#catalog = catalog
      this.#isOwn = isOpen
      this.#needsCatalog = false
    }
    if (this.#needsPath) {
      if (!this.#readPath()) this.#setPath(await sources.showSearchPath())
      this.#needsPath = false
    }
    this.#isUnsettled = false
    this.#touch()
  }

  /** Server 18 and newer report search_path by themselves. */
  #readPath(): boolean {
    const reported = this.#parameters.get('search_path')
    if (reported === undefined) return false
    this.#setPath(reported)
    return true
  }

  /** The same path stays the same object: plans are kept by it. */
  #setPath(text: string): void {
    if (text === this.#searchPathText) return
    this.#searchPathText = text
    this.#searchPath = splitPath(text)
  }

  /** Another session's renewal is this one's too. */
  #follow(): void {
    if (this.#isOwn || this.#known.current === this.#catalog) return
    this.#catalog = this.#known.current
    this.#touch()
  }

  #touch(): void {
    this.version += 1
    this.#made = null
  }
}

function changesNames(statement: SqlStatement): boolean {
  return statement.names.some(change => change.kind !== 'execute' && change.kind !== 'fetch')
}

/** The names of a search_path as the server prints it: `"$user", public`; null when it cannot be read. */
function splitPath(text: string): readonly string[] | null {
  const names: string[] = []
  const part = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(?:,|$)/y
  if (text.trim() === '') return names
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (match === null) return null
    names.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'))
  }
  // An empty name in quotes stands for no schema.
  return names.filter(name => name !== '')
}
