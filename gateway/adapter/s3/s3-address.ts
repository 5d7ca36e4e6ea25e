// `s3://bucket/prefix?lock=compliance&days=400[&endpoint=…][&region=…][&role=…]`, taken apart. Nothing in it is ignored.
import { SallyportError } from '../../core/errors.ts'
import { readEndpoint } from '../../core/http.ts'

export interface S3Lock {
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE'
  readonly days: number
}

export interface S3Address {
  /** Without its parameters, for logs. */
  readonly name: string
  /** URL of the bucket, without a slash at its end. */
  readonly bucketUrl: string
  /** What every object's name starts with: empty, or ends with a slash. */
  readonly prefix: string
  readonly region: string
  /** null = whatever the bucket itself does. */
  readonly lock: S3Lock | null
  /** To be assumed with a token of this workflow; null = access keys of the environment. */
  readonly role: string | null
  /** Where roles are assumed. */
  readonly stsUrl: string
}

const MAX_DAYS = 36_500
const known = ['lock', 'days', 'endpoint', 'region', 'role']

/**
 * @param defaultRegion where the address names none.
 * @throws {SallyportError} POLICY_INVALID for anything that is not an address of this form.
 */
export function readS3Address(text: string, defaultRegion: string): S3Address {
  const url = URL.canParse(text) ? new URL(text) : null
  const bucket = url?.hostname ?? ''
  if (url?.protocol !== 's3:' || url.port !== '' || url.username !== '' || url.password !== '' || url.hash !== '')
    throw invalid(text, 'it is not s3://bucket/prefix')
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw invalid(text, `${JSON.stringify(bucket)} is not the name of a bucket`)
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '')
  // A URL reader takes `..` away before anybody sees it.
  if (!/^[A-Za-z0-9!_.()/-]*$/.test(prefix) || /\/\.{1,2}(?:[/?]|$)/.test(text))
    throw invalid(text, 'the prefix may hold letters, digits and ! _ . ( ) - /')
  const param = (name: string): string | null => {
    const values = url.searchParams.getAll(name)
    if (values.length > 1 || values[0] === '') throw invalid(text, `the parameter ${name} stands there twice, or is empty`)
    return values[0] ?? null
  }
  for (const name of url.searchParams.keys())
    if (!known.includes(name)) throw invalid(text, `the parameter ${JSON.stringify(name)} is not known; known are ${known.join(', ')}`)
  const region = param('region') ?? defaultRegion
  if (!/^[a-z0-9-]{1,40}$/.test(region)) throw invalid(text, 'the region is not one')
  const role = param('role')
  if (role !== null && !/^arn:[a-z-]+:iam::\d{0,12}:role\/[\w+=,.@/-]{1,128}$/.test(role))
    throw invalid(text, 'the role is not an ARN of a role')
  const endpoint = endpointOf(text, param('endpoint'))
  return {
    name: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    bucketUrl: bucketUrlOf(endpoint, bucket, region),
    prefix: prefix === '' ? '' : `${prefix}/`,
    region,
    lock: lockOf(text, param('lock'), param('days')),
    role,
    stsUrl: endpoint ?? `https://sts.${region}.amazonaws.com`,
  }
}

function endpointOf(text: string, endpoint: string | null): string | null {
  if (endpoint === null) return null
  const url = readEndpoint(endpoint)
  if (url !== null && url.pathname === '/' && url.search === '' && url.hash === '') return url.origin
  throw invalid(text, 'the endpoint must be https://HOST[:PORT]; plain http only on a loopback address')
}

/** AWS wants the bucket in the host name; other servers, and names with dots (no certificate fits them), in the path. */
function bucketUrlOf(endpoint: string | null, bucket: string, region: string): string {
  if (endpoint !== null) return `${endpoint}/${bucket}`
  return bucket.includes('.') ? `https://s3.${region}.amazonaws.com/${bucket}` : `https://${bucket}.s3.${region}.amazonaws.com`
}

function lockOf(text: string, lock: string | null, days: string | null): S3Lock | null {
  if (lock === null && days === null) return null
  const mode = lock === 'compliance' ? 'COMPLIANCE' : lock === 'governance' ? 'GOVERNANCE' : null
  if (mode === null) throw invalid(text, 'lock must be compliance or governance, and stands with days')
  const count = /^[1-9]\d{0,4}$/.test(days ?? '') ? Number(days) : 0
  if (count < 1 || count > MAX_DAYS) throw invalid(text, `days must be a whole number from 1 to ${String(MAX_DAYS)}, and stands with lock`)
  return { mode, days: count }
}

function invalid(text: string, why: string): SallyportError {
  return new SallyportError('POLICY_INVALID', `recording.sinks: ${text.split('?')[0] ?? ''} cannot be shipped to`, {
    why,
    fix: 's3://bucket/prefix?lock=compliance&days=400, with endpoint=, region= and role= where needed',
  })
}
