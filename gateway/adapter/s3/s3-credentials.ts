// Access keys for the sink: of a role that a token of this workflow may assume, or of the launcher's environment.
import type { Clock } from '../../core/clock.ts'
import { SallyportError } from '../../core/errors.ts'
import type { Http } from '../../core/http.ts'
import { Secret } from '../../core/secret.ts'
import type { S3Address } from './s3-address.ts'

export interface S3Keys {
  readonly id: string
  readonly secret: Secret
  readonly sessionToken: Secret | null
  /** null = known to nobody. */
  readonly expiresAt: Date | null
}

export type S3KeySource = (signal: AbortSignal) => Promise<S3Keys>

/** Variables that hold access keys; what the job starts with is without them. */
export const keyVariables: readonly string[] = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']

const AUDIENCE = 'sts.amazonaws.com'
const LIFE_S = 3600
const RENEW_BEFORE_MS = 5 * 60_000

export interface KeyParts {
  readonly environment: Readonly<Record<string, string>>
  readonly idToken: (audience: string, signal: AbortSignal) => Promise<Secret>
  readonly http: Http
  readonly clock: Clock
}

/** @throws {SallyportError} CREDENTIAL_UNAVAILABLE at once when the environment has no keys and no role is named. */
export function openKeySource(address: S3Address, parts: KeyParts): S3KeySource {
  const { role } = address
  if (role === null) {
    const keys = keysOf(address, parts.environment)
    return () => Promise.resolve(keys)
  }
  let held: S3Keys | null = null
  return async signal => {
    const renewAt = held?.expiresAt === null || held === null ? 0 : held.expiresAt.getTime() - RENEW_BEFORE_MS
    if (held === null || parts.clock.now().getTime() >= renewAt) held = await assume(address, role, parts, signal)
    return held
  }
}

function keysOf({ name }: S3Address, environment: Readonly<Record<string, string>>): S3Keys {
  const [id = '', secret = '', token = ''] = keyVariables.map(variable => environment[variable] ?? '')
  if (id !== '' && secret !== '')
    return { id, secret: new Secret(secret), sessionToken: token === '' ? null : new Secret(token), expiresAt: null }
  throw new SallyportError('CREDENTIAL_UNAVAILABLE', `there are no access keys for ${name}`, {
    why: `${keyVariables[0] ?? ''} and ${keyVariables[1] ?? ''} are not set, and the address names no role`,
    fix: 'add role=arn:aws:iam::…:role/… to the address, or run aws-actions/configure-aws-credentials before',
  })
}

/** AssumeRoleWithWebIdentity: the one call that needs no signature. */
async function assume(address: S3Address, role: string, { idToken, http }: KeyParts, signal: AbortSignal): Promise<S3Keys> {
  const token = await idToken(AUDIENCE, signal)
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: 'sallyport',
    DurationSeconds: String(LIFE_S),
    WebIdentityToken: token.reveal().toString('utf8'),
  }).toString()
  const answer = await http(
    {
      method: 'POST',
      url: `${address.stsUrl}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/xml' },
      body,
      maxBytes: 64 * 1024,
      timeoutMs: 10_000,
      attempts: 4,
      ca: null,
    },
    signal,
  )
  const xml = answer.body.toString('utf8')
  const said = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1] ?? ''
  const [id, secret, session, expires] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration'].map(said)
  if (answer.status === 200 && id !== undefined && id !== '' && secret !== undefined && secret !== '' && session !== undefined) {
    const expiresAt = Number.isNaN(Date.parse(expires ?? '')) ? null : new Date(expires ?? '')
    return { id, secret: new Secret(secret), sessionToken: new Secret(session), expiresAt }
  }
  throw new SallyportError('CREDENTIAL_UNAVAILABLE', `the role for ${address.name} cannot be assumed`, {
    why: `the token service answered ${String(answer.status)} ${said('Code').replaceAll(/[^A-Za-z]/g, '')}`.trim(),
    fix: `let the role trust this workflow's tokens for the audience ${AUDIENCE}`,
  })
}
