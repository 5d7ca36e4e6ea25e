// PostgreSQL: lets a client in by its ticket, opens the target with the connection's credential, and relays between the two.
import { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { createSecureContext } from 'node:tls'
import type { Catalog } from '../../command/sql/catalog.ts'
import { bindTrust } from '../../command/sql/functions.ts'
import { MAX_INLINE_BYTES, OffThreadReader } from '../../command/sql/off-thread-reader.ts'
import { loadSqlParser } from '../../command/sql/parser.ts'
import { StatementCache } from '../../command/sql/statement-cache.ts'
import type { Connection } from '../../core/connection.ts'
import type { Lease } from '../../core/credential.ts'
import type { Masker } from '../../core/masker.ts'
import { SallyportError } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import type { Engine, FrontDesk, Session } from '../../core/session.ts'
import { writeBackendKey, writeError, writeParameterStatus, writeReady } from '../../wire/postgres/backend-writer.ts'
import { serverEndPoint } from '../../wire/postgres/server-end-point.ts'
import { PeerGone } from './byte-intake.ts'
import { takeCatalog } from './catalog-snapshot.ts'
import { CancelKeys } from './cancel-keys.ts'
import { fatalFields } from './client-error.ts'
import type { ReadSql } from './conversation.ts'
import { KnownCatalog } from './known-catalog.ts'
import type { CatalogLoader } from './known-catalog.ts'
import type { MaskDeskFor } from './mask-desk.ts'
import { withOwnConnection } from './own-connection.ts'
import { isIndifferent, Relay } from './relay.ts'
import { resultMaskDeskFor } from './result-mask-desk.ts'
import { missingColumns, weaknessesOf } from './role-check.ts'
import { StartupRefused } from './startup-rules.ts'
import type { ClientStartup } from './startup-rules.ts'
import { openTarget } from './target.ts'
import type { TargetRequest } from './target.ts'
import { cancelTarget } from './target-cancel.ts'
import { receiveClient } from './ticket-login.ts'
import type { Arrival, ClientTls, LoginStream } from './ticket-login.ts'

/** A client that says nothing, or says it slowly, is let go after this long. */
const LOGIN_TIMEOUT_MS = 20_000
/** Target: connection, TLS and login together; catalog. */
const TARGET_TIMEOUT_MS = 10_000
const CATALOG_TIMEOUT_MS = 30_000
/** Before the first client: a target that is slow now is looked at again with the first session. */
const INSPECTION_TIMEOUT_MS = 5_000
const WEAKER = 'masks are weaker than the server could make them'

export interface PostgresEngineOptions {
  /** Certificate and key, PEM: TLS for clients. Left out: plain, which is right on loopback only. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** `schema.name` of functions the policy trusts, lower case. */
  readonly trustedFunctions?: ReadonlySet<string>
  readonly loginTimeoutMs?: number
  readonly targetTimeoutMs?: number
  /** For tests: other readers than the real ones. */
  readonly read?: ReadSql
  readonly loadCatalog?: CatalogLoader
  readonly maskDeskFor?: MaskDeskFor
}

type Client = Extract<Arrival, { kind: 'client' }>

/** The engine of all PostgreSQL connections of this gateway. */
export function createPostgresEngine(options: PostgresEngineOptions = {}): Engine {
  const cache = new StatementCache()
  const offThread = new OffThreadReader()
  const read: ReadSql =
    options.read ?? ((text, context) => (text.length > MAX_INLINE_BYTES ? offThread.read(text, context) : cache.read(text, context)))
  const loadCatalog = options.loadCatalog ?? takeCatalog
  const maskDeskFor = options.maskDeskFor ?? resultMaskDeskFor
  const cancelKeys = new CancelKeys()
  const catalogs = new Map<string, KnownCatalog>()
  const trust = new WeakMap<KnownCatalog, ReadonlySet<string>>()
  /** Logins whose role was looked at, with what was found. */
  const weaknesses = new WeakMap<KnownCatalog, readonly string[]>()
  /** Those of which the recording knows already. */
  const told = new WeakSet<KnownCatalog>()
  const tls = options.tls === undefined ? null : clientTls(options.tls)
  const parser = loadSqlParser()
  // Reported where it is awaited; here only kept from ending the process.
  parser.catch(() => {})

  return {
    protocol: 'postgres',
    async serve(client, desk, signal) {
      const where: LoginStream = { current: client }
      client.on('error', () => client.destroy())
      try {
        const arrival = await receiveClient(client, desk, tls, where, withTimeout(signal, options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS))
        if (where.current !== client) where.current.on('error', () => where.current.destroy())
        if (arrival.kind === 'cancel') {
          cancelKeys.cancel(arrival.pid, arrival.key)
          where.current.end()
          return
        }
        failpoint('client.let-in')
        await parser
        await serveClient(arrival, desk, signal)
      } catch (error) {
        sayGoodBye(where.current, error)
      }
    },
    async inspect({ connection, lease, masker }, signal) {
      const user = lease.username ?? connection.user
      if (masker.columns.length === 0) return []
      if (user === null) throw new SallyportError('USAGE', `no login name for ${connection.name}`)
      const known = knownCatalog(connection.name, user)
      const request = { connection, lease, settings: ownSettings, database: connection.database ?? user }
      await parser
      await renewWith(known, { ...request, signal: withTimeout(signal, INSPECTION_TIMEOUT_MS) }, masker)
      const found = weaknesses.get(known)
      if (found === undefined) throw new SallyportError('TARGET_UNREACHABLE', `the role on ${connection.name} could not be looked at`)
      return found.map(one => `${connection.name}: ${one}`)
    },
  }

  /** A snapshot, and a look at the role in the same breath. */
  function renewWith(known: KnownCatalog, request: TargetRequest, masker: Masker): Promise<Catalog> {
    return known.renew(work =>
      withOwnConnection(request, async query => {
        const catalog = await work(query)
        if (masker.columns.length === 0) return catalog
        const found = await weaknessesOf(query, catalog, masker.columns).catch(() => null)
        const missing = missingColumns(catalog, masker.columns)
        if (found !== null) weaknesses.set(known, [...found.map(one => `${WEAKER}: ${one}`), ...missing])
        return catalog
      }),
    )
  }

  /** Once for each login on a target: what its role could see anyway. A warning of SQLSTATE class 01; it never keeps a session from working. */
  function noteWeaknesses(session: Session, known: KnownCatalog): void {
    if (session.masker.columns.length === 0 || told.has(known)) return
    told.add(known)
    for (const one of weaknesses.get(known) ?? []) session.append({ kind: 'error', command: null, code: '01000', message: one })
  }

  async function serveClient(arrival: Client, desk: FrontDesk, signal: AbortSignal): Promise<void> {
    const { connection } = desk
    checkDatabase(arrival.startup, connection)
    const session = desk.checkIn({ application: arrival.startup.application, login: connection.user ?? arrival.startup.user })
    let reason = 'failed before it began'
    try {
      reason = await converse(arrival, session, signal)
    } catch (error) {
      // What the target said stays with the client: it may quote values. The code and our own words are enough to look it up.
      const known = error instanceof SallyportError ? error : null
      session.append({ kind: 'error', command: null, code: known?.code ?? 'INTERNAL', message: known?.message ?? 'the session failed' })
      throw error
    } finally {
      session.checkOut(reason)
    }
  }

  /** Trust is in what a function was when the run first saw it: one that is replaced later is not trusted any more. */
  function trustOf(known: KnownCatalog): ReadonlySet<string> {
    const kept = trust.get(known)
    if (kept !== undefined) return kept
    if (known.current === null) return new Set()
    const bound = bindTrust(options.trustedFunctions ?? [], known.current)
    trust.set(known, bound)
    return bound
  }

  /** From the credential to the end of the session; resolves with the reason of the end. */
  async function converse(arrival: Client, session: Session, signal: AbortSignal): Promise<string> {
    const { connection } = session
    const isMasked = session.masker.columns.length > 0 || session.masker.text !== null
    if (isMasked && !arrival.startup.isUtf8) throw new StartupRefused('client_encoding must be UTF8 where values are masked')
    const lease = await session.borrow(withTimeout(signal, CATALOG_TIMEOUT_MS))
    const request = targetRequest(connection, lease, arrival.startup)
    const target = await openTarget({ ...request, signal: withTimeout(signal, options.targetTimeoutMs ?? TARGET_TIMEOUT_MS) })
    failpoint('target.logged-in')
    const known = knownCatalog(connection.name, target.user)
    const renewCatalog = (): Promise<Catalog> =>
      known.renew(work => withOwnConnection({ ...request, settings: ownSettings, signal: withTimeout(signal, CATALOG_TIMEOUT_MS) }, work))
    let relay: Relay | null = null
    let isCounted = false
    const key = cancelKeys.issue(arrival.version, target.pid, () => relay?.cancel())
    try {
      // Old but there: it is renewed behind the session's back; a name it does not hold is looked up anew in any case.
      const isUnchecked = session.masker.columns.length > 0 && !weaknesses.has(known)
      if (known.current === null || isUnchecked) {
        await renewWith(known, { ...request, settings: ownSettings, signal: withTimeout(signal, CATALOG_TIMEOUT_MS) }, session.masker)
      } else if (isIndifferent(session)) {
        // Nothing waits for a snapshot later on, and none is taken beside a session: its locks, however short, could be met.
        if (known.renewing !== null || (known.isOld && known.sessions === 0)) await (known.renewing ?? renewCatalog()).catch(() => {})
      } else if (known.isOld) renewCatalog().catch(() => {})
      noteWeaknesses(session, known)
      known.sessions += 1
      isCounted = true
      relay = new Relay({
        session,
        client: arrival.stream,
        target,
        known,
        renewCatalog,
        loadCatalog,
        read,
        trustedFunctions: trustOf(known),
        maskDeskFor,
        cancelTarget: () =>
          cancelTarget(connection, target.pid, target.key, withTimeout(signal, options.targetTimeoutMs ?? TARGET_TIMEOUT_MS)),
      })
      await relay.prepare()
      arrival.stream.write(
        Buffer.concat([
          ...[...target.parameters].map(([name, text]) => writeParameterStatus(name, text)),
          writeBackendKey(key.pid, key.key),
          ...target.notices,
          writeReady(target.status),
        ]),
      )
      return await relay.run(arrival.ahead, signal)
    } finally {
      if (isCounted) known.sessions -= 1
      cancelKeys.forget(key.pid)
      target.socket.destroy()
    }
  }

  function knownCatalog(connection: string, user: string): KnownCatalog {
    const key = JSON.stringify([connection, user])
    let known = catalogs.get(key)
    if (known === undefined) {
      known = new KnownCatalog(loadCatalog)
      catalogs.set(key, known)
    }
    return known
  }
}

const ownSettings: ReadonlyMap<string, string> = new Map([
  ['application_name', 'sallyport'],
  ['client_encoding', 'UTF8'],
  // Definitions are written out by the rules that they are read by.
  ['standard_conforming_strings', 'on'],
  // A client that alters a table holds it until its transaction ends; the snapshot must not wait for that.
  ['lock_timeout', '2000'],
])

function targetRequest(connection: Connection, lease: Lease, startup: ClientStartup): Omit<TargetRequest, 'signal'> {
  const settings = new Map(startup.settings)
  if (!settings.has('client_encoding')) settings.set('client_encoding', 'UTF8')
  const fallback = settings.get('fallback_application_name')
  settings.delete('fallback_application_name')
  if (fallback !== undefined && !settings.has('application_name')) settings.set('application_name', fallback)
  return { connection, lease, settings, database: connection.database ?? lease.username ?? connection.user ?? startup.user }
}

/** libpq names the user where nobody named a database; any other name must be the connection's own. */
function checkDatabase(startup: ClientStartup, connection: Connection): void {
  const { database } = connection
  if (database === null || startup.database === database || startup.database === connection.name || startup.database === startup.user)
    return
  throw new StartupRefused(`${connection.name} opens database "${database}" and no other`)
}

/** The client learns why, in its own protocol, where there is still somebody to tell. */
function sayGoodBye(stream: Duplex, error: unknown): void {
  if (stream.destroyed) return
  if (!(error instanceof PeerGone)) stream.write(writeError(lastWords(error)))
  stream.end()
  stream.resume()
  const patience = setTimeout(() => stream.destroy(), 2_000)
  stream.once('close', () => clearTimeout(patience))
}

function lastWords(error: unknown): Parameters<typeof writeError>[0] {
  if (error instanceof StartupRefused) return { severity: 'FATAL', sqlState: '0A000', message: `sallyport: ${error.message}` }
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { severity: 'FATAL', sqlState: '08006', message: 'sallyport: the login took too long' }
  }
  return fatalFields(error)
}

function clientTls(pem: { readonly certificate: string; readonly key: string }): ClientTls {
  try {
    return {
      context: createSecureContext({ cert: pem.certificate, key: pem.key }),
      endPoint: serverEndPoint(new X509Certificate(pem.certificate).raw),
    }
  } catch (cause) {
    throw new SallyportError('POLICY_INVALID', 'the certificate and key for clients do not fit together', { cause })
  }
}

function withTimeout(signal: AbortSignal, waitMs: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(waitMs)])
}
