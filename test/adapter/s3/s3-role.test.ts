// `role=` of an S3 sink: keys of a role that a token of this workflow may assume, renewed before they expire.
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { readS3Address } from '../../../gateway/adapter/s3/s3-address.ts'
import { openKeySource } from '../../../gateway/adapter/s3/s3-credentials.ts'
import { openS3Sink } from '../../../gateway/adapter/s3/s3-sink.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import type { Segment, Sink } from '../../../gateway/core/sink.ts'
import { startS3 } from '../../../world/s3/server.ts'
import type { S3Server } from '../../../world/s3/server.ts'

const ARN = 'arn:aws:iam::123456789012:role/audit'
const HOUR_MS = 3_600_000
const never = new AbortController().signal

let s3: S3Server
/** Audiences of the tokens that were asked for. */
let audiences: string[]
/** Time that has passed as far as keys are concerned. */
let passedMs: number

before(async () => {
  s3 = await startS3({
    role: { arn: ARN, lifeMs: HOUR_MS, now: () => Date.now() + passedMs, trusts: token => token === 'token-for-sts.amazonaws.com' },
  })
})
after(() => s3.stop())
beforeEach(() => {
  audiences = []
  passedMs = 0
})

describe('a sink with a role', () => {
  it('signs every request with the session of the role, got with one token for its audience, and no key of the environment', async () => {
    const [sink, before] = [sinkWith(ARN), s3.given.length]
    for (const n of [1, 2, 3]) await sink.shipSegment!(segmentOf(n), never)
    assert.deepEqual([audiences, s3.given.length - before], [['sts.amazonaws.com'], 1])
    // The server refuses a request whose session token is not the one that belongs to its key.
    assert.equal([...s3.objects.keys()].filter(name => name.startsWith('r/run-1/') && name.endsWith('.jsonl')).length, 3)
    assert.notEqual(s3.given.at(-1)!.sessionToken, null)
  })

  it('has new keys before the old ones are worth nothing', async () => {
    const [sink, before] = [sinkWith(ARN), s3.given.length]
    await sink.shipSegment!(segmentOf(11), never)
    passedMs = HOUR_MS - 5 * 60_000 - 2_000
    await sink.shipSegment!(segmentOf(12), never)
    assert.equal(s3.given.length - before, 1, 'renewed too early')
    passedMs += 3_000
    await sink.shipSegment!(segmentOf(13), never)
    assert.equal(s3.given.length - before, 2, 'not renewed in time')
    assert.equal(audiences.length, 2, 'each session is got with a token of its own')
  })

  it('is refused in words when its keys are worth nothing, and when the role does not trust the token', async () => {
    const sink = sinkWith(ARN)
    await sink.shipSegment!(segmentOf(21), never)
    s3.expireGiven()
    await assert.rejects(sink.shipSegment!(segmentOf(22), never), { code: 'RECORDING_FAILED' })
    const other = sinkWith('arn:aws:iam::123456789012:role/other')
    await assert.rejects(other.shipSegment!(segmentOf(23), never), (error: Error & { code: string; why: string }) => {
      assert.deepEqual([error.code, error.why], ['CREDENTIAL_UNAVAILABLE', 'the token service answered 403 AccessDenied'])
      return !JSON.stringify(error).includes('token-for')
    })
    assert.ok(![...s3.objects.keys()].some(name => name.includes('000000000023')))
  })
})

function sinkWith(role: string): Sink {
  const address = readS3Address(`s3://audit/r?role=${role}&endpoint=${encodeURIComponent(s3.endpoint)}`, 'us-east-1')
  const http = createHttp({}, { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) })
  const keys = openKeySource(address, {
    environment: { AWS_ACCESS_KEY_ID: s3.key.id, AWS_SECRET_ACCESS_KEY: s3.key.secret },
    idToken: audience => {
      audiences.push(audience)
      return Promise.resolve(new Secret(`token-for-${audience}`))
    },
    http,
    clock: { ...systemClock, now: () => new Date(Date.now() + passedMs) },
  })
  return openS3Sink({ address, run: 'run-1', keys, http, clock: systemClock })
}

function segmentOf(line: number): Segment {
  const bytes = Buffer.from(`{"seq":${line}}\n`)
  return { from: line, to: line, offset: 0, bytes, sha256: hash('sha256', bytes), checkpoint: `note ${line}\n`, keys: null }
}
