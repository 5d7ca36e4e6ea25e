// SSH: lets a client in by this run's key or ticket, logs in to the target with the connection's credential, and judges each request.
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2 from 'ssh2'
import type { AuthContext, Connection as ClientConnection, ParsedKey } from 'ssh2'
import type { Engine, FrontDesk } from '../../core/session.ts'
import { SallyportError } from '../../core/errors.ts'
import { algorithmsFor } from './algorithms.ts'
import { ClientSide } from './client-side.ts'
import { takeOver } from './lean-socket.ts'
import { gatherWrites, readTerminalModes } from './library.ts'
import { useOwnCiphers } from './packet-ciphers.ts'
import type { SshRunKeys } from './run-keys.ts'
import { openTarget } from './target.ts'

/** A client that does not log in is let go after this long. */
const LOGIN_TIMEOUT_MS = 20_000
const MAX_LOGIN_TRIES = 20
/** From the credential to the end of the target's login. */
const TARGET_TIMEOUT_MS = 30_000

export interface SshEngineOptions {
  readonly keys: SshRunKeys
  readonly loginTimeoutMs?: number
  readonly targetTimeoutMs?: number
}

/** The engine of one ssh connection of one run. */
export function createSshEngine(options: SshEngineOptions): Engine {
  readTerminalModes()
  const { keys } = options
  /** The host key type that matched last; asked for first the next time. */
  let knownType = 0

  return {
    protocol: 'ssh',
    serve(socket, desk, signal) {
      return new Promise(resolve => {
        let side: ClientSide | null = null
        const patience = setTimeout(() => socket.destroy(), options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS)
        const stop = (): void => {
          if (side === null) socket.destroy()
          else side.end('the gateway ended the session')
        }
        signal.addEventListener('abort', stop, { once: true })
        socket.on('error', () => socket.destroy())
        socket.once('close', () => {
          clearTimeout(patience)
          signal.removeEventListener('abort', stop)
          const closed = side?.close('client disconnected') ?? Promise.resolve()
          closed.then(resolve, resolve)
        })
        if (signal.aborted) {
          socket.destroy()
          return
        }
        const lean = takeOver(asSocket(socket))
        const server = new ssh2.Server({
          // OpenSSH's clients say that nobody reads on (`ssh host yes | head`) only to a server that looks like their own.
          ident: 'OpenSSH_9.9 Sallyport',
          hostKeys: [keys.hostKey],
          algorithms: algorithmsFor(['ssh-ed25519']),
          keepaliveInterval: 30_000,
        })
        server.on('connection', (client, { header }) => {
          client.on('error', () => {})
          useOwnCiphers(client)
          client.once('handshake', () => lean.reuse())
          letIn(client, desk, keys.clientPublic)
          client.once('ready', () => {
            clearTimeout(patience)
            side = openSide(client, socket, desk, loginOf(client), header.versions.software)
          })
        })
        server.on('error', () => socket.destroy())
        gatherWrites(lean.socket)
        server.injectSocket(lean.socket)
      })
    },
  }

  function openSide(client: ClientConnection, socket: Duplex, desk: FrontDesk, login: string, application: string): ClientSide | null {
    try {
      const { connection } = desk
      const session = desk.checkIn({ application, login: connection.user ?? login })
      return new ClientSide({
        client,
        session,
        login,
        openTarget: async (signal, agent) => {
          const limited = AbortSignal.any([signal, AbortSignal.timeout(options.targetTimeoutMs ?? TARGET_TIMEOUT_MS)])
          const lease = await session.borrow(limited)
          const target = await openTarget({ connection, lease, loginKey: keys.loginKey, firstType: knownType, agent, signal: limited })
          knownType = target.type
          return target.client
        },
      })
    } catch {
      // No session, no service: too many of them, or the recording has failed.
      client.end()
      socket.destroy()
      return null
    }
  }
}

const logins = new WeakMap<ClientConnection, string>()

function loginOf(client: ClientConnection): string {
  return logins.get(client) ?? ''
}

/** The run's key, or the ticket as a password. */
function letIn(client: ClientConnection, desk: FrontDesk, key: ParsedKey): void {
  let tries = 0
  client.on('authentication', (context: AuthContext) => {
    tries += 1
    if (tries > MAX_LOGIN_TRIES) {
      client.end()
      return
    }
    if (!isProven(context, desk, key)) {
      context.reject(['publickey', 'password'])
      return
    }
    logins.set(client, context.username)
    context.accept()
  })
}

function isProven(context: AuthContext, desk: FrontDesk, key: ParsedKey): boolean {
  switch (context.method) {
    case 'password':
      return desk.isTicket(Buffer.from(context.password))
    case 'publickey': {
      if (context.key.algo !== key.type || !context.key.data.equals(key.getPublicSSH())) return false
      // Without a signature it is only the question whether this key would do.
      if (context.signature === undefined) return true
      if (context.blob === undefined) return false
      // An error is an answer too, and it is not false.
      const verified: unknown = key.verify(context.blob, context.signature)
      return verified === true
    }
    case 'none':
    case 'hostbased':
    case 'keyboard-interactive':
      return false
  }
}

/** The doors give sockets; the library asks for one by type. */
function asSocket(stream: Duplex): Socket {
  if (stream instanceof Socket) return stream
  throw new SallyportError('INTERNAL', 'an ssh client needs a socket')
}
