// Ships recordings into an S3 bucket with Object Lock, piece by piece while the run goes on. Names hold the digest of what they
// name, so sending something again is harmless, and nobody can put something else in its place under the same name.
import { createHash, hash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { SallyportError } from '../../core/errors.ts'
import { failpoint } from '../../core/failpoint.ts'
import type { Http } from '../../core/http.ts'
import type { Segment, Shipped, Sink } from '../../core/sink.ts'
import type { S3Address } from './s3-address.ts'
import { createS3Client } from './s3-client.ts'
import type { S3Client } from './s3-client.ts'
import type { S3KeySource } from './s3-credentials.ts'

const EVENTS = 'events.jsonl'
/** Files above this go in parts of this; the servers want at least 5 MiB. */
const PART_BYTES = 8 * 1024 * 1024
const DAY_MS = 24 * 60 * 60 * 1000

export interface S3SinkOptions {
  readonly address: S3Address
  /** Id of the run: a folder of its own below the prefix. */
  readonly run: string
  readonly keys: S3KeySource
  readonly http: Http
  readonly clock: Clock
}

export function openS3Sink(options: S3SinkOptions): Sink {
  const bucket = new Bucket(options)
  return {
    name: options.address.name,
    ship: (dir, files, signal) => bucket.ship(dir, files, signal),
    shipSegment: (segment, signal) => bucket.shipSegment(segment, signal),
  }
}

class Bucket {
  readonly #options: S3SinkOptions
  readonly #client: S3Client
  readonly #base: string
  /** Bytes of the log that are there, from its start. */
  #sentBytes = 0
  #isLockProven = false

  constructor(options: S3SinkOptions) {
    const { address, keys, http, clock } = options
    this.#options = options
    this.#client = createS3Client(address, keys, http, clock)
    this.#base = `${address.prefix}${options.run}/`
  }

  async shipSegment({ from, to, offset, bytes, sha256, checkpoint, keys }: Segment, signal: AbortSignal): Promise<void> {
    await this.#proveLock(signal)
    if (keys !== null) await this.#put(`files/${hash('sha256', keys, 'hex')}/keys.age`, keys, signal)
    const lines = `events/${spelled(from)}-${spelled(to)}`
    await this.#put(`${lines}.${sha256}.jsonl`, bytes, signal)
    failpoint('bucket.mid-segment')
    const note = Buffer.from(checkpoint, 'utf8')
    await this.#put(`${lines}.${hash('sha256', note, 'hex')}.checkpoint`, note, signal)
    if (offset === this.#sentBytes) this.#sentBytes += bytes.length
  }

  async ship(dir: string, files: readonly string[], signal: AbortSignal): Promise<Shipped> {
    await this.#proveLock(signal)
    for (const name of files) {
      const file = path.join(dir, name)
      if (name === EVENTS && (await stat(file)).size === this.#sentBytes) continue
      await this.#shipFile(name, file, signal)
    }
    return { url: null, pageUrl: null }
  }

  /** A server that does not know locks would take the headers and keep nothing: it has to say that the bucket locks. */
  async #proveLock(signal: AbortSignal): Promise<void> {
    const { lock, name } = this.#options.address
    if (lock === null || this.#isLockProven) return
    const answer = await this.#client({ method: 'GET', object: '', query: { 'object-lock': '' } }, signal)
    if (!/<ObjectLockEnabled>Enabled<\/ObjectLockEnabled>/.test(answer.body.toString('utf8')))
      throw new SallyportError('RECORDING_FAILED', `${name} does not lock what is put there`, {
        why: 'its server did not say that Object Lock is enabled for the bucket',
        fix: 'make a bucket with Object Lock, or take lock= and days= out of the address',
      })
    this.#isLockProven = true
  }

  async #shipFile(name: string, file: string, signal: AbortSignal): Promise<void> {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      if (size <= PART_BYTES) {
        const bytes = await read(handle, 0, size)
        await this.#put(`files/${hash('sha256', bytes, 'hex')}/${name}`, bytes, signal)
      } else await this.#putParts(`files/${await digestOf(handle, size)}/${name}`, handle, size, signal)
    } finally {
      await handle.close()
    }
  }

  /** 412: it is there already, and its name says that it is the same. */
  async #put(object: string, body: Buffer, signal: AbortSignal): Promise<void> {
    const headers = { ...this.#lockHeaders(), 'if-none-match': '*', 'content-type': 'application/octet-stream' }
    await this.#client({ method: 'PUT', object: this.#base + object, headers, body, accept: [412] }, signal)
  }

  async #putParts(object: string, handle: FileHandle, size: number, signal: AbortSignal): Promise<void> {
    const name = this.#base + object
    const headers = { ...this.#lockHeaders(), 'content-type': 'application/octet-stream' }
    const begun = await this.#client({ method: 'POST', object: name, query: { uploads: '' }, headers }, signal)
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun.body.toString('utf8'))?.[1]
    if (uploadId === undefined)
      throw new SallyportError('RECORDING_FAILED', `${this.#options.address.name} did not begin an upload in parts`)
    try {
      const parts: string[] = []
      for (let at = 0; at < size; at += PART_BYTES) {
        const body = await read(handle, at, Math.min(PART_BYTES, size - at))
        const partNumber = String(parts.length + 1)
        const { headers: said } = await this.#client({ method: 'PUT', object: name, query: { partNumber, uploadId }, body }, signal)
        parts.push(`<Part><PartNumber>${partNumber}</PartNumber><ETag>${said['etag'] ?? ''}</ETag></Part>`)
      }
      const body = Buffer.from(
        `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`,
      )
      await this.#client({ method: 'POST', object: name, query: { uploadId }, body }, signal)
      await this.#retain(name, signal)
    } catch (error) {
      // Parts that belong to nothing cost money; where even this fails, the first failure is what is said.
      await this.#client({ method: 'DELETE', object: name, query: { uploadId } }, AbortSignal.timeout(5_000)).catch(() => {})
      throw error
    }
  }

  /** Some servers forget the lock that an upload in parts began with, so it is said again for the whole. */
  async #retain(object: string, signal: AbortSignal): Promise<void> {
    const { lock } = this.#options.address
    if (lock === null) return
    const until = this.#lockHeaders()['x-amz-object-lock-retain-until-date'] ?? ''
    const body = Buffer.from(
      `<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>${lock.mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`,
    )
    await this.#client({ method: 'PUT', object, query: { retention: '' }, body }, signal)
  }

  #lockHeaders(): Record<string, string> {
    const { address, clock } = this.#options
    if (address.lock === null) return {}
    const until = new Date(clock.now().getTime() + address.lock.days * DAY_MS)
    return { 'x-amz-object-lock-mode': address.lock.mode, 'x-amz-object-lock-retain-until-date': until.toISOString() }
  }
}

/** Numbers of lines so that names sort as the lines do. */
function spelled(line: number): string {
  return String(line).padStart(12, '0')
}

async function read(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
  if (bytesRead !== length) throw new SallyportError('RECORDING_FAILED', 'a file of the recording became shorter while it was shipped')
  return buffer
}

async function digestOf(handle: FileHandle, size: number): Promise<string> {
  const digest = createHash('sha256')
  for (let at = 0; at < size; at += PART_BYTES) digest.update(await read(handle, at, Math.min(PART_BYTES, size - at)))
  return digest.digest('hex')
}
