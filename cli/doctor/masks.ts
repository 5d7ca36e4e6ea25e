// Checks of masks: which role a masked connection logs in as decides how strong they are, and only a login can tell.
import type { ConnectionEntry, PolicyFile } from '../../gateway/policy/policy-file.ts'
import type { Finding } from './finding.ts'

/** A line for each connection with masked columns: what was not looked at here, and how to look. */
export function checkMasks(policy: PolicyFile): readonly Finding[] {
  return [...policy.connections.values()]
    .filter(({ connection }) => connection.protocol === 'postgres')
    .flatMap(entry => checkRole(entry, policy))
}

function checkRole({ connection }: ConnectionEntry, { masks }: PolicyFile): readonly Finding[] {
  const columns = masks.filter(({ on }) => on === null || on.includes(connection.name)).flatMap(rule => rule.columns)
  if (columns.length === 0) return []
  return [
    {
      id: 'E26',
      what: `masks of ${connection.name}`,
      state: 'unknown',
      words: 'the role was not looked at: doctor never logs in. Every run does, and warns at its start',
      fix: `see the warnings of \`sallyport exec --connection ${connection.name} -- true\`, or ask as the same login: ${roleQuery(columns)}`,
    },
  ]
}

/** True in any column but the first says that the server would show more to this role than the masks do. */
function roleQuery(columns: PolicyFile['masks'][number]['columns']): string {
  const tables = [
    ...new Set(columns.filter(({ schema, table }) => !`${schema}${table}`.includes('*')).map(({ schema, table }) => `${schema}.${table}`)),
  ]
  const owned = tables.map(
    name => `pg_has_role((SELECT relowner FROM pg_class WHERE oid = '${name.replaceAll("'", "''")}'::regclass), 'MEMBER')`,
  )
  const checks = [
    'rolsuper',
    'rolreplication',
    'rolbypassrls',
    ...['pg_read_all_data', 'pg_read_server_files', 'pg_execute_server_program'].map(role => `pg_has_role('${role}', 'MEMBER')`),
  ]
  return `SELECT current_user, ${[...checks, ...owned].join(', ')} FROM pg_roles WHERE rolname = current_user`
}
