// Vault's database engine on a real PostgreSQL: credentials are roles that are created, extended and dropped there.
import { randomBytes } from 'node:crypto'
import type { PostgresServer } from '../postgres/server.ts'
import { VaultError } from './vault-error.ts'

export interface DatabaseRole {
  /** Database where its rights are granted. */
  readonly database: string
  /** SQL with `{{name}}`, run after the role was created: grants. */
  readonly grants: readonly string[]
  readonly ttlSec?: number
  readonly maxTtlSec?: number
}

export interface DatabaseCredential {
  readonly username: string
  readonly password: string
  readonly renew: (endsAt: Date) => Promise<void>
  readonly revoke: () => Promise<void>
}

/** @throws {VaultError} 500 when PostgreSQL refuses. */
export async function createDatabaseCredential(
  server: PostgresServer,
  roleName: string,
  role: DatabaseRole,
  endsAt: Date,
): Promise<DatabaseCredential> {
  const safeName = roleName.replaceAll(/[^A-Za-z0-9-]/g, '').slice(0, 8)
  const username = `v-jwt-${safeName}-${randomBytes(10).toString('hex')}-${String(Math.floor(Date.now() / 1_000))}`
  // Letters, digits and a dash in each, as Vault's default generator promises.
  const password = `A1a-${randomBytes(15).toString('base64url').replaceAll('_', 'x')}`
  const run = async (sql: string): Promise<void> => {
    try {
      await server.query(role.database, sql)
    } catch (cause) {
      throw new VaultError(500, [
        `1 error occurred:\n\t* failed to execute query: ${cause instanceof Error ? cause.message : 'unknown'}\n\n`,
      ])
    }
  }
  const grants = role.grants.map(sql => sql.replaceAll('{{name}}', username))
  await run([`CREATE ROLE "${username}" WITH LOGIN PASSWORD '${password}' VALID UNTIL '${endsAt.toISOString()}'`, ...grants].join('; '))
  return {
    username,
    password,
    renew: at => run(`ALTER ROLE "${username}" VALID UNTIL '${at.toISOString()}'`),
    revoke: () => run(`DROP OWNED BY "${username}"; DROP ROLE "${username}"`),
  }
}
