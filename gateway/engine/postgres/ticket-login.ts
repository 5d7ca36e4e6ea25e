// A client's way in: SSLRequest, GSSENCRequest, direct TLS, CancelRequest, startup, and SCRAM with the ticket as the password.
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { FrontDesk } from '../../core/session.ts'
import { authenticationOk, writeNegotiate, writeSasl, writeSaslContinue, writeSaslFinal } from '../../wire/postgres/backend-writer.ts'
import { readSaslInitial } from '../../wire/postgres/frontend.ts'
import { frontend } from '../../wire/postgres/message-type.ts'
import { ScramServer, scramSha256, scramSha256Plus, verifierOf } from '../../wire/postgres/scram.ts'
import type { ScramVerifier } from '../../wire/postgres/scram.ts'
import { readStartup, version30, version32 } from '../../wire/postgres/startup.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'
import { SallyportError } from '../../core/errors.ts'
import { attachIntake, ByteIntake } from './byte-intake.ts'
import { readClientStartup } from './startup-rules.ts'
import type { ClientStartup } from './startup-rules.ts'

const ITERATIONS = 4096
const SALT_BYTES = 16
const NONCE_BYTES = 18
/** SSLRequest and GSSENCRequest before the startup message, each once. */
const MAX_PACKETS = 3
const TLS_HANDSHAKE = 0x16

/** The gateway's own TLS for clients; null = plain, for loopback. */
export interface ClientTls {
  readonly context: SecureContext
  /** tls-server-end-point of the certificate; null where it has none. */
  readonly endPoint: Buffer | null
}

export type Arrival =
  | { readonly kind: 'cancel'; readonly pid: number; readonly key: Buffer }
  | {
      readonly kind: 'client'
      /** The stream to speak on: the socket itself, or TLS over it. Paused. */
      readonly stream: Duplex
      readonly startup: ClientStartup
      /** The version both sides speak. */
      readonly version: number
      /** Bytes the client sent ahead. */
      readonly ahead: Buffer
    }

/** Where the conversation stands, so that a failure can be told on the right stream. */
export interface LoginStream {
  current: Duplex
}

/**
 * Lets a client prove the ticket.
 * @throws {WireError} {StartupRefused} {SallyportError} TICKET_REFUSED; the caller tells the client.
 */
export async function receiveClient(
  client: Duplex,
  desk: FrontDesk,
  tls: ClientTls | null,
  where: LoginStream,
  signal: AbortSignal,
): Promise<Arrival> {
  let intake = new ByteIntake()
  let detach = attachIntake(client, intake, signal)
  try {
    let isEncrypted = false
    if ((await intake.peek(1)).readUInt8(0) === TLS_HANDSHAKE) {
      if (tls === null) throw new WireError('TLS is not offered here')
      detach()
      client.unshift(intake.rest())
      where.current = await encrypt(client, tls, signal, true)
      isEncrypted = true
      intake = new ByteIntake()
      detach = attachIntake(where.current, intake, signal)
    }
    const asked = new Set<string>()
    for (let packets = 0; packets < MAX_PACKETS; packets++) {
      const packet = readStartup(await intake.packet())
      if (packet.kind === 'cancel') return packet
      if (packet.kind === 'startup') {
        const version = negotiate(where.current, packet.version, packet.protocolOptions)
        const startup = readClientStartup(packet.parameters)
        await proveTicket(where.current, intake, desk, isEncrypted ? (tls?.endPoint ?? null) : null)
        return { kind: 'client', stream: where.current, startup, version, ahead: intake.rest() }
      }
      if (asked.has(packet.kind)) throw new WireError('encryption is asked for twice')
      asked.add(packet.kind)
      // What came in plain text behind the request would be read as if it had come encrypted.
      if (intake.ahead > 0) throw new WireError('bytes follow a request for encryption')
      if (packet.kind === 'gss' || tls === null || isEncrypted) {
        where.current.write('N')
        continue
      }
      detach()
      client.write('S')
      where.current = await encrypt(client, tls, signal, false)
      isEncrypted = true
      intake = new ByteIntake()
      detach = attachIntake(where.current, intake, signal)
    }
    throw new WireError('no startup message')
  } finally {
    detach()
  }
}

/** Answers what the client may not speak, and says what both speak. */
function negotiate(stream: Duplex, wanted: number, options: readonly string[]): number {
  const version = wanted >= version32 ? version32 : version30
  if (wanted > version32 || options.length > 0) stream.write(writeNegotiate(version, options))
  return version
}

async function proveTicket(stream: Duplex, intake: ByteIntake, desk: FrontDesk, endPoint: Buffer | null): Promise<void> {
  stream.write(writeSasl(endPoint === null ? [scramSha256] : [scramSha256Plus, scramSha256]))
  const initial = await passwordMessage(intake)
  const { mechanism, response } = readSaslInitial(initial, 0, initial.length)
  if (mechanism !== scramSha256 && (mechanism !== scramSha256Plus || endPoint === null)) throw new WireError('unknown SASL mechanism')
  const scram = new ScramServer(verifierFor(desk), randomBytes(NONCE_BYTES).toString('base64'), endPoint)
  stream.write(writeSaslContinue(scram.challenge(response.toString('latin1'), mechanism)))
  const final = await passwordMessage(intake)
  const outcome = scram.finish(final.toString('latin1', 5))
  if (outcome === null) {
    throw new SallyportError('TICKET_REFUSED', 'password authentication failed: this is not the ticket of this connection', {
      fix: 'use the PGPASSWORD that Sallyport set for this run; tickets end with their run',
    })
  }
  stream.write(Buffer.concat([writeSaslFinal(outcome), authenticationOk]))
}

async function passwordMessage(intake: ByteIntake): Promise<Buffer> {
  const bytes = await intake.message()
  if (bytes.readUInt8(0) !== frontend.password) throw new WireError('expected an answer of the login')
  return bytes
}

/** One salt per desk, as a server keeps one per role: the costly derivation happens once. */
const verifiers = new WeakMap<FrontDesk, ScramVerifier>()

function verifierFor(desk: FrontDesk): ScramVerifier {
  let verifier = verifiers.get(desk)
  if (verifier === undefined) {
    const salt = randomBytes(SALT_BYTES)
    verifier = verifierOf(desk.saltedTicket(salt, ITERATIONS), salt, ITERATIONS)
    verifiers.set(desk, verifier)
  }
  return verifier
}

/** @param isDirect TLS without an SSLRequest: the protocol must be named by ALPN then. */
async function encrypt(client: Duplex, tls: ClientTls, signal: AbortSignal, isDirect: boolean): Promise<TLSSocket> {
  const secure = new TLSSocket(client, {
    isServer: true,
    secureContext: tls.context,
    ...(isDirect ? { ALPNProtocols: ['postgresql'] } : {}),
  })
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      secure.destroy()
      reject(new WireError('the TLS handshake took too long'))
    }
    signal.addEventListener('abort', abort, { once: true })
    const settle = (): void => signal.removeEventListener('abort', abort)
    secure.once('secure', () => {
      settle()
      resolve()
    })
    secure.once('error', () => {
      settle()
      reject(new WireError('the TLS handshake failed'))
    })
    secure.once('close', () => {
      settle()
      reject(new WireError('the TLS handshake failed'))
    })
  })
  if (isDirect && secure.alpnProtocol !== 'postgresql') {
    secure.destroy()
    throw new WireError('direct TLS without ALPN "postgresql"')
  }
  return secure
}
