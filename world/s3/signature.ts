// Checks an AWS Signature Version 4 from what arrived on the wire, from the published description alone.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const MAX_SKEW_MS = 15 * 60_000

export interface AccessKey {
  readonly id: string
  readonly secret: string
  readonly sessionToken: string | null
  readonly region: string
}

/** The S3 error code, or null when the request is signed as it must be. */
export function signatureFault(request: IncomingMessage, body: Buffer, key: AccessKey): string | null {
  const header = (name: string): string => String(request.headers[name] ?? '')
  const [, id, day, region, service, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      header('authorization'),
    ) ?? []
  if (id === undefined || names === undefined || signature === undefined) return 'AccessDenied'
  if (id !== key.id) return 'InvalidAccessKeyId'
  if (region !== key.region || service !== 's3') return 'AuthorizationHeaderMalformed'
  if (header('x-amz-security-token') !== (key.sessionToken ?? '')) return 'InvalidToken'
  if (header('x-amz-content-sha256') !== hash('sha256', body, 'hex')) return 'XAmzContentSHA256Mismatch'
  const signed = names.split(';')
  const mustBeSigned = Object.keys(request.headers).filter(name => name === 'host' || name === 'content-md5' || name.startsWith('x-amz-'))
  if (mustBeSigned.some(name => !signed.includes(name)) || signed.join() !== signed.toSorted().join()) return 'AccessDenied'
  const stamp = header('x-amz-date')
  const [, year, month, date, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp) ?? []
  const at = Date.UTC(Number(year), Number(month) - 1, Number(date), Number(hour), Number(minute), Number(second))
  if (!(Math.abs(Date.now() - at) < MAX_SKEW_MS) || stamp.slice(0, 8) !== day) return 'RequestTimeTooSkewed'
  const url = new URL(request.url ?? '/', 'http://x')
  const canonical = [
    request.method,
    url.pathname
      .split('/')
      .map(part => escaped(decodeURIComponent(part)))
      .join('/'),
    [...url.searchParams]
      .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
      .toSorted()
      .join('&'),
    ...signed.map(name => `${name}:${header(name).trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    header('x-amz-content-sha256'),
  ].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const text = ['AWS4-HMAC-SHA256', stamp, scope, hash('sha256', canonical, 'hex')].join('\n')
  const signing = scope.split('/').reduce<Buffer>((secret, part) => mac(secret, part), Buffer.from(`AWS4${key.secret}`))
  return timingSafeEqual(mac(signing, text), Buffer.from(signature, 'hex')) ? null : 'SignatureDoesNotMatch'
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
