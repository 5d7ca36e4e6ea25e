// Checks of masks (E26): what the role of a masked connection sees past them. A gateway logs in to find out, as every run does at its start.
import { askToInspect } from '../../gateway/control/inspect-targets.ts'
import { plainStart } from '../../gateway/control/gateway-start.ts'
import { SallyportError } from '../../gateway/core/errors.ts'
import type { ConnectionEntry, PolicyFile } from '../../gateway/policy/policy-file.ts'
import type { Finding } from './finding.ts'

type Columns = PolicyFile['masks'][number]['columns']
type Environment = Readonly<Record<string, string>>

/**
 * Lines for each PostgreSQL connection with masked columns. A role that sees more is a warning and no failure, as in a run.
 *
 * @param text of the policy file. @param script the gateway's bundle, or `gateway/main.ts` on a Node that runs TypeScript.
 */
export async function checkMasks(policy: PolicyFile, text: string, environment: Environment, script: string): Promise<readonly Finding[]> {
  const masked = [...policy.connections.values()].filter(
    ({ connection }) => connection.protocol === 'postgres' && columnsOf(connection.name, policy).length > 0,
  )
  if (masked.length === 0) return []
  try {
    const found = await askToInspect(plainStart(script, null), {
      policy: { kind: 'text', text, name: policy.name },
      token: null,
      githubToken: environment['GITHUB_TOKEN'] ?? '',
      environment,
    })
    return masked.flatMap(entry => {
      const { name } = entry.connection
      const one = found.find(other => other.name === name)
      if (one === undefined) return [unknown(entry, policy, 'the gateway did not answer for it')]
      if (one.failure !== null) return [unknown(entry, policy, wordsOf(one.failure))]
      return one.warnings.length === 0 ? [fine(name)] : one.warnings.map(warning => weak(name, warning))
    })
  } catch (error) {
    const words = error instanceof SallyportError ? wordsOf(error) : 'the gateway could not be asked'
    return masked.map(entry => unknown(entry, policy, words))
  }
}

function fine(name: string): Finding {
  const words = 'logged in: the server itself keeps this role from going around them'
  return { id: 'E26', what: `masks of ${name}`, state: 'fine', words, fix: null }
}

/** @param warning `name: what it is: how to close it`, as the log of a run has it. */
function weak(name: string, warning: string): Finding {
  const own = `${name}: `
  return {
    id: 'E26',
    what: `masks of ${name}`,
    state: 'warning',
    words: warning.startsWith(own) ? warning.slice(own.length) : warning,
    fix: null,
  }
}

function unknown({ connection }: ConnectionEntry, policy: PolicyFile, why: string): Finding {
  const { name } = connection
  return {
    id: 'E26',
    what: `masks of ${name}`,
    state: 'unknown',
    words: `not checked: whether its role is superuser, owns masked tables, bypasses privileges on columns; whether the columns are there (${why})`,
    fix: `run doctor where the credential of ${name} is, see the warnings at the start of a run, or ask as the same login: ${roleQuery(columnsOf(name, policy))}`,
  }
}

function wordsOf({ message, why }: { readonly message: string; readonly why: string | null }): string {
  return why === null ? message : `${message}: ${why}`
}

function columnsOf(name: string, { masks }: PolicyFile): Columns {
  return masks.filter(({ on }) => on === null || on.includes(name)).flatMap(rule => rule.columns)
}

/** True in any column but the first says that the server would show more to this role than the masks do. */
function roleQuery(columns: Columns): string {
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
