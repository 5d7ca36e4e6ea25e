// What the gateway knows of the target's catalog: enough to resolve names as PostgreSQL does and to know what they lead to.
// Plain data, filled by engine/postgres from queries of its own connection; renewed after anything that may change it (`epoch`).

export interface CatalogColumn {
  readonly name: string
  /** pg_attribute.attnum, from 1. */
  readonly number: number
  readonly typeOid: number
  /** pg_attribute.attgenerated is set: its value is an expression over other columns. */
  readonly isGenerated: boolean
}

export interface CatalogTrigger {
  readonly name: string
  readonly functionOid: number
  readonly on: ReadonlySet<'insert' | 'update' | 'delete' | 'truncate'>
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
  readonly language: string
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly isSecurityDefiner: boolean
  /** pg_proc.prosrc, or pg_get_function_sqlbody for SQL-standard bodies; null for C and internal. */
  readonly body: string | null
  /** pg_proc.proconfig: `search_path=…` */
  readonly settings: readonly string[]
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
}

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
}
