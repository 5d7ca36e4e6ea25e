// The artifact service of a run, as the official upload client speaks to it: Twirp calls and blobs written in blocks.
import { createHash, randomBytes } from 'node:crypto'

const PREFIX = '/twirp/github.actions.results.api.v1.ArtifactService/'

export interface Artifact {
  readonly id: number
  readonly run: string
  readonly name: string
  readonly bytes: Buffer
  readonly mimeType: string | null
  readonly expiresAt: string | null
}

interface Upload {
  readonly run: string
  readonly name: string
  readonly mimeType: string | null
  readonly expiresAt: string | null
  readonly blocks: Map<string, Buffer>
  bytes: Buffer | null
}

export interface ServiceAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export class Artifacts {
  readonly finished: Artifact[] = []
  readonly #tokens = new Map<string, { readonly run: string; readonly job: string }>()
  readonly #uploads = new Map<string, Upload>()
  #nextId = 9_000

  /** What a job gets as ACTIONS_RUNTIME_TOKEN. */
  addRuntimeToken(run: string, job: string): string {
    const claims = {
      scp: `Actions.Results:${run}:${job}`,
      jti: randomBytes(8).toString('hex'),
      exp: Math.floor(Date.now() / 1_000) + 21_600,
    }
    const token = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}.${randomBytes(32).toString('base64url')}`
    this.#tokens.set(token, { run, job })
    return token
  }

  /** The answer, or null when the path is none of the service's. */
  answer(method: string, url: URL, authorization: string, headers: Readonly<Record<string, string>>, body: Buffer): ServiceAnswer | null {
    if (url.pathname.startsWith('/artifact-blobs/')) return this.#blob(method, url, headers, body)
    if (method !== 'POST' || !url.pathname.startsWith(PREFIX)) return null
    const job = this.#tokens.get(authorization.replace(/^bearer /i, ''))
    if (job === undefined) return twirp(401, 'unauthenticated', 'the runtime token is not known')
    const request = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    if (request['workflow_run_backend_id'] !== job.run || request['workflow_job_run_backend_id'] !== job.job) {
      return twirp(403, 'permission_denied', 'the token belongs to another job')
    }
    switch (url.pathname.slice(PREFIX.length)) {
      case 'CreateArtifact':
        return this.#create(url, job.run, request)
      case 'FinalizeArtifact':
        return this.#finalize(job.run, request)
      case 'ListArtifacts':
        return { status: 200, body: { artifacts: this.finished.filter(each => each.run === job.run).map(each => listed(each, job.job)) } }
      default:
        return twirp(404, 'bad_route', 'no such method')
    }
  }

  #create(url: URL, run: string, request: Record<string, unknown>): ServiceAnswer {
    const name = String(request['name'])
    if (this.finished.some(each => each.run === run && each.name === name)) {
      return twirp(409, 'already_exists', 'an artifact with this name already exists on the workflow run')
    }
    const id = randomBytes(16).toString('hex')
    const mime = request['mime_type']
    const expires = request['expires_at']
    this.#uploads.set(id, {
      run,
      name,
      mimeType: typeof mime === 'string' ? mime : null,
      expiresAt: typeof expires === 'string' ? expires : null,
      blocks: new Map(),
      bytes: null,
    })
    return { status: 200, body: { ok: true, signed_upload_url: `${url.origin}/artifact-blobs/${id}/upload?sig=${id}` } }
  }

  #finalize(run: string, request: Record<string, unknown>): ServiceAnswer {
    const name = String(request['name'])
    const found = [...this.#uploads.entries()].find(([, upload]) => upload.run === run && upload.name === name)
    const [id, upload] = found ?? []
    if (id === undefined || upload === undefined || upload.bytes === null) return twirp(404, 'not_found', 'nothing was uploaded')
    const hash = `sha256:${createHash('sha256').update(upload.bytes).digest('hex')}`
    if (Number(request['size']) !== upload.bytes.length) return twirp(400, 'invalid_argument', 'the size is another')
    const claimed = hashOf(request['hash'])
    if (claimed !== null && claimed !== hash) return twirp(400, 'invalid_argument', 'the digest is another')
    this.#uploads.delete(id)
    this.#nextId += 1
    const { mimeType, expiresAt, bytes } = upload
    this.finished.push({ id: this.#nextId, run, name, bytes, mimeType, expiresAt })
    return { status: 200, body: { ok: true, artifact_id: String(this.#nextId) } }
  }

  /** Azure's Put Blob, Put Block and Put Block List. */
  #blob(method: string, url: URL, headers: Readonly<Record<string, string>>, body: Buffer): ServiceAnswer {
    const id = url.pathname.split('/')[2] ?? ''
    const upload = this.#uploads.get(id)
    if (method !== 'PUT' || upload === undefined || url.searchParams.get('sig') !== id) return { status: 403, body: '' }
    switch (url.searchParams.get('comp') ?? '') {
      case 'block':
        upload.blocks.set(url.searchParams.get('blockid') ?? '', body)
        break
      case 'blocklist': {
        const parts: Buffer[] = []
        for (const [, block] of body.toString('utf8').matchAll(/<(?:Latest|Uncommitted|Committed)>([^<]+)</g)) {
          const part = upload.blocks.get(block ?? '')
          if (part === undefined) return { status: 400, body: '' }
          parts.push(part)
        }
        upload.bytes = Buffer.concat(parts)
        break
      }
      default:
        if (headers['x-ms-blob-type'] !== 'BlockBlob') return { status: 400, body: '' }
        upload.bytes = body
    }
    return { status: 201, body: '', headers: { etag: `"${id}"`, 'x-ms-request-id': id, 'x-ms-version': '2025-01-05' } }
  }
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function listed(artifact: Artifact, job: string): unknown {
  return {
    workflow_run_backend_id: artifact.run,
    workflow_job_run_backend_id: job,
    database_id: String(artifact.id),
    name: artifact.name,
    size: String(artifact.bytes.length),
    created_at: new Date().toISOString(),
  }
}

function hashOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null && 'value' in value) return String(value.value)
  return null
}

function twirp(status: number, code: string, msg: string): ServiceAnswer {
  return { status, body: { code, msg } }
}
