// What the login's role could read without the gateway: where that is more than the masks show, they are weaker than the server could make
// them, and the recording says so with the statements that would close it.
import { maskClosure } from '../../command/sql/plan-mask-closure.ts'
import type { Catalog, CatalogRelation } from '../../command/sql/catalog.ts'
import type { ColumnRule } from '../../core/masker.ts'
import type { OwnQuery } from './own-connection.ts'

/** Roles of PostgreSQL that read around privileges on columns, or run what is outside of SQL. */
const WIDE_ROLES = [
  'pg_read_all_data',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_read_all_stats',
  'pg_monitor',
]
/** A policy that masks a column of every table must not make one line of a hundred grants. */
const MAX_GRANTS = 10

/** Before version 16 a role that may create roles could make itself a member of any but a superuser. */
const ROLE_QUERY = `SELECT current_user, r.rolsuper, r.rolbypassrls, r.rolreplication,
 r.rolcreaterole AND pg_catalog.current_setting('server_version_num')::int < 160000
 FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`
/** Each role that the login is a direct member of, and what it is a member of by that. */
const MEMBER_QUERY = `SELECT v.rolname, ARRAY(SELECT o.rolname FROM pg_catalog.pg_roles o
 WHERE o.oid <> v.oid AND pg_catalog.pg_has_role(v.oid, o.oid, 'MEMBER') ORDER BY 1)::text
 FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles v ON v.oid = m.roleid JOIN pg_catalog.pg_roles r ON r.oid = m.member
 WHERE r.rolname = current_user GROUP BY v.oid, v.rolname ORDER BY 1`

/**
 * A line for each thing by which the role sees more than the masks let through; empty = the server itself keeps it from the rest.
 * Each line ends with the SQL that closes it, and that gives back what the role may read all the same. Names of the catalog only, never a value.
 */
export async function weaknessesOf(query: OwnQuery, catalog: Catalog, rules: readonly ColumnRule[]): Promise<readonly string[]> {
  const [row] = await query(ROLE_QUERY)
  if (row === undefined) return []
  const [user, isSuper, bypassesRows, replicates, makesRoles] = row
  const role = quoted(user ?? '')
  const tables = maskedRelations(catalog, rules)
  const grants = grantsOf(tables, role)
  // A superuser is a member of every role: the rest would only repeat it.
  if (isSuper === 't')
    return [`the role ${role} is a superuser: ALTER ROLE ${role} NOSUPERUSER${grants} (or log in as another role, with these privileges)`]
  const found: string[] = []
  if (replicates === 't')
    found.push(`the role ${role} may replicate, and so read every table as it is stored: ALTER ROLE ${role} NOREPLICATION`)
  if (bypassesRows === 't') found.push(`the role ${role} bypasses row security: ALTER ROLE ${role} NOBYPASSRLS`)
  if (makesRoles === 't')
    found.push(`the role ${role} may make itself a member of any role but a superuser: ALTER ROLE ${role} NOCREATEROLE`)
  for (const [relation, masked] of tables) {
    if (relation.owner !== user) continue
    const table = tableOf(relation)
    const grant = grantsOf(new Map([[relation, masked]]), role)
    found.push(`the role ${role} owns ${table}, which has masked columns: ALTER TABLE ${table} OWNER TO another role${grant}`)
  }
  for (const [via, others] of await query(MEMBER_QUERY)) found.push(...membershipOf(role, via ?? '', namesOf(others ?? '{}'), tables))
  return found
}

/** What the login gains by being a member of `via`: wide roles, and masked tables of a role it may become. */
function membershipOf(role: string, via: string, others: readonly string[], tables: MaskedRelations): readonly string[] {
  const close = `REVOKE ${quoted(via)} FROM ${role}`
  const gained = [via, ...others]
  const wide = gained.filter(name => WIDE_ROLES.includes(name))
  const owned = new Map([...tables].filter(([{ owner }]) => gained.includes(owner)))
  const through = wide.includes(via) ? '' : ` through ${quoted(via)}`
  return [
    ...(wide.length === 0
      ? []
      : [
          `the role ${role} is a member of ${wide.join(', ')}${through}: ${close}${wide.includes('pg_read_all_data') ? grantsOf(tables, role) : ''}`,
        ]),
    ...(owned.size === 0
      ? []
      : [
          `the role ${role} is a member of ${quoted(via)}, and so owns ${listed([...owned.keys()].map(tableOf))}, masked in part: ${close}${grantsOf(owned, role)}`,
        ]),
  ]
}

/** Grants on every column that is not masked, each with a semicolon before it. */
function grantsOf(tables: MaskedRelations, role: string): string {
  const grants = [...tables].flatMap(([relation, masked]) => {
    const others = relation.columns.filter(column => !masked.has(column.number)).map(column => quoted(column.name))
    return others.length === 0 ? [] : [`; GRANT SELECT (${others.join(', ')}) ON ${tableOf(relation)} TO ${role}`]
  })
  const more = grants.length - MAX_GRANTS
  return `${grants.slice(0, MAX_GRANTS).join('')}${more > 0 ? `; and so for ${more} more tables` : ''}`
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_GRANTS
  return `${names.slice(0, MAX_GRANTS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** Columns that the policy names and the target does not have: a slip of the pen that masks nothing. Patterns with `*` are left out. */
export function missingColumns(catalog: Catalog, rules: readonly ColumnRule[]): readonly string[] {
  const names = new Set(
    [...catalog.relations.values()].flatMap(({ schema, name, columns }) => columns.map(column => `${schema}.${name}.${column.name}`)),
  )
  return rules
    .filter(({ schema, table, column }) => ![schema, table, column].some(part => part.includes('*')))
    .filter(({ schema, table, column }) => !names.has(`${schema}.${table}.${column}`))
    .map(({ rule, schema, table, column }) => `mask ${rule} names ${schema}.${table}.${column}, which is not there`)
}

/** Tables that a rule masks columns of, with the numbers of those. */
type MaskedRelations = ReadonlyMap<CatalogRelation, ReadonlySet<number>>

function maskedRelations(catalog: Catalog, rules: readonly ColumnRule[]): MaskedRelations {
  const found = new Map<CatalogRelation, Set<number>>()
  for (const { relationOid, column } of maskClosure(catalog, rules).columns) {
    const relation = catalog.relations.get(relationOid)
    if (relation === undefined || !'rpmf'.includes(relation.kind)) continue
    const columns = found.get(relation) ?? new Set<number>()
    found.set(relation, columns.add(column))
  }
  return found
}

function tableOf({ schema, name }: CatalogRelation): string {
  return `${quoted(schema)}.${quoted(name)}`
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** The text form of an array of names. */
function namesOf(array: string): readonly string[] {
  const names: string[] = []
  for (const match of array.matchAll(/"((?:[^"\\]|\\.)*)"|([^{},"]+)/g)) names.push(match[1]?.replaceAll(/\\(.)/g, '$1') ?? match[2] ?? '')
  return names
}
