// A recording that does not get to its sinks: commands stop with 58030 and words, and run again once it has.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { systemClock } from '../../../gateway/core/clock.ts'
import type { Segment, Sink } from '../../../gateway/core/sink.ts'
import { openRunLog } from '../../../gateway/record/run-log.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { openingOf, origin, temporaryFolder } from '../../record/recordings.ts'
import { gatewayThat } from './gateway-that.ts'

const MOST = 500
const never = new AbortController().signal

describe('a recording that does not get to its sinks', () => {
  let server: PostgresServer
  let database: string
  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase('CREATE TABLE marks (mark text)')
  })
  after(() => server.stop())

  it('stops commands with 58030, in every session; after it has got there they run again, and every one that ran is recorded', async () => {
    const { dir, remove } = temporaryFolder()
    const sinks = [new FlakySink('file:///one'), new FlakySink('s3://two')] as const
    const shipping = { segmentBytes: 500, segmentMs: 5, behindBytes: 20_000, firstPauseMs: 2, longestPauseMs: 4 }
    const log = openRunLog({ dir: path.join(dir, 'rec'), origin, clock: systemClock, sinks, shipping })
    log.commit(null, [openingOf(log.key)], 'synced')
    const gateway = await gatewayThat({ target: { port: server.port, user: server.user, password: server.password, database }, log })
    try {
      for (const sink of sinks) sink.isDown = true
      const first = await insertUntilTold(gateway.login, 'a')
      assert.equal(first.code, '58030')
      assert.match(first.message, /the recording does not get to file:\/\/\/one, s3:\/\/two/)
      assert.ok(first.ran > 5 && first.ran < MOST, `${first.ran} commands ran`)
      const second = await insertUntilTold(gateway.login, 'b')
      assert.deepEqual([second.code, second.ran], ['58030', 0])

      // One that keeps up is enough.
      sinks[1].isDown = false
      await log.shipped(sinks[1], never)
      const third = await insertUntilTold(gateway.login, 'c', 20)
      assert.deepEqual([third.code, third.ran], ['', 20])
      sinks[0].isDown = false
      await Promise.all(sinks.map(sink => log.shipped(sink, never)))

      const rows = await server.query(database, 'SELECT mark FROM marks')
      const events = readFileSync(path.join(dir, 'rec', 'events.jsonl'), 'utf8')
      assert.equal(rows.length, first.ran + 20)
      for (const [mark] of rows) assert.ok(events.includes(`'${mark ?? ''}'`), `${mark ?? ''} ran and is not recorded`)
      assert.ok(!events.includes("VALUES ('b0')"), 'a command that did not run stands in the log')
      for (const sink of sinks) assert.equal(Buffer.concat(sink.got).toString(), events, sink.name)
    } finally {
      await gateway.stop()
      log.stopShipping()
      await log.seal({ reason: 'the test is over' })
      remove()
    }
  })
})

/** Takes each piece, or none. */
class FlakySink implements Sink {
  readonly name: string
  readonly got: Buffer[] = []
  isDown = false

  constructor(name: string) {
    this.name = name
  }

  ship(): Promise<{ url: null; pageUrl: null }> {
    return Promise.resolve({ url: null, pageUrl: null })
  }

  shipSegment({ bytes }: Segment): Promise<void> {
    if (this.isDown) return Promise.reject(new Error('down'))
    this.got.push(bytes)
    return Promise.resolve()
  }
}

/** One session that inserts until it is told off; '' as the code when it was not. */
async function insertUntilTold(
  login: { readonly port: number; readonly password: string; readonly database: string },
  name: string,
  most = MOST,
): Promise<{ code: string; message: string; ran: number }> {
  const client = new Client({ host: '127.0.0.1', user: 'anybody', ...login })
  client.on('error', () => undefined)
  await client.connect()
  let ran = 0
  try {
    for (; ran < most; ran += 1) await client.query(`INSERT INTO marks VALUES ('${name}${ran}')`)
    return { code: '', message: '', ran }
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    return { code, message, ran }
  } finally {
    await client.end().catch(() => undefined)
  }
}
