// One SQL statement as read: the command for the policy, and what the engine must do because of it.
import type { SqlCommand } from '../../core/command.ts'

/** What a statement does to the names the gateway keeps track of. */
export type NameChange =
  | { readonly kind: 'prepare'; readonly name: string; readonly statement: SqlStatement }
  | { readonly kind: 'execute'; readonly name: string }
  /** null = all (DEALLOCATE ALL, DISCARD). */
  | { readonly kind: 'deallocate'; readonly name: string | null }
  | { readonly kind: 'declare-cursor'; readonly name: string; readonly statement: SqlStatement }
  | { readonly kind: 'fetch'; readonly name: string }
  | { readonly kind: 'close-cursor'; readonly name: string | null }

export interface SqlStatement {
  readonly command: SqlCommand
  /** The statement's node of libpg-query's tree; null when it could not be read. Walk it, never change it. */
  readonly node: unknown
  /** Names prepared, executed, declared, fetched, forgotten by this statement. */
  readonly names: readonly NameChange[]
  /** It may change what names mean or what relations hold (ddl, opaque): renew the catalog after it. */
  readonly changesCatalog: boolean
  /** It may change search_path, role, or a setting the reading depends on: cached readings of this session are void. */
  readonly changesSession: boolean
  /** begin, commit, rollback, savepoint …: so that held commands inside a transaction can say that locks are held. */
  readonly isTransactionControl: boolean
  /**
   * A name is not in the catalog: it may have been made after the snapshot. Renew it and read again with `isFresh`, or leave the
   * statement as it is, `partial`.
   */
  readonly hasUnresolvedNames: boolean
  /** Decisions that depended on a literal (WHERE 1=1, GROUP BY 1): the integer-normalised cache key must not be used. */
  readonly isLiteralSensitive: boolean
  /** Whether a filter leaves rows out depends on what its parameters are: with their values it is read again. */
  readonly filtersByValue?: boolean
  /** Of what a cursor fetches from: the path under which its names were looked up; the code behind them looks under that of its time. */
  readonly searchPath?: readonly string[] | null
}

/** Everything the reading of a text depends on; the cache key is made of the same. */
export interface SqlContext {
  readonly catalog: import('./catalog.ts').Catalog | null
  /** Schemas in effect, in order; null = unknown (an opaque statement may have changed it). */
  readonly searchPath: readonly string[] | null
  /** `schema.name` of functions the policy trusts, lower case. */
  readonly trustedFunctions: ReadonlySet<string>
  /** The catalog was taken just now: the server does not know a name either that it does not hold, and will say so. */
  readonly isFresh?: boolean
  /** Statements earlier in the same message change the catalog: what they made (`schema.name` or bare), and why nothing else can be told. */
  readonly drift?: Drift
  /** From ParameterStatus; anything but `on` makes text with a backslash unreadable. */
  readonly standardConformingStrings: boolean
  /** True when client_encoding is UTF8; otherwise only ASCII can be read. */
  readonly isUtf8: boolean
  /** Statements prepared in this session (SQL or protocol), by name; a name that is absent is opaque. */
  readonly prepared: ReadonlyMap<string, SqlStatement>
  readonly cursors: ReadonlyMap<string, SqlStatement>
}

export interface Drift {
  /** Relations that were made: plain, without triggers, rules or code. */
  readonly made: ReadonlySet<string>
  /** Code may have changed: names mean what nobody can tell; null = only plain things changed. */
  readonly doubt: string | null
}
