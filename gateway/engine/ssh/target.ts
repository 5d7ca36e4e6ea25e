// The leg to the target: pinned host key, login with the connection's credential. The only file of the engine that sees a secret.
import { createHash } from 'node:crypto'
import ssh2 from 'ssh2'
import type { AnyAuthMethod, BaseAgent, Client, ConnectConfig } from 'ssh2'
import type { Connection } from '../../core/connection.ts'
import type { Lease } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import { algorithmsFor, hostKeyTypes } from './algorithms.ts'
import { connectLean } from './lean-socket.ts'
import { certifiedKey } from './certificate-key.ts'
import { gatherTargetWrites, signPlainly } from './library.ts'
import { useOwnCiphers } from './packet-ciphers.ts'
import { parseKey } from './run-keys.ts'

/** From the first packet to the end of the login. */
const READY_TIMEOUT_MS = 20_000
const KEEPALIVE_MS = 15_000
/** A certificate that stands after its private key. */
const CERTIFICATE_LINE = /^[a-z0-9-]+-cert-v01@openssh\.com [A-Za-z0-9+/=]+.*$/m

export interface TargetRequest {
  readonly connection: Connection
  readonly lease: Lease
  /** OpenSSH private key that a certificate without a key of its own was made for. */
  readonly loginKey: string
  /** Index into `hostKeyTypes` that worked last time; host keys are asked for in this order. */
  readonly firstType: number
  /** What the target's connections to an agent are given; not asked in the login. */
  readonly agent: BaseAgent
  readonly signal: AbortSignal
}

export interface Target {
  readonly client: Client
  /** Index into `hostKeyTypes` of the key that matched. */
  readonly type: number
}

/**
 * Connects and logs in.
 * @throws {SallyportError} TARGET_UNREACHABLE, HOST_KEY_MISMATCH, TARGET_LOGIN_REFUSED, CREDENTIAL_UNAVAILABLE.
 */
export async function openTarget(request: TargetRequest): Promise<Target> {
  const order = hostKeyTypes.map((_, index) => (index + request.firstType) % hostKeyTypes.length)
  const seen: string[] = []
  for (const type of order) {
    // A server with several keys shows one of the type it is asked for; another type may be the pinned one.
    const client = await tryTarget(request, type, seen)
    if (client !== null) return { client, type }
  }
  const { connection } = request
  throw new SallyportError('HOST_KEY_MISMATCH', `the host key of ${connection.name} is not one of its host-keys`, {
    why: seen.length === 0 ? 'the target has no host key of a type that is accepted' : `the target showed ${seen.join(', ')}`,
    fix: 'if the target was set up anew, change host-keys: in the policy; if not, somebody is in between',
  })
}

/** null when the target has no key of this type, or it is not pinned. */
function tryTarget({ connection, lease, loginKey, agent, signal }: TargetRequest, type: number, seen: string[]): Promise<Client | null> {
  const client = new ssh2.Client()
  const methods = loginMethods(connection, lease, loginKey)
  return new Promise((resolve, reject) => {
    let isKnown = true
    let hasKey = false
    let isConnected = false
    const stop = (): void => {
      client.destroy()
      reject(new SallyportError('GATEWAY_LOST', 'the session ended before the target was reached'))
    }
    if (signal.aborted) {
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    client.on('connect', () => {
      isConnected = true
      client.setNoDelay(true)
      gatherTargetWrites(client)
      useOwnCiphers(client)
    })
    client.on('handshake', () => {
      lean.reuse()
      if (lease.kind === 'ssh-certificate' || lease.kind === 'ssh-key') signPlainly(client)
    })
    client.once('ready', () => {
      signal.removeEventListener('abort', stop)
      resolve(client)
    })
    client.on('error', error => {
      signal.removeEventListener('abort', stop)
      client.destroy()
      // A target without a key of this type says so, or just hangs up.
      const isOtherType = !hasKey && isConnected && /no matching host key|ECONNRESET|before handshake|closed/i.test(error.message)
      if (!isKnown || isOtherType) resolve(null)
      else reject(failure(connection, error, hasKey))
    })
    client.once('close', () => {
      signal.removeEventListener('abort', stop)
      if (isConnected && !hasKey) resolve(null)
      else reject(failure(connection, new Error('closed'), hasKey))
    })
    const lean = connectLean(connection.host, connection.port)
    client.connect({
      sock: lean.socket,
      username: methods.username,
      authHandler: methods.list,
      agent,
      // Requests of OpenSSH's own are understood by other servers too; one that is not known is refused.
      strictVendor: false,
      algorithms: algorithmsFor(hostKeyTypes[type] ?? []),
      readyTimeout: READY_TIMEOUT_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: 4,
      hostVerifier: (key: Buffer) => {
        hasKey = true
        const fingerprint = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
        isKnown = connection.hostKeys.some(pinned => pinned.replace(/=+$/, '') === fingerprint)
        if (!isKnown) seen.push(fingerprint)
        return isKnown
      },
    } satisfies ConnectConfig)
  })
}

function loginMethods(connection: Connection, lease: Lease, loginKey: string): { username: string; list: AnyAuthMethod[] } {
  const username = lease.username ?? connection.user
  if (username === null) {
    throw new SallyportError('CREDENTIAL_UNAVAILABLE', `${connection.name} has no login name`, {
      why: 'the credential brings none, and the connection has no user:',
      fix: 'add user: to the connection',
    })
  }
  switch (lease.kind) {
    case 'password':
    case 'token': {
      const password = lease.secret.reveal().toString('utf8')
      if (isAgent(connection)) return { username, list: [{ type: 'agent', username, agent: password }] }
      return {
        username,
        list: [
          { type: 'password', username, password },
          // One-time passwords are often asked for in this way; only a first question without echo is answered.
          {
            type: 'keyboard-interactive',
            username,
            prompt: (_name, _words, _language, prompts, finish) =>
              finish(prompts.map((prompt, index) => (index === 0 && prompt.echo !== true ? password : ''))),
          },
        ],
      }
    }
    case 'ssh-key': {
      const text = lease.secret.reveal().toString('latin1')
      const certificate = CERTIFICATE_LINE.exec(text)?.[0] ?? null
      const key = parseKey(text.replace(CERTIFICATE_LINE, ''))
      return { username, list: [{ type: 'publickey', username, key: certificate === null ? key : certifiedKey(key, certificate) }] }
    }
    case 'ssh-certificate': {
      const secret = lease.secret.reveal()
      const key = certifiedKey(parseKey(secret.length === 0 ? loginKey : secret), lease.certificate ?? '')
      return { username, list: [{ type: 'publickey', username, key }] }
    }
    case 'client-certificate':
      throw new SallyportError('CREDENTIAL_UNAVAILABLE', `${connection.credential.text} gives a TLS certificate, which no ssh server takes`)
  }
}

/** `env://SSH_AUTH_SOCK` is where an agent listens, as it is for every other program; its value is no password. */
function isAgent({ credential }: Connection): boolean {
  return credential.scheme === 'env' && credential.path === 'SSH_AUTH_SOCK'
}

function failure(connection: Connection, error: Error, hasKey: boolean): SallyportError {
  const level = 'level' in error ? error.level : ''
  const address = `${connection.host}:${connection.port}`
  if (level === 'client-authentication') {
    return new SallyportError('TARGET_LOGIN_REFUSED', `${connection.name} refused the gateway's login`, {
      why: 'the credential is wrong, expired, or not for this login name',
      fix: 'check credential: and user: of the connection',
    })
  }
  if (level === 'agent') {
    return new SallyportError('CREDENTIAL_UNAVAILABLE', 'the ssh agent does not answer', {
      why: 'nothing listens at SSH_AUTH_SOCK, or not for the user of the gateway',
      fix: 'start the agent before the gateway; with isolation: user give a key instead',
      cause: error,
    })
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  const why = hasKey
    ? 'the connection was lost during the login'
    : (code ?? (level === 'client-timeout' ? 'no answer in time' : 'no ssh server answered'))
  return new SallyportError('TARGET_UNREACHABLE', `${connection.name} cannot be reached at ${address}`, { why, cause: error })
}
