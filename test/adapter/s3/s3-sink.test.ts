import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { readS3Address } from '../../../gateway/adapter/s3/s3-address.ts'
import { openKeySource } from '../../../gateway/adapter/s3/s3-credentials.ts'
import { openS3Sink } from '../../../gateway/adapter/s3/s3-sink.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import type { Sink } from '../../../gateway/core/sink.ts'
import { openRunLog } from '../../../gateway/record/run-log.ts'
import type { RunLog } from '../../../gateway/record/run-log.ts'
import { verifyRecording } from '../../../gateway/record/verify-recording.ts'
import { startS3 } from '../../../world/s3/server.ts'
import type { S3Server } from '../../../world/s3/server.ts'
import { auditor, commandOf, origin, tellStory, temporaryFolder } from '../../record/recordings.ts'

const LOCK = 'lock=compliance&days=400'
const soon = { segmentMs: 20, firstPauseMs: 5, longestPauseMs: 20 }
const never = new AbortController().signal
const noWait = { ...systemClock, sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(Math.min(ms, 5), signal) }

let root: string
let remove: () => void
let s3: S3Server
let count = 0
const logs: RunLog[] = []
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())
beforeEach(async () => {
  s3 = await startS3()
  count += 1
})
afterEach(async () => {
  await s3.stop()
  // Sealing ends the timers of a log.
  for (const log of logs.splice(0)) {
    log.stopShipping()
    await log.seal({ reason: 'the test is over' })
  }
})

describe('an S3 bucket with Object Lock', () => {
  it('gets a recording whose copy verifies, equal byte for byte, every object locked', async () => {
    const { sink, log, dir } = runWith(LOCK)
    tellStory(log)
    await log.shipped(sink, never)
    assert.ok(
      [...s3.objects.keys()].some(name => name.startsWith('sallyport/run-1/events/')),
      'nothing went out while the run went on',
    )
    log.commit('s-2', commandOf(log.nextCommand(), 'SELECT 2'), 'written')
    const report = await finishAndCopy(log, sink, dir)
    assert.equal(report.verdict, 'intact', report.wrong.join('; '))
    assert.match(report.checked.join('\n'), /the statement: digests of 4 files/)
    const { lockedUntil, mode } = [...s3.objects.values()][0]?.[0] ?? {}
    assert.equal(mode, 'COMPLIANCE')
    assert.ok(Math.abs((lockedUntil?.getTime() ?? 0) - Date.now() - 400 * 86_400_000) < 60_000)
    for (const [name, versions] of s3.objects) for (const { version } of versions) assert.equal(s3.removeVersion(name, version), 403, name)
  })

  it('gets the keys of the auditors with the first lines, and nothing that can be read', async () => {
    const { sink, log, dir } = runWith(LOCK, { encryptTo: [auditor().recipient] })
    tellStory(log)
    await log.shipped(sink, never)
    assert.match([...s3.objects.keys()][0] ?? '', /\/keys\.age$/)
    const report = await finishAndCopy(log, sink, dir, { identities: auditor().identities })
    assert.equal(report.verdict, 'intact', report.wrong.join('; '))
    for (const [name, versions] of s3.objects) for (const { bytes } of versions) assert.ok(!bytes.includes('customers'), name)
  })

  it('has what was written until the gateway died, signed, and says INCOMPLETE', async () => {
    const { sink, log } = runWith(LOCK)
    tellStory(log)
    await log.shipped(sink, never)
    log.commit('s-2', commandOf(log.nextCommand(), 'SELECT 2'), 'written')
    await log.shipped(sink, never)
    const report = await verifyRecording(copy(), { key: log.key })
    assert.equal(report.verdict, 'incomplete')
    assert.equal(report.lines, log.lines)
    assert.doesNotMatch(report.unchecked.join('\n'), /nobody signed them/)
  })

  it('gets everything though the server answers with errors, cuts connections before and after its work, and is away for a while', async () => {
    for (const knowsConditions of [true, false]) {
      await s3.stop()
      s3 = await startS3({ knowsConditions })
      count += 1
      const { sink, log, dir } = runWith(LOCK)
      s3.failNext(503, 'cut-before', 200, 'cut-after', 500, 500, 500, 500, 'cut-after', 429)
      tellStory(log)
      await log.shipped(sink, never)
      s3.setDown(true)
      for (let number = 0; number < 50; number += 1)
        log.commit('s-2', commandOf(log.nextCommand(), `SELECT ${'x'.repeat(20_000)}`), 'written')
      const arrived = log.shipped(sink, never)
      s3.setDown(false)
      s3.failNext('cut-after', 503, 'cut-after')
      await arrived
      const report = await finishAndCopy(log, sink, dir)
      assert.equal(report.verdict, 'intact', report.wrong.join('; '))
    }
  })

  it('gets a large file in parts, and none of them when one fails for good', async () => {
    const { sink, dir } = runWith(LOCK)
    mkdirSync(path.join(dir, 'sessions'))
    const cast = randomBytes(17 * 1024 * 1024)
    writeFileSync(path.join(dir, 'sessions', 's-1.cast'), cast)
    await sink.ship(dir, ['sessions/s-1.cast'], never)
    const [name, versions] = [...s3.objects].find(([key]) => key.endsWith('/sessions/s-1.cast')) ?? []
    assert.ok(versions?.[0]?.bytes.equals(cast))
    assert.equal(s3.removeVersion(name ?? '', versions?.[0]?.version ?? ''), 403)
    const before = s3.objects.size
    writeFileSync(path.join(dir, 'sessions', 's-1.cast'), randomBytes(9 * 1024 * 1024))
    s3.failNext(200, 403)
    await assert.rejects(sink.ship(dir, ['sessions/s-1.cast'], never), { code: 'RECORDING_FAILED' })
    assert.equal(s3.objects.size, before)
  })

  it('stops commands while it gets nothing, writes down what came of those that ran, and lets them run again after', async () => {
    const { sink, log } = runWith(LOCK, { shipping: { ...soon, behindBytes: 200_000 } })
    tellStory(log)
    await log.shipped(sink, never)
    s3.setDown(true)
    const ran: number[] = []
    const run = async (): Promise<void> => {
      for (let round = 0; round < 200; round += 1) {
        const number = log.nextCommand()
        log.commit('s-2', commandOf(number, 'x'.repeat(30_000)), 'written')
        ran.push(number)
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    }
    await assert.rejects(run(), { code: 'RECORDING_FAILED', message: /does not get to s3:\/\/audit\/sallyport/, fix: /run again/ })
    assert.ok(ran.length >= 3 && ran.length < 100, `${ran.length} ran`)
    log.commit('s-2', [{ kind: 'session.close', reason: 'the recording cannot be shipped', commands: ran.length, durationMs: 1 }], 'synced')
    assert.equal(log.hasFailed, false)
    s3.setDown(false)
    await log.shipped(sink, never)
    log.commit('s-3', commandOf(log.nextCommand(), 'SELECT 3'), 'written')
  })

  it('is refused at the first lines when its keys, its region or its lock are not right', async () => {
    const cases: [string, Record<string, string>, RegExp][] = [
      [LOCK, { AWS_SECRET_ACCESS_KEY: 'other' }, /403 SignatureDoesNotMatch/],
      [LOCK, { AWS_ACCESS_KEY_ID: 'AKOTHER' }, /403 InvalidAccessKeyId/],
      [LOCK, { AWS_SESSION_TOKEN: 'token' }, /403 InvalidToken/],
      [`${LOCK}&region=eu-west-1`, {}, /403 AuthorizationHeaderMalformed/],
    ]
    for (const [params, environment, why] of cases) {
      count += 1
      const { sink, log } = runWith(params, {}, environment)
      tellStory(log)
      await assert.rejects(log.shipped(sink, never, false), { code: 'RECORDING_FAILED', why })
    }
    assert.equal(s3.objects.size, 0)
    await s3.stop()
    s3 = await startS3({ hasLock: false })
    count += 1
    const { sink, log } = runWith(LOCK)
    tellStory(log)
    await assert.rejects(log.shipped(sink, never, false), { code: 'RECORDING_FAILED', why: /ObjectLockConfigurationNotFoundError/ })
    assert.equal(s3.objects.size, 0)
  })
})

describe('the address of a bucket', () => {
  it('is taken apart whole', () => {
    assert.deepEqual(readS3Address('s3://acme-audit/sallyport?lock=compliance&days=400', 'eu-central-1'), {
      name: 's3://acme-audit/sallyport',
      bucketUrl: 'https://acme-audit.s3.eu-central-1.amazonaws.com',
      prefix: 'sallyport/',
      region: 'eu-central-1',
      lock: { mode: 'COMPLIANCE', days: 400 },
      role: null,
      stsUrl: 'https://sts.eu-central-1.amazonaws.com',
    })
    assert.equal(readS3Address('s3://acme.audit', 'us-east-1').bucketUrl, 'https://s3.us-east-1.amazonaws.com/acme.audit')
    assert.equal(
      readS3Address('s3://audit/a/b/?endpoint=https://s3.internal:9000&region=x', 'us-east-1').bucketUrl,
      'https://s3.internal:9000/audit',
    )
  })

  it('is refused when anything in it is not known, not whole, or in the clear', () => {
    const wrong = [
      's3://A_B/x',
      's3://audit/../x',
      's3://audit/a b',
      's3://user:pass@audit/x',
      's3://audit/x?lock=compliance',
      's3://audit/x?days=4',
      's3://audit/x?lock=legal&days=4',
      's3://audit/x?lock=compliance&days=0',
      's3://audit/x?lock=compliance&days=4&days=5',
      's3://audit/x?retention=4',
      's3://audit/x?endpoint=http://s3.internal',
      's3://audit/x?endpoint=https://s3.internal/path',
      's3://audit/x?role=admin',
      's3://audit/x?region=',
    ]
    for (const text of wrong) assert.throws(() => readS3Address(text, 'us-east-1'), { code: 'POLICY_INVALID' }, text)
  })

  it('needs keys, or a role', () => {
    const parts = { idToken: () => Promise.resolve(new Secret('')), http: createHttp({}, systemClock), clock: systemClock }
    assert.throws(() => openKeySource(readS3Address('s3://audit/x', 'us-east-1'), { ...parts, environment: {} }), {
      code: 'CREDENTIAL_UNAVAILABLE',
    })
  })
})

function runWith(
  params: string,
  options: Partial<Parameters<typeof openRunLog>[0]> = {},
  environment: Record<string, string> = {},
): { sink: Sink; log: RunLog; dir: string } {
  const dir = path.join(root, `run-${count}`)
  const address = readS3Address(`s3://audit/sallyport?${params}&endpoint=${encodeURIComponent(s3.endpoint)}`, 'us-east-1')
  const http = createHttp({}, noWait)
  const keys = openKeySource(address, {
    environment: { AWS_ACCESS_KEY_ID: s3.key.id, AWS_SECRET_ACCESS_KEY: s3.key.secret, ...environment },
    idToken: () => Promise.reject(new Error('no token is needed')),
    http,
    clock: systemClock,
  })
  const sink = openS3Sink({ address, run: 'run-1', keys, http, clock: systemClock })
  const log = openRunLog({ dir, origin, clock: systemClock, sinks: [sink], shipping: soon, ...options })
  logs.push(log)
  return { sink, dir, log }
}

async function finishAndCopy(
  log: RunLog,
  sink: Sink,
  dir: string,
  options: Parameters<typeof verifyRecording>[1] = {},
): ReturnType<typeof verifyRecording> {
  const sealed = await log.seal({ reason: 'finished' })
  await log.shipped(sink, never)
  const names = sealed.files.map(({ name }) => name)
  await sink.ship(dir, names, never)
  log.stopShipping()
  const copied = copy()
  assert.ok(!s3.requests.some(request => /PUT .*files\/.*\/events\.jsonl/.test(request)), 'the log went out twice')
  const pieces = [...s3.objects].filter(([name]) => name.endsWith('.jsonl')).toSorted(([a], [b]) => (a < b ? -1 : 1))
  assert.ok(
    Buffer.concat(pieces.map(([, versions]) => versions.at(-1)?.bytes ?? Buffer.alloc(0))).equals(
      readFileSync(path.join(dir, 'events.jsonl')),
    ),
  )
  for (const name of names.filter(each => each !== 'events.jsonl')) {
    const versions = [...s3.objects].find(([key]) => key.endsWith(`/${name}`) && key.includes('/files/'))?.[1]
    assert.ok(versions?.at(-1)?.bytes.equals(readFileSync(path.join(dir, name))), name)
  }
  return verifyRecording(copied, { key: log.key, ...options })
}

/** What `aws s3 sync` would make of the bucket. */
function copy(): string {
  const target = path.join(root, `copy-${count}`)
  for (const [name, versions] of s3.objects) {
    const file = path.join(target, name.replace('sallyport/run-1/', ''))
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, versions.at(-1)?.bytes ?? '')
  }
  return target
}
