// What the gateway knows of the target's catalog: enough to resolve names as PostgreSQL does and to know what they lead to.
// Plain data, filled by engine/postgres from queries of its own connection; renewed after anything that may change it (`epoch`).

export interface CatalogColumn {
  readonly name: string
  /** pg_attribute.attnum, from 1. */
  readonly number: number
  readonly typeOid: number
  /** pg_attribute.attgenerated is set: its value is an expression over other columns. */
  readonly isGenerated: boolean
  readonly isNotNull: boolean
  /** Default, or the expression of a generated column, as `pg_get_expr` writes it; null = none. */
  readonly expression: string | null
}

export interface CatalogTrigger {
  readonly name: string
  readonly functionOid: number
  readonly on: ReadonlySet<'insert' | 'update' | 'delete' | 'truncate'>
  /** pg_get_triggerdef when it has a WHEN condition, else null. */
  readonly definition: string | null
}

export interface CatalogRule {
  readonly name: string
  readonly on: 'select' | 'insert' | 'update' | 'delete'
  /** pg_get_ruledef. */
  readonly definition: string
}

export interface CatalogRelation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign, S sequence, c composite type, i index, t toast. */
  readonly kind: string
  readonly owner: string
  readonly columns: readonly CatalogColumn[]
  /** pg_inherits, partitions included. */
  readonly parents: readonly number[]
  /** pg_get_viewdef for views and materialized views, else null. */
  readonly definition: string | null
  readonly rules: readonly CatalogRule[]
  readonly triggers: readonly CatalogTrigger[]
  readonly hasRowSecurity: boolean
  /** Expressions that run when rows are read: row security. As `pg_get_expr` writes them. */
  readonly readExpressions: readonly string[]
  /** Expressions that run when rows are written: checks, indexes and their predicates, row security, partition bounds. */
  readonly writeExpressions: readonly string[]
  readonly cascades: readonly CatalogCascade[]
  /** Name of the foreign data wrapper's handler (`file_fdw_handler`) and the table's options, for foreign tables; else null. */
  readonly foreign: { readonly handler: string; readonly options: readonly string[] } | null
}

export interface CatalogFunction {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** pg_proc.prokind: f function, p procedure, a aggregate, w window. */
  readonly kind: string
  readonly argumentTypes: readonly number[]
  readonly hasVariadic: boolean
  /** How many trailing arguments have defaults. */
  readonly defaults: number
  readonly returnTypeOid: number
  /** Types of OUT parameters and of the columns of RETURNS TABLE. Left out = none. */
  readonly resultTypes?: readonly number[]
  readonly language: string
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly isSecurityDefiner: boolean
  /** pg_proc.prosrc, or pg_get_function_sqlbody for SQL-standard bodies; null for C and internal. */
  readonly body: string | null
  /** pg_proc.proconfig: `search_path=…` */
  readonly settings: readonly string[]
  /** True when `body` is a parsed SQL-standard body (BEGIN ATOMIC, RETURN): its names are bound, not looked up at the call. */
  readonly isBound: boolean
  /** For C functions `library:symbol` (`$libdir/citext:citext_eq`), for internal ones `:symbol`; else null. */
  readonly native: string | null
  /** For aggregates: the functions they call (transition, final, combine, …); else empty. */
  readonly parts: readonly number[]
  /** Defaults of its arguments as `pg_get_expr` writes them, comma-separated; null = none. */
  readonly defaultExpressions: string | null
}

export interface CatalogOperator {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly leftTypeOid: number
  readonly rightTypeOid: number
  readonly functionOid: number
}

export interface CatalogCast {
  readonly sourceTypeOid: number
  readonly targetTypeOid: number
  /** 0 = binary-coercible or by input/output. */
  readonly functionOid: number
  /** When PostgreSQL applies it: only where it is written, also on assignment, or anywhere. */
  readonly context: 'explicit' | 'assignment' | 'implicit'
}

export interface CatalogType {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange. */
  readonly kind: string
  readonly relationOid: number
  readonly elementOid: number
  readonly baseTypeOid: number
  /** Of a range: what computes over its bounds, for an index or a planner. */
  readonly functions?: readonly number[]
  /** Checks of a domain, its default, as `pg_get_expr` writes them; the subtype's functions of a range are not here. */
  readonly expressions: readonly string[]
}

/** A foreign key of another relation that points here: what a DELETE or a change of key does over there. */
export interface CatalogCascade {
  readonly relationOid: number
  readonly onDelete: CascadeAction
  readonly onUpdate: CascadeAction
  /** Column numbers: of the key over there, and of what it refers to here. Left out where nobody looked. */
  readonly columns?: readonly (readonly [from: number, to: number])[]
}
export type CascadeAction = 'none' | 'delete' | 'update'

/** Objects outside pg_catalog and information_schema are complete; of those two, only names that matter are known (see builtins). */
export interface Catalog {
  /** Grows with every renewal; part of every cache key. */
  readonly epoch: number
  readonly serverVersion: number
  readonly currentUser: string
  /** The session's search_path as text, at the snapshot. */
  readonly searchPath: readonly string[]
  readonly isSuperuser: boolean
  readonly relations: ReadonlyMap<number, CatalogRelation>
  readonly functions: ReadonlyMap<number, CatalogFunction>
  readonly operators: readonly CatalogOperator[]
  readonly casts: readonly CatalogCast[]
  readonly types: ReadonlyMap<number, CatalogType>
  readonly schemas: ReadonlySet<string>
  /** `schema.name` of the relations of pg_catalog and information_schema. */
  readonly systemRelations: ReadonlySet<string>
  /** Schemas in effect when definitions and expressions were written out: a bare name in them means what it means under these. */
  readonly definitionPath: readonly string[]
  /** Names of constraints and of unique indexes, as errors give them. Left out where nobody looked. */
  readonly constraintNames?: ReadonlySet<string>
  /**
   * Functions behind operator classes that somebody made, as far as they are not native: sorting, grouping, indexes, partitions and
   * comparisons of arrays and rows call them, and no text names them. Left out = none.
   */
  readonly orderingFunctions?: readonly number[]
  /** Functions of event triggers that are enabled: any ddl calls them. */
  readonly eventTriggers: readonly number[]
  /**
   * True = nobody looked at a server (`policy explain`, `policy test`): every relation counts as a plain table,
   * and no function, operator, cast or type exists besides PostgreSQL's own.
   */
  readonly isAssumed: boolean
}

/** The catalog of a server that nobody looked at, and that holds nothing but plain tables. Never for a real session. */
export const assumedCatalog: Catalog = {
  epoch: 0,
  serverVersion: 180_000,
  currentUser: '',
  searchPath: ['public'],
  isSuperuser: false,
  relations: new Map(),
  functions: new Map(),
  operators: [],
  casts: [],
  types: new Map(),
  schemas: new Set(['pg_catalog', 'information_schema', 'public']),
  systemRelations: new Set(),
  definitionPath: ['public'],
  eventTriggers: [],
  isAssumed: true,
}
