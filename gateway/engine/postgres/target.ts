// The connection to one target: TCP, TLS by the connection's settings, login with the lease. The only room that reveals the credential.
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Connection } from '../../core/connection.ts'
import type { Lease } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import { readAuthentication, readBackendKey, readFields, readParameterStatus, readReady } from '../../wire/postgres/backend.ts'
import { writePassword, writeSaslInitial, writeSaslResponse } from '../../wire/postgres/frontend-writer.ts'
import { backend } from '../../wire/postgres/message-type.ts'
import { preparePassword, ScramClient, scramSha256, scramSha256Plus } from '../../wire/postgres/scram.ts'
import type { ChannelBinding } from '../../wire/postgres/scram.ts'
import { serverEndPoint } from '../../wire/postgres/server-end-point.ts'
import { version30, writeStartup } from '../../wire/postgres/startup.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'
import type { ByteIntake } from './byte-intake.ts'
import { PeerGone } from './byte-intake.ts'
import { randomBytes } from 'node:crypto'
import { TargetRefused } from './client-error.ts'
import { openTargetSocket } from './target-socket.ts'
import type { TargetSocket } from './target-socket.ts'

const NONCE_BYTES = 18
/** Messages between the login and ReadyForQuery: parameters, key, notices. */
const MAX_LOGIN_MESSAGES = 1000

export interface Target {
  readonly socket: TargetSocket
  /** What the server reported of its settings. */
  readonly parameters: Map<string, string>
  readonly pid: number
  readonly key: Buffer
  /** Transaction status of its ReadyForQuery. */
  readonly status: number
  readonly user: string
  readonly database: string
  /** Notices of the login, as they came. */
  readonly notices: readonly Buffer[]
}

export interface TargetRequest {
  readonly connection: Connection
  readonly lease: Lease
  /** Settings for the session, besides user and database. */
  readonly settings: ReadonlyMap<string, string>
  readonly database: string
  readonly signal: AbortSignal
}

/**
 * Opens the target and logs in.
 * @throws {SallyportError} TARGET_UNREACHABLE, TARGET_UNTRUSTED; {TargetRefused} with the server's own SQLSTATE.
 */
export async function openTarget(request: TargetRequest): Promise<Target> {
  const { connection, lease, signal } = request
  const user = lease.username ?? connection.user
  if (user === null) {
    throw new TargetRefused('28000', `no login name for ${connection.name}`, { fix: `set user: for ${connection.name} in sallyport.yml` })
  }
  const socket = await openTargetSocket(connection, signal)
  try {
    const intake = socket.intake
    const parameters = new Map([['user', user], ['database', request.database], ...request.settings])
    socket.write(writeStartup(version30, parameters))
    await logIn(socket, intake, user, connection, lease)
    return { socket, user, database: request.database, ...(await untilReady(intake, connection)) }
  } catch (error) {
    socket.destroy()
    if (error instanceof SallyportError) throw error
    if (error instanceof WireError) {
      throw new TargetRefused('08P01', `${connection.name} did not speak PostgreSQL while logging in`, { why: error.message })
    }
    if (error instanceof PeerGone)
      throw new SallyportError('TARGET_UNREACHABLE', `${connection.name} closed the connection while logging in`)
    throw new SallyportError('TARGET_UNREACHABLE', `the login on ${connection.name} took too long`, { cause: error })
  }
}

async function logIn(socket: TargetSocket, intake: ByteIntake, user: string, connection: Connection, lease: Lease): Promise<void> {
  let scram: ScramClient | null = null
  let isProven = false
  for (let messages = 0; messages < MAX_LOGIN_MESSAGES; messages++) {
    const bytes = await intake.message()
    const type = bytes.readUInt8(0)
    if (type === backend.errorResponse) throw refused(bytes, user, connection, lease)
    if (type === backend.noticeResponse || type === backend.negotiateProtocolVersion) continue
    if (type !== backend.authentication) throw new WireError('unexpected message during the login')
    const asked = readAuthentication(bytes, 0, bytes.length)
    switch (asked.kind) {
      case 'ok':
        // A server that began SCRAM and then says OK without its proof may be an impostor.
        if (scram !== null && !isProven) throw new WireError('the server skipped its proof')
        return
      case 'cleartext':
        if (!socket.isEncrypted) throw needsTls('a cleartext password', connection)
        socket.write(writePassword(lease.secret.reveal()))
        break
      case 'md5':
        if (!socket.isEncrypted && !isLoopback(socket.remoteAddress)) throw needsTls('an md5 password', connection)
        socket.write(writePassword(md5Answer(lease.secret.reveal(), user, asked.salt)))
        break
      case 'sasl': {
        const [mechanism, binding] = chooseMechanism(asked.mechanisms, socket)
        scram = new ScramClient(binding, randomBytes(NONCE_BYTES).toString('base64'))
        socket.write(writeSaslInitial(mechanism, scram.first()))
        break
      }
      case 'sasl-continue':
        if (scram === null) throw new WireError('a challenge before its offer')
        socket.write(writeSaslResponse(scram.final(asked.challenge.toString('latin1'), preparePassword(lease.secret.reveal()))))
        break
      case 'sasl-final':
        if (scram === null) throw new WireError('an outcome before its offer')
        scram.verify(asked.outcome.toString('latin1'))
        isProven = true
        break
      case 'other':
        throw new TargetRefused('28000', `${connection.name} asks for a login method (${asked.code}) that is not spoken here`, {
          fix: 'let the role log in by scram-sha-256 in pg_hba.conf',
        })
    }
  }
  throw new WireError('the login does not end')
}

/** -PLUS wherever both sides can; `y` tells a server whose offer was taken away on the road. */
function chooseMechanism(mechanisms: readonly string[], socket: TargetSocket): readonly [string, ChannelBinding] {
  const endPoint = socket.stream instanceof TLSSocket ? endPointOf(socket.stream) : null
  if (endPoint !== null && mechanisms.includes(scramSha256Plus)) return [scramSha256Plus, endPoint]
  if (mechanisms.includes(scramSha256)) return [scramSha256, endPoint === null ? 'n' : 'y']
  throw new WireError('the server offers no SASL mechanism that is spoken here')
}

function endPointOf(socket: TLSSocket): Buffer | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : serverEndPoint(certificate.raw)
}

async function untilReady(
  intake: ByteIntake,
  connection: Connection,
): Promise<Pick<Target, 'parameters' | 'pid' | 'key' | 'status' | 'notices'>> {
  const parameters = new Map<string, string>()
  const notices: Buffer[] = []
  let pid = 0
  let key: Buffer = Buffer.alloc(0)
  for (let messages = 0; messages < MAX_LOGIN_MESSAGES; messages++) {
    const bytes = await intake.message()
    const end = bytes.length
    switch (bytes.readUInt8(0)) {
      case backend.parameterStatus: {
        const [name, text] = readParameterStatus(bytes, 0, end)
        parameters.set(name, text)
        break
      }
      case backend.backendKeyData:
        ;({ pid, key } = readBackendKey(bytes, 0, end))
        break
      case backend.noticeResponse:
        notices.push(Buffer.from(bytes))
        break
      case backend.errorResponse: {
        const fields = readFields(bytes, 0, end)
        throw new TargetRefused(fields.get('C') ?? '08006', `${connection.name} ended the login: ${fields.get('M') ?? 'no reason given'}`)
      }
      case backend.readyForQuery:
        return { parameters, pid, key, notices, status: readReady(bytes, 0, end) }
      default:
        throw new WireError('unexpected message after the login')
    }
  }
  throw new WireError('the login does not end')
}

function refused(bytes: Buffer, user: string, connection: Connection, lease: Lease): TargetRefused {
  const fields = readFields(bytes, 0, bytes.length)
  return new TargetRefused(
    fields.get('C') ?? '08006',
    `the database refused the gateway's login on ${connection.name}: ${fields.get('M') ?? 'no reason given'}`,
    {
      why: `user ${user}, credential from ${lease.receipt}`,
      fix: 'check that the role may log in and connect to this database, and that its credential has not expired',
    },
  )
}

function needsTls(what: string, connection: Connection): TargetRefused {
  return new TargetRefused('28000', `${connection.name} asks for ${what} without TLS: it is not sent`, {
    fix: `let the role log in by scram-sha-256, or set tls: verify-full for ${connection.name}`,
  })
}

/** md5( md5(password user) as hex, salt ). */
function md5Answer(password: Buffer, user: string, salt: Buffer): Buffer {
  const inner = createHash('md5').update(password).update(user).digest('hex')
  return Buffer.from(`md5${createHash('md5').update(inner).update(salt).digest('hex')}`)
}

function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && (address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.'))
}
