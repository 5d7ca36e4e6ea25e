// Requests to one bucket, signed with AWS Signature Version 4. Every body goes with its SHA-256 and MD5, so that nothing arrives changed.
import { AwsV4Signer } from 'aws4fetch'
import { hash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { SallyportError } from '../../core/errors.ts'
import { HttpFailure } from '../../core/http.ts'
import type { Http, HttpAnswer } from '../../core/http.ts'
import type { S3Address } from './s3-address.ts'
import type { S3KeySource } from './s3-credentials.ts'

const MAX_ANSWER_BYTES = 1024 * 1024
const TIMEOUT_MS = 30_000
const ATTEMPTS = 4

export interface S3Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Name of the object below the bucket; empty = the bucket itself. */
  readonly object: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Statuses that are no failure besides 2xx. */
  readonly accept?: readonly number[]
}

export type S3Client = (request: S3Request, signal: AbortSignal) => Promise<HttpAnswer>

/** @throws {SallyportError} RECORDING_FAILED for every answer that is not what was asked for; never with a part of a key. */
export function createS3Client(address: S3Address, keys: S3KeySource, http: Http, clock: Clock): S3Client {
  return async (request, signal) => {
    const { id, secret, sessionToken } = await keys(signal)
    const body = request.body ?? Buffer.alloc(0)
    const query = new URLSearchParams(request.query).toString()
    const sha256 = hash('sha256', body, 'hex')
    const signer = new AwsV4Signer({
      method: request.method,
      url: `${address.bucketUrl}/${request.object}${query === '' ? '' : `?${query}`}`,
      headers: {
        ...request.headers,
        'x-amz-content-sha256': sha256,
        ...(request.method === 'PUT' || body.length > 0 ? { 'content-md5': hash('md5', body, 'base64') } : {}),
      },
      accessKeyId: id,
      secretAccessKey: secret.reveal().toString('utf8'),
      ...(sessionToken === null ? {} : { sessionToken: sessionToken.reveal().toString('utf8') }),
      service: 's3',
      region: address.region,
      datetime: clock
        .now()
        .toISOString()
        .replaceAll(/[:-]|\.\d{3}/g, ''),
      allHeaders: true,
    })
    const { url, headers } = await signer.sign()
    const sent: Record<string, string> = {}
    headers.forEach((value, name) => (sent[name] = value))
    const answer = await answerOf(
      address,
      http,
      {
        method: request.method,
        url: url.href,
        headers: { accept: 'application/xml', ...sent },
        body: request.method === 'GET' || request.method === 'DELETE' ? null : body,
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        ca: null,
      },
      signal,
    )
    // A copy or a joining may fail after its headers were sent: then the error stands in a body of status 200.
    const isError = /^\s*(?:<\?xml[^>]*>\s*)?<Error>/.test(answer.body.toString('utf8', 0, 400))
    const isFine = answer.status >= 200 && answer.status < 300 && !isError
    if (isFine || request.accept?.includes(answer.status) === true) return answer
    throw refused(address, answer)
  }
}

async function answerOf(address: S3Address, http: Http, request: Parameters<Http>[0], signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await http(request, signal)
  } catch (cause) {
    if (!(cause instanceof HttpFailure)) throw cause
    throw new SallyportError('RECORDING_FAILED', `cannot ship the recording to ${address.name}`, { why: cause.message, cause })
  }
}

function refused(address: S3Address, answer: HttpAnswer): SallyportError {
  const code = /<Code>([A-Za-z0-9.]{1,60})<\/Code>/.exec(answer.body.toString('utf8'))?.[1] ?? ''
  return new SallyportError('RECORDING_FAILED', `cannot ship the recording to ${address.name}`, {
    why: `the server answered ${String(answer.status)} ${code}`.trim(),
    fix: fixes[code] ?? 'see what the server says to that code',
  })
}

const fixes: Readonly<Record<string, string>> = {
  AccessDenied: 'the keys or the role need s3:PutObject, s3:PutObjectRetention and s3:GetBucketObjectLockConfiguration here',
  InvalidAccessKeyId: 'give keys of this server',
  SignatureDoesNotMatch: 'give the secret that belongs to the access key, and the region of the bucket',
  NoSuchBucket: 'make the bucket first, with Object Lock',
  InvalidRequest: 'a lock needs a bucket that was made with Object Lock',
  ObjectLockConfigurationNotFoundError: 'make a bucket with Object Lock, or take lock= and days= out of the address',
  RequestTimeTooSkewed: 'set the clock of this machine',
}
