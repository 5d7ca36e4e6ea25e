// Random queries over a table with canaries in two columns, through the engine: whatever comes back, no canary is in it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assert as check, asyncProperty, boolean } from 'fast-check'
import { resultMaskDeskFor } from '../../../gateway/engine/postgres/result-mask-desk.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { writeExecute, writeParse, writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { frontend } from '../../../gateway/wire/postgres/message-type.ts'
import { int16, message } from '../../../gateway/wire/postgres/message-writer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { maskRule, someConnection, someIdentity } from '../../mask/samples.ts'
import { gatewayThat } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { randomStatement, schemaOfRandom } from './random-statements.ts'
import { RawClient } from './raw-client.ts'

/** Letters that appear nowhere else, so that a part of a canary gives it away too. */
const CANARIES = ['QZXW-AAAA', 'QZXW-BBBB', 'JVKF-CCCC', 'JVKF-DDDD']
const MARKS = ['qzxw', 'jvkf']

/** SALLYPORT_RANDOM_RUNS=100000 for a long search, at most SALLYPORT_RANDOM_MS long: it ends with how many there were. */
const runs = Number(process.env['SALLYPORT_RANDOM_RUNS'] ?? 60)
const longMs = Number(process.env['SALLYPORT_RANDOM_MS'] ?? 3_000_000)

describe('random queries over masked columns', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let client: RawClient
  let answered = 0
  let errors = 0

  before(async () => {
    server = await startPostgres()
    const database = await server.createDatabase(schemaOfRandom)
    const columns = ['mail', 'ssn'].map(column => ({ schema: 'public', table: 't', column }))
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      masker: maskerFor([maskRule({ columns })], Buffer.alloc(32, 3))(someIdentity, someConnection),
      engine: { maskDeskFor: resultMaskDeskFor },
    })
    client = await RawClient.logIn(gateway.login)
  })
  after(async () => {
    client.close()
    await gateway.stop()
    await server.stop()
  })

  it('sees a canary where nothing is masked', async () => {
    const direct = await RawClient.logIn({
      port: server.port,
      user: server.user,
      password: server.password,
      database: gateway.login.database,
    })
    assert.ok(leakOf(await answerOf(direct, 'SELECT reverse(mail) FROM t')))
    direct.close()
  })

  it('never gets a canary, whole or in part, in any message', async () => {
    await check(
      asyncProperty(randomStatement, boolean(), async (sql, isBinary) => {
        const bytes = await answerOf(client, `BEGIN; ${sql}`)
        await answerOf(client, 'ROLLBACK')
        const extended = sql.includes('; ') ? bytes : await extendedAnswerOf(client, sql, isBinary ? 1 : 0)
        if (bytes.includes('SERROR\0')) errors += 1
        else answered += 1
        assert.equal(leakOf(bytes) ?? leakOf(extended), null, sql)
      }),
      { numRuns: runs, ...(runs > 1000 ? { interruptAfterTimeLimit: longMs, markInterruptAsFailure: false } : {}) },
    )
    if (runs > 1000) process.stdout.write(`${answered} of the statements were answered, ${errors} failed or were refused\n`)
    // A long search may end before all of them ran.
    const ran = runs > 1000 ? answered + errors : runs
    assert.ok(answered > ran / 4, `only ${answered} of the random statements were answered, ${errors} failed`)
  })
})

/** Parse, Bind, Execute without Describe, in a transaction that is rolled back. */
async function extendedAnswerOf(client: RawClient, sql: string, format: 0 | 1): Promise<Buffer> {
  client.send(writeQuery('BEGIN'))
  await untilReady(client)
  client.send(
    writeParse('', sql),
    message(frontend.bind, ['', '', int16(0), int16(0), int16(1), int16(format)]),
    writeExecute(''),
    message(frontend.sync, []),
  )
  const bytes = await untilReady(client)
  client.send(writeQuery('ROLLBACK'))
  return Buffer.concat([bytes, await untilReady(client)])
}

async function answerOf(client: RawClient, sql: string): Promise<Buffer> {
  client.send(writeQuery(sql))
  return untilReady(client)
}

async function untilReady(client: RawClient): Promise<Buffer> {
  const messages: Buffer[] = []
  for (;;) {
    const { type, bytes } = await client.next()
    messages.push(bytes)
    if (type === 'Z') return Buffer.concat(messages)
  }
}

/** The mark that shows, forwards or backwards, in any case; md5 of a whole canary counts too. */
function leakOf(bytes: Buffer): string | null {
  const text = bytes.toString('latin1').toLowerCase()
  const marks = [
    ...MARKS,
    ...MARKS.map(mark => Array.from(mark).toReversed().join('')),
    ...CANARIES.map(canary => canary.toLowerCase().slice(0, 7)),
  ]
  return marks.find(mark => text.includes(mark)) ?? null
}
