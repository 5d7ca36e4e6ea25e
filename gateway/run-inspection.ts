// A look at the targets without a run: what the roles of masked connections see past the masks. Part of the composition root.
// The same credentials, the same login and the same judgement as at the start of a run; nothing listens, nothing is recorded.
import { randomBytes } from 'node:crypto'
import { createHttp } from './adapter/https/https-client.ts'
import { failedOf } from './control/gateway-error.ts'
import type { InspectRequest, Inspected } from './control/protocol.ts'
import type { Clock } from './core/clock.ts'
import type { Connection } from './core/connection.ts'
import type { Identity } from './core/identity.ts'
import { openSources } from './credential-sources.ts'
import { createPostgresEngine } from './engine/postgres/engine.ts'
import { maskerFor } from './mask/masker-for.ts'
import { idTokens } from './run-identity.ts'
import { readRunPolicy } from './run-policy.ts'
import { openLeaseDesk } from './session/lease-desk.ts'

const BORROW_WITHIN_MS = 10_000
const GIVE_BACK_MS = 4_000

/** Whoever it is that asks: no mask is lifted, so every rule of the file counts. */
const nobody: Identity = {
  issuer: '',
  iss: '',
  subject: '',
  claims: {},
  groups: new Set(),
  expiresAt: new Date(0),
  tokenDigest: '',
}

/** @throws {SallyportError} POLICY_INVALID, UNREADABLE. What goes wrong with one connection is told of it, and the others go on. */
export async function inspectTargets(request: InspectRequest, clock: Clock, signal: AbortSignal): Promise<Inspected> {
  const http = createHttp(request.environment, clock)
  const run = await readRunPolicy(request, signal)
  const sources = openSources(run, { environment: request.environment, isolation: 'none', watchPid: null }, http, clock)
  const idToken = idTokens(request, http)
  const context = ({ user }: Connection): { idToken: typeof idToken; publicKey: null; login: string | null } => ({
    idToken,
    publicKey: null,
    login: user,
  })
  const leases = openLeaseDesk({ sourceFor: sources.find, context, clock })
  const maskerOf = maskerFor(run.file.masks, randomBytes(32))
  const engine = createPostgresEngine()
  const inspect = async (connection: Connection): Promise<Inspected['connections'][number]> => {
    const { name } = connection
    const masker = maskerOf(nobody, connection)
    try {
      const lease = await leases.borrow(connection, AbortSignal.any([signal, AbortSignal.timeout(BORROW_WITHIN_MS)]))
      const warnings = (await engine.inspect?.({ connection, lease, masker }, signal)) ?? []
      return { name, warnings, failure: null }
    } catch (error) {
      return { name, warnings: [], failure: failedOf(error) }
    }
  }
  try {
    const masked = [...run.policy.connections.values()].filter(
      connection => connection.protocol === 'postgres' && maskerOf(nobody, connection).columns.length > 0,
    )
    return { kind: 'inspected', connections: await Promise.all(masked.map(inspect)) }
  } finally {
    await sources.close(AbortSignal.timeout(GIVE_BACK_MS))
  }
}
