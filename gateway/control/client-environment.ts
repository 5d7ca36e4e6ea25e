// What the job's clients get (CONTRACT 3.1), from the gateway's doors: variables, files and what a log must hide. Pure.
// Only tickets are in here. The target's address, login secret and certificate never are.
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import type { ClientFile, Endpoint } from './protocol.ts'
import { kubernetesUrl, kubernetesVariables, kubernetesFiles } from './kubernetes-door.ts'
import type { KubernetesDoor } from './kubernetes-door.ts'
import { sshFiles, sshUrl } from './ssh-door.ts'
import type { SshDoor } from './ssh-door.ts'
import { urlVariable } from './url-variable.ts'

/** A local endpoint for PostgreSQL clients, and what its clients must say. */
export interface PostgresDoor {
  readonly protocol: 'postgres'
  readonly name: string
  readonly port: number
  readonly ticket: string
  readonly user: string
  readonly database: string
}

/** One per connection; each protocol brings its own. */
export type Door = PostgresDoor | SshDoor | KubernetesDoor

export interface ClientEnvironment {
  readonly endpoints: readonly Endpoint[]
  readonly environment: Readonly<Record<string, string>>
  readonly files: readonly ClientFile[]
  readonly hide: readonly string[]
}

/** Never `localhost`: it may resolve to ::1, where another process can hold the same port. */
const HOST = '127.0.0.1'
const SERVICE_FILE = 'pg_service.conf'

/**
 * Describes all doors to the job.
 *
 * @param clientDir absolute path where the launcher will write `files`.
 * @throws {SallyportError} POLICY_INVALID when two connections would share a variable, or a name cannot stand in a service file.
 */
export function clientEnvironment(doors: readonly Door[], clientDir: string): ClientEnvironment {
  const environment: Record<string, string> = {}
  const variables = new Map<string, string>()
  for (const door of doors) {
    const variable = urlVariable(door.name)
    const other = variables.get(variable)
    if (other !== undefined) {
      throw new SallyportError('POLICY_INVALID', `connections ${other} and ${door.name} would share the variable ${variable}`, {
        fix: 'give one of them another name, or open only one of them with `connections`',
      })
    }
    variables.set(variable, door.name)
    environment[variable] = urlOf(door)
  }
  const services = doors.filter(door => door.protocol === 'postgres')
  const [only] = services
  if (only !== undefined) environment['PGSERVICEFILE'] = path.join(clientDir, SERVICE_FILE)
  if (only !== undefined && services.length === 1) Object.assign(environment, postgresVariables(only))
  const clusters = doors.filter(door => door.protocol === 'kubernetes')
  Object.assign(environment, kubernetesVariables(clusters, clientDir))
  return {
    endpoints: doors.map(door => ({ name: door.name, protocol: door.protocol, host: HOST, port: door.port, url: urlOf(door) })),
    environment,
    files: [
      ...(only === undefined ? [] : [{ path: SERVICE_FILE, text: services.map(door => serviceText(door)).join('\n') }]),
      ...sshFiles(
        doors.filter(door => door.protocol === 'ssh'),
        clientDir,
      ),
      ...kubernetesFiles(clusters),
    ],
    hide: doors.flatMap(door => hiddenForms(door.ticket)),
  }
}

function urlOf(door: Door): string {
  switch (door.protocol) {
    case 'postgres':
      return postgresUrl(door)
    case 'ssh':
      return sshUrl(door)
    case 'kubernetes':
      return kubernetesUrl(door)
  }
}

function postgresVariables(door: PostgresDoor): Record<string, string> {
  return {
    PGHOST: HOST,
    PGPORT: String(door.port),
    PGUSER: door.user,
    PGPASSWORD: door.ticket,
    PGDATABASE: door.database,
    PGSSLMODE: 'disable',
    DATABASE_URL: postgresUrl(door),
  }
}

/** The two ways the ticket stands in a URL or variable; a log hides both. */
function hiddenForms(ticket: string): string[] {
  return [...new Set([ticket, encodeURIComponent(ticket)])]
}

function postgresUrl(door: PostgresDoor): string {
  const [user, ticket, database] = [door.user, door.ticket, door.database].map(part => encodeURIComponent(part))
  return `postgresql://${user ?? ''}:${ticket ?? ''}@${HOST}:${door.port}/${database ?? ''}?sslmode=disable`
}

/** libpq reads a service file line by line, `key=value` without quoting: PostgreSQL manual 34.17. */
function serviceText(door: PostgresDoor): string {
  const fields = { host: HOST, port: String(door.port), user: door.user, password: door.ticket, dbname: door.database, sslmode: 'disable' }
  for (const text of [door.name, ...Object.values(fields)]) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (/[\u0000-\u001F\u007F]/.test(text) || text.trim() !== text) {
      throw new SallyportError('POLICY_INVALID', `connection ${door.name} has a user or database name that a service file cannot hold`)
    }
  }
  const lines = Object.entries(fields).map(([key, value]) => `${key}=${value}`)
  return `[${door.name}]\n${lines.join('\n')}\n`
}
