// `exec://name`: a program of the policy's `sources:` prints the credential. No shell, a clean environment, bounded in time and size.
// Understood on its output: kubectl's ExecCredential, a JSON object with username/password or token, or plain text.
import type { CredentialRef } from '../../core/connection.ts'
import type { CredentialSource, Lease } from '../../core/credential.ts'
import { checkParams, credentialUnavailable, readPlainCredential } from '../../core/plain-credential.ts'
import { Secret } from '../../core/secret.ts'
import { runProgram } from './program.ts'

export interface ExecSettings {
  /** Name in the reference (`exec://name`) -> program and arguments. */
  readonly commands: ReadonlyMap<string, readonly string[]>
  /** The only variables the programs see. A PATH is added when there is none. */
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 30_000

export function createExecSource(settings: ExecSettings): CredentialSource {
  return {
    scheme: 'exec',
    acquire: async (ref, _context, signal) => {
      checkParams(ref, [])
      const command = settings.commands.get(ref.path)
      if (command === undefined) throw credentialUnavailable(ref, 'sources: has no such program')
      const output = await runProgram(command, settings.environment, settings.timeoutMs ?? TIMEOUT_MS, signal).catch((cause: unknown) => {
        signal.throwIfAborted()
        throw credentialUnavailable(ref, cause instanceof Error ? cause.message : 'the program failed')
      })
      return readOutput(output, ref)
    },
    close: async () => [],
  }
}

function readOutput(output: Buffer, ref: CredentialRef): Lease {
  const document = ref.field === null ? readJsonObject(output) : null
  if (document === null) return readPlainCredential(output, ref)
  const isPlugin = document['kind'] === 'ExecCredential'
  const members = isPlugin ? (objectOf(document['status']) ?? {}) : document
  const { username, password, token, clientCertificateData, clientKeyData } = members
  const expiresAt = readExpiry(members[isPlugin ? 'expirationTimestamp' : 'expiresAt'], ref)
  const login = typeof username === 'string' && username !== '' ? username : null
  const lease = (kind: Lease['kind'], secret: string, certificate: string | null): Lease => ({
    username: login,
    kind,
    secret: new Secret(secret),
    certificate,
    expiresAt,
    receipt: ref.text,
  })
  if (isText(token)) return lease('token', token, null)
  if (isText(password)) return lease('password', password, null)
  if (isText(clientKeyData) && isText(clientCertificateData)) return lease('client-certificate', clientKeyData, clientCertificateData)
  throw credentialUnavailable(ref, 'the program printed JSON without a token, a password, or a key with its certificate')
}

function readExpiry(value: unknown, ref: CredentialRef): Date | null {
  if (value === undefined) return null
  const at = typeof value === 'string' ? new Date(value) : new Date(Number.NaN)
  if (Number.isNaN(at.getTime())) throw credentialUnavailable(ref, 'the program printed an end of validity that is no time')
  if (at.getTime() <= Date.now()) throw credentialUnavailable(ref, 'the program printed a credential that has expired')
  return at
}

function readJsonObject(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    return objectOf(JSON.parse(bytes.toString('utf8')))
  } catch {
    return null
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
