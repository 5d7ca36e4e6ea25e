// A strict S3 with one bucket, versions and Object Lock: refuses what is not signed, not whole, or would remove what is locked.
import { hash, randomUUID } from 'node:crypto'
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signatureFault } from './signature.ts'
import type { AccessKey } from './signature.ts'

const MIN_PART_BYTES = 5 * 1024 * 1024

export interface StoredObject {
  readonly version: string
  readonly bytes: Buffer
  readonly lockedUntil: Date | null
  readonly mode: string | null
}

export interface S3Options {
  readonly bucket?: string
  readonly key?: Partial<AccessKey>
  /** False: an older server, which takes lock headers and ignores them. */
  readonly hasLock?: boolean
  /** False: a server that ignores `If-None-Match`. */
  readonly knowsConditions?: boolean
  /** A role of the token service that answers at the same address: its ARN, how long its keys last by its clock, and whose tokens it trusts. */
  readonly role?: { readonly arn: string; readonly lifeMs: number; readonly now: () => number; readonly trusts: (token: string) => boolean }
}

export interface S3Server {
  readonly endpoint: string
  readonly key: AccessKey
  /** Name -> versions, the newest last. */
  readonly objects: ReadonlyMap<string, readonly StoredObject[]>
  /** `PUT name`, in order, as they came. */
  readonly requests: readonly string[]
  /** The next requests get this instead: a status, or a cut connection before or after the work was done. */
  failNext(...how: readonly (number | 'cut-before' | 'cut-after')[]): void
  /** What a thief with the same keys would ask: remove one version of an object. */
  removeVersion(name: string, version: string): number
  /** Keys that the role was given, the newest last. */
  readonly given: readonly AccessKey[]
  /** Those keys are worth nothing from now on. */
  expireGiven(): void
  setDown(isDown: boolean): void
  stop(): Promise<void>
}

export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const bucket = options.bucket ?? 'audit'
  const key = { id: 'AKTEST', secret: 'secret/with+signs', sessionToken: null, region: 'us-east-1', ...options.key }
  const objects = new Map<string, StoredObject[]>()
  const uploads = new Map<string, { name: string; parts: Map<number, Buffer> }>()
  const requests: string[] = []
  const failures: (number | 'cut-before' | 'cut-after')[] = []
  let isDown = false
  const given: AccessKey[] = []
  let expired = 0

  /** AssumeRoleWithWebIdentity: unsigned, the token is the proof. */
  const assume = (body: Buffer): { status: number; text: string } => {
    const asked = new URLSearchParams(body.toString())
    const { role } = options
    if (asked.get('Action') !== 'AssumeRoleWithWebIdentity' || role === undefined) return refused(400, 'InvalidAction')
    if (asked.get('RoleArn') !== role.arn || !role.trusts(asked.get('WebIdentityToken') ?? '')) return refused(403, 'AccessDenied')
    const fresh = { id: `ASIA${given.length}`, secret: randomUUID(), sessionToken: randomUUID(), region: key.region }
    given.push(fresh)
    const expiration = new Date(role.now() + role.lifeMs).toISOString()
    return {
      status: 200,
      text: `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${fresh.id}</AccessKeyId><SecretAccessKey>${fresh.secret}</SecretAccessKey><SessionToken>${fresh.sessionToken}</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    }
  }
  /** The key that a request says it is signed with. */
  const keyOf = (request: IncomingMessage): AccessKey => {
    const id = /Credential=([^/]+)\//.exec(String(request.headers['authorization']))?.[1]
    return given.slice(expired).find(each => each.id === id) ?? key
  }

  const store = (name: string, bytes: Buffer, headers: http.IncomingHttpHeaders): void => {
    const until = headers['x-amz-object-lock-retain-until-date']
    const isLocked = options.hasLock !== false && until !== undefined
    const object = {
      version: randomUUID(),
      bytes,
      lockedUntil: isLocked ? new Date(String(until)) : null,
      mode: isLocked ? String(headers['x-amz-object-lock-mode']) : null,
    }
    objects.set(name, [...(objects.get(name) ?? []), object])
  }

  const answer = (request: IncomingMessage, body: Buffer): { status: number; text: string; headers?: Record<string, string> } => {
    const url = new URL(request.url ?? '/', 'http://x')
    const name = decodeURIComponent(url.pathname.slice(bucket.length + 2))
    const query = url.searchParams
    if (request.method === 'POST' && url.pathname === '/') return assume(body)
    const fault = signatureFault(request, body, keyOf(request))
    if (fault !== null) return refused(fault === 'XAmzContentSHA256Mismatch' ? 400 : 403, fault)
    if (!`${url.pathname}/`.startsWith(`/${bucket}/`)) return refused(404, 'NoSuchBucket')
    const { headers } = request
    if (name === '') {
      if (request.method !== 'GET' || !query.has('object-lock')) return refused(405, 'MethodNotAllowed')
      return options.hasLock === false
        ? refused(404, 'ObjectLockConfigurationNotFoundError')
        : { status: 200, text: '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>' }
    }
    const wantsLock = headers['x-amz-object-lock-mode'] !== undefined
    if (wantsLock && !(Date.parse(String(headers['x-amz-object-lock-retain-until-date'])) > Date.now()))
      return refused(400, 'InvalidArgument')
    const md5 = headers['content-md5']
    if (md5 !== undefined && md5 !== hash('md5', body, 'base64')) return refused(400, 'BadDigest')
    const upload = uploads.get(query.get('uploadId') ?? '')
    if (query.has('uploadId') && upload?.name !== name) return refused(404, 'NoSuchUpload')
    if (request.method === 'PUT' && upload !== undefined) {
      upload.parts.set(Number(query.get('partNumber')), body)
      return { status: 200, text: '', headers: { etag: etagOf(body) } }
    }
    if (request.method === 'PUT' && query.has('retention')) {
      const [, mode = '', until = ''] = /<Mode>(\w+)<\/Mode><RetainUntilDate>([^<]+)<\/RetainUntilDate>/.exec(body.toString()) ?? []
      const newest = objects.get(name)?.pop()
      if (newest === undefined) return refused(404, 'NoSuchKey')
      objects.get(name)?.push({ ...newest, mode, lockedUntil: new Date(until) })
      return { status: 200, text: '' }
    }
    if (request.method === 'PUT') {
      if (wantsLock && md5 === undefined) return refused(400, 'InvalidRequest')
      if (options.knowsConditions !== false && headers['if-none-match'] === '*' && objects.has(name))
        return refused(412, 'PreconditionFailed')
      store(name, body, headers)
      return { status: 200, text: '', headers: { etag: etagOf(body) } }
    }
    if (request.method === 'POST' && query.has('uploads')) {
      const id = randomUUID()
      uploads.set(id, { name, parts: new Map() })
      return { status: 200, text: `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>` }
    }
    if (request.method === 'POST' && upload !== undefined) {
      const listed = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag>/g)]
      const parts = listed.map(([, number, etag]) => ({ bytes: upload.parts.get(Number(number)), etag }))
      // Errors of this call come with status 200, as S3's do.
      if (parts.length === 0 || parts.some(({ bytes, etag }) => bytes === undefined || etagOf(bytes) !== etag))
        return refused(200, 'InvalidPart')
      if (parts.slice(0, -1).some(({ bytes }) => (bytes?.length ?? 0) < MIN_PART_BYTES)) return refused(200, 'EntityTooSmall')
      // As some servers do, it forgets the lock that the upload began with.
      store(name, Buffer.concat(parts.flatMap(({ bytes }) => bytes ?? [])), {})
      uploads.delete(query.get('uploadId') ?? '')
      return { status: 200, text: '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>' }
    }
    if (request.method === 'DELETE' && upload !== undefined) {
      uploads.delete(query.get('uploadId') ?? '')
      return { status: 204, text: '' }
    }
    return refused(405, 'MethodNotAllowed')
  }

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push(`${request.method ?? ''} ${decodeURIComponent(request.url ?? '')}`)
      const failure = isDown ? 'cut-before' : failures.shift()
      if (failure === 'cut-before') request.socket.destroy()
      else if (typeof failure === 'number') send(response, refused(failure, 'SlowDown'))
      else {
        const said = answer(request, Buffer.concat(chunks))
        if (failure === 'cut-after') request.socket.destroy()
        else send(response, said)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key,
    objects,
    requests,
    failNext: (...how) => void failures.push(...how),
    removeVersion: (name, version) => {
      const versions = objects.get(name) ?? []
      const found = versions.find(object => object.version === version)
      if (found === undefined) return 404
      if (found.lockedUntil !== null && found.lockedUntil.getTime() > Date.now()) return 403
      objects.set(
        name,
        versions.filter(object => object !== found),
      )
      return 204
    },
    given,
    expireGiven: () => void (expired = given.length),
    setDown: down => (isDown = down),
    stop: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function refused(status: number, code: string): { status: number; text: string } {
  return { status, text: `<?xml version="1.0"?>\n<Error><Code>${code}</Code></Error>` }
}

function send(
  response: ServerResponse,
  { status, text, headers }: { status: number; text: string; headers?: Record<string, string> },
): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(text)
}

function etagOf(bytes: Buffer): string {
  return `"${hash('md5', bytes, 'hex')}"`
}
