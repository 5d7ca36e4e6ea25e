// A run whose sinks fail all the time: a bucket whose server answers with errors and cuts connections, and a folder that fails before
// and after its work. `npm run faults` plays it large; the test plays it small.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { openFolderSink } from '../../gateway/adapter/folder/folder-sink.ts'
import { createHttp } from '../../gateway/adapter/https/https-client.ts'
import { readS3Address } from '../../gateway/adapter/s3/s3-address.ts'
import { openKeySource } from '../../gateway/adapter/s3/s3-credentials.ts'
import { openS3Sink } from '../../gateway/adapter/s3/s3-sink.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Clock } from '../../gateway/core/clock.ts'
import { Secret } from '../../gateway/core/secret.ts'
import type { Sink } from '../../gateway/core/sink.ts'
import { openRunLog } from '../../gateway/record/run-log.ts'
import { startS3 } from '../../world/s3/server.ts'
import { commandOf, openingOf, origin } from './recordings.ts'

const never = new AbortController().signal
/** Pauses are there, and short. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal) }
const faultKinds = [500, 503, 429, 'cut-before', 'cut-after'] as const

export interface FaultyRun {
  readonly lines: number
  readonly segments: number
  readonly bucketFaults: number
  readonly folderFaults: number
  readonly log: Buffer
  readonly inBucket: Buffer
  readonly inFolder: Buffer
  /** Files of the sealed recording that are not in both sinks as they are. */
  readonly unequal: readonly string[]
}

export async function playFaults(dir: string, sessions: number, events: number, faults: number): Promise<FaultyRun> {
  const s3 = await startS3()
  const [rec, audit] = [path.join(dir, 'rec'), path.join(dir, 'audit')]
  const address = readS3Address(`s3://audit/f?lock=compliance&days=1&endpoint=${encodeURIComponent(s3.endpoint)}`, 'us-east-1')
  const http = createHttp({}, hasty)
  const keys = openKeySource(address, {
    environment: { AWS_ACCESS_KEY_ID: s3.key.id, AWS_SECRET_ACCESS_KEY: s3.key.secret },
    idToken: () => Promise.resolve(new Secret('')),
    http,
    clock: systemClock,
  })
  const bucket = openS3Sink({ address, run: 'r', keys, http, clock: systemClock })
  const folder = failing(openFolderSink({ url: `file://${audit}`, run: 'r' }))
  const limits = { segmentBytes: 24 * 1024, segmentMs: 10, firstPauseMs: 1, longestPauseMs: 2 }
  const log = openRunLog({ dir: rec, origin, clock: hasty, sinks: [bucket, folder.sink], shipping: limits })
  let bucketFaults = 0
  const fault = (count: number): void => {
    for (let n = 0; n < count; n += 1) s3.failNext(faultKinds[Math.floor(Math.random() * faultKinds.length)] ?? 500)
    bucketFaults += count
  }
  try {
    log.commit(null, [openingOf(log.key)], 'synced')
    for (let session = 1; session <= sessions; session += 1) {
      fault(Math.ceil(faults / sessions))
      folder.fail(Math.ceil(faults / sessions))
      for (let n = 0; n < events; n += 2)
        log.commit(`s-${session}`, commandOf(log.nextCommand(), `SELECT ${session}, '${'x'.repeat(n % 300)}'`), 'written')
      log.commit(`s-${session}`, [{ kind: 'session.close', reason: 'over', commands: events, durationMs: 1 }], 'synced')
      // Every few sessions both have to catch up; what fails meanwhile fails while somebody waits.
      if (session % 10 === 0) await Promise.all([bucket, folder.sink].map(sink => log.shipped(sink, never)))
    }
    const { files } = await log.seal({ reason: 'finished' })
    const names = files.map(({ name }) => name)
    await Promise.all([log.shipped(bucket, never), log.shipped(folder.sink, never)])
    folder.fail(0)
    for (const sink of [bucket, folder.sink]) await again(() => sink.ship(rec, names, never))
    log.stopShipping()
    const pieces = [...s3.objects].filter(([name]) => /\/events\/.*\.jsonl$/.test(name)).toSorted(([a], [b]) => (a < b ? -1 : 1))
    const bucketed = (name: string): Buffer | undefined =>
      [...s3.objects].find(([object]) => object.includes('/files/') && object.endsWith(`/${name}`))?.[1].at(-1)?.bytes
    const unequal = names.filter(name => {
      const bytes = readFileSync(path.join(rec, name))
      const isInFolder = readFileSync(path.join(audit, 'r', name)).equals(bytes)
      return !isInFolder || (name !== 'events.jsonl' && bucketed(name)?.equals(bytes) !== true)
    })
    return {
      lines: log.lines,
      segments: pieces.length,
      bucketFaults,
      folderFaults: folder.failed(),
      log: readFileSync(path.join(rec, 'events.jsonl')),
      inBucket: Buffer.concat(pieces.map(([, versions]) => versions.at(-1)?.bytes ?? Buffer.alloc(0))),
      inFolder: readFileSync(path.join(audit, 'r', 'events.jsonl')),
      unequal,
    }
  } finally {
    await s3.stop()
  }
}

/** A sink that fails so many more times, mostly before and sometimes after it has done its work. */
function failing(sink: Sink): { readonly sink: Sink; readonly fail: (count: number) => void; readonly failed: () => number } {
  let [left, failed] = [0, 0]
  return {
    fail: count => void (left = count === 0 ? 0 : left + count),
    failed: () => failed,
    sink: {
      ...sink,
      shipSegment: async (segment, signal) => {
        const isFailing = left > 0
        if (isFailing) {
          left -= 1
          failed += 1
        }
        if (isFailing && failed % 4 !== 0) throw new Error('fails before')
        await sink.shipSegment?.(segment, signal)
        if (isFailing) throw new Error('fails after')
      },
    },
  }
}

async function again(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error
    }
  }
}
