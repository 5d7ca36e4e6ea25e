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
  'pg_checkpoint',
]

const ROLE_QUERY = `SELECT current_user, r.rolsuper, r.rolbypassrls, r.rolreplication, ARRAY(SELECT g.rolname FROM pg_catalog.pg_roles g
 WHERE g.rolname IN (${WIDE_ROLES.map(role => `'${role}'`).join(', ')}) AND pg_catalog.pg_has_role(g.oid, 'MEMBER'))::text,
 ARRAY(SELECT o.rolname FROM pg_catalog.pg_roles o WHERE pg_catalog.pg_has_role(o.oid, 'MEMBER'))::text
 FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`

/**
 * A line for each thing by which the role sees more than the masks let through; empty = the server itself keeps it from the rest.
 * Each line ends with the SQL that closes it. Names of the catalog only, never a value.
 */
export async function weaknessesOf(query: OwnQuery, catalog: Catalog, rules: readonly ColumnRule[]): Promise<readonly string[]> {
  const [row] = await query(ROLE_QUERY)
  if (row === undefined) return []
  const [user, isSuper, bypassesRows, replicates] = row
  const role = quoted(user ?? '')
  // A superuser is a member of every role: the rest would only repeat it.
  if (isSuper === 't')
    return [`the role ${role} is a superuser: ALTER ROLE ${role} NOSUPERUSER; or log in as a role with the privileges it needs`]
  const found: string[] = []
  if (replicates === 't')
    found.push(`the role ${role} may replicate, and so read every table as it is stored: ALTER ROLE ${role} NOREPLICATION`)
  if (bypassesRows === 't') found.push(`the role ${role} bypasses row security: ALTER ROLE ${role} NOBYPASSRLS`)
  for (const wide of namesOf(row[4] ?? '{}')) found.push(`the role ${role} is a member of ${wide}: REVOKE ${wide} FROM ${role}`)
  const owners = new Set(namesOf(row[5] ?? '{}'))
  for (const [relation, masked] of maskedRelations(catalog, rules)) {
    const table = `${quoted(relation.schema)}.${quoted(relation.name)}`
    const others = relation.columns.filter(column => !masked.has(column.number)).map(column => quoted(column.name))
    const grant = others.length === 0 ? '' : `; GRANT SELECT (${others.join(', ')}) ON ${table} TO ${role}`
    if (owners.has(relation.owner))
      found.push(`the role ${role} owns ${table}, which has masked columns: ALTER TABLE ${table} OWNER TO another role${grant}`)
  }
  return found
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
function maskedRelations(catalog: Catalog, rules: readonly ColumnRule[]): ReadonlyMap<CatalogRelation, ReadonlySet<number>> {
  const found = new Map<CatalogRelation, Set<number>>()
  for (const { relationOid, column } of maskClosure(catalog, rules).columns) {
    const relation = catalog.relations.get(relationOid)
    if (relation === undefined || !'rpmf'.includes(relation.kind)) continue
    const columns = found.get(relation) ?? new Set<number>()
    found.set(relation, columns.add(column))
  }
  return found
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
