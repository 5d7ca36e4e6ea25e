// Patterns in cells of every type, both formats, as a real server sends them: what is found is covered, and the cell stays valid.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { readDataRow } from '../../../gateway/wire/postgres/backend.ts'
import { writeExecute, writeParse } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { frontend } from '../../../gateway/wire/postgres/message-type.ts'
import { int16, message } from '../../../gateway/wire/postgres/message-writer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { maskRule, someConnection, someIdentity } from '../../mask/samples.ts'
import { gatewayThat } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { RawClient } from './raw-client.ts'

const CARD = '4111111111111111'
const MAIL = 'ada@host.example'

/** An expression of each type that holds a card or an address, and what must be left of it in text format; null = NULL. */
const cells: readonly (readonly [expression: string, shown: string | null])[] = [
  [`'pay ${CARD} now'::text`, 'pay [redacted] now'],
  [`'${MAIL}'::varchar(40)`, '[redacted]'],
  [`'${MAIL}'::char(20)`, '[redacted]    '],
  [`'${MAIL}'::name`, '[redacted]'],
  [`'${CARD}'::int8`, null],
  [`'${CARD}'::numeric`, null],
  [`'${CARD}.25'::numeric(30,2)`, null],
  [`'${MAIL}'::bytea`, `\\x${Buffer.from('[redacted]').toString('hex')}`],
  [`'{"a": {"b": ["${MAIL}", ${CARD}]}}'::json`, '{"a": {"b": ["[redacted]", "[redacted]"]}}'],
  [`'{"a": {"b": ["x \\u0061da@host.example"]}}'::json`, '{"a": {"b": ["x [redacted]"]}}'],
  [`'{"${MAIL}": ${CARD}}'::jsonb`, '{"[redacted]": "[redacted]"}'],
  [`ARRAY['a', '${MAIL}', 'b c']`, '{a,"[redacted]","b c"}'],
  [`ARRAY[['x', '${CARD}'], ['y', NULL]]`, '{{x,"[redacted]"},{y,NULL}}'],
  [`ARRAY[${CARD}, 1]::int8[]`, '{"[redacted]",1}'],
  [`ROW(1, '${MAIL}', 'a "b"')`, '(1,"[redacted]","a ""b""")'],
  [`ARRAY[ROW(1, '${MAIL}')]`, null],
  [`xmlelement(name a, '${MAIL}')`, '<a>[redacted]</a>'],
  [`'[${CARD},${CARD}]'::int8range`, null],
  [`to_tsvector('simple', '${MAIL}')`, null],
  [`jsonb_build_array('${MAIL}')::text`, '["[redacted]"]'],
]

describe('patterns in cells', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let client: RawClient

  before(async () => {
    server = await startPostgres()
    const database = await server.createDatabase()
    const patterns = ['credit-card', 'email'].map(name => ({ kind: 'builtin' as const, name }))
    gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      masker: maskerFor([maskRule({ patterns })], Buffer.alloc(32, 3))(someIdentity, someConnection),
    })
    client = await RawClient.logIn(gateway.login)
  })
  after(async () => {
    client.close()
    await gateway.stop()
    await server.stop()
  })

  async function cellOf(expression: string, format: 0 | 1): Promise<Buffer | null> {
    client.send(
      writeParse('', `SELECT ${expression} AS it, 'kept'`),
      message(frontend.bind, ['', '', int16(0), int16(0), int16(1), int16(format)]),
      writeExecute(''),
      message(frontend.sync, []),
    )
    const answers = await client.until('Z')
    const row =
      answers.find(({ type }) => type === 'D') ??
      assert.fail(`${expression}: ${answers.map(({ bytes }) => bytes.toString('latin1')).join()}`)
    const [cell, kept] = readDataRow(row.bytes, 0, row.bytes.length)
    assert.equal(kept?.toString(), 'kept')
    return cell ?? null
  }

  for (const [expression, shown] of cells) {
    it(`are covered in ${expression}`, async () => {
      const text = (await cellOf(expression, 0))?.toString() ?? null
      assert.ok(text === null || (!text.includes(CARD) && !text.includes(MAIL)), text ?? '')
      if (shown !== null) assert.equal(text, shown)
      else if (!/range|tsvector|ROW/.test(expression)) assert.equal(text, null)
      const binary = await cellOf(expression, 1)
      if (binary === null) return
      assert.ok(!binary.includes(MAIL) && !binary.includes(CARD), binary.toString('latin1'))
      assert.notDeepEqual(binary, Buffer.from('00038d7ea4c68000', 'hex'))
    })
  }

  it('leave numbers that are no cards, and bytes that are no text, as they are', async () => {
    assert.equal((await cellOf(`'4111111111111112'::int8`, 1))?.readBigInt64BE(0), 4111111111111112n)
    assert.equal((await cellOf(`'4111111111111112'::numeric`, 0))?.toString(), '4111111111111112')
    assert.deepEqual(await cellOf(`'\\x00ff4140'::bytea`, 1), Buffer.from('00ff4140', 'hex'))
    assert.equal((await cellOf(`'\\x00ff4140'::bytea`, 0))?.toString(), '\\x00ff4140')
  })

  it('are covered in the escaped form of bytes, in COPY, in notifications and in words of errors', async () => {
    const send = async (sql: string): Promise<string> => {
      client.send(message(frontend.query, [sql]))
      return Buffer.concat((await client.until('Z')).map(({ bytes }) => bytes)).toString('latin1')
    }
    await send('SET bytea_output = escape')
    const answers = [
      await send(`SELECT 'x ${MAIL}'::bytea`),
      await send(`COPY (SELECT '{"a": ${CARD}}'::jsonb, ARRAY['${MAIL}'], '${MAIL}'::bytea) TO STDOUT`),
      await send(`COPY (SELECT 'a,"${MAIL}"', 1) TO STDOUT (FORMAT csv)`),
      await send(`LISTEN n; NOTIFY n, 'to ${MAIL}'`),
      await send(`SELECT '${MAIL}'::int`),
      await send(`DO $$ BEGIN RAISE NOTICE 'for %', '${MAIL}'; END $$`),
    ]
    for (const answer of answers) assert.ok(!answer.includes(MAIL) && !answer.includes(CARD), answer)
    assert.match(answers[1] ?? '', /"a": "\[redacted\]"/)
  })
})
