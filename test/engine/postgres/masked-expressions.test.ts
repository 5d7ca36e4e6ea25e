// Random queries over a table with canaries in two columns, through the engine: whatever comes back, no canary is in it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assert as check, asyncProperty, constantFrom, letrec, oneof, tuple } from 'fast-check'
import { resultMaskDeskFor } from '../../../gateway/engine/postgres/result-mask-desk.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { maskRule, someConnection, someIdentity } from '../../mask/samples.ts'
import { gatewayThat } from './gateway-that.ts'
import type { TestGateway } from './gateway-that.ts'
import { RawClient } from './raw-client.ts'

/** Letters that appear nowhere else, so that a part of a canary gives it away too. */
const CANARIES = ['QZXW-AAAA', 'QZXW-BBBB', 'JVKF-CCCC', 'JVKF-DDDD']
const MARKS = ['qzxw', 'jvkf']

const schema = `
CREATE TABLE t (id int PRIMARY KEY, plain text, mail text, ssn text);
INSERT INTO t VALUES (1, 'one', 'QZXW-AAAA', 'JVKF-CCCC'), (2, 'two', 'QZXW-BBBB', 'JVKF-DDDD');
CREATE TABLE u (id int, word text); INSERT INTO u VALUES (1, 'red'), (2, 'blue');
CREATE VIEW v AS SELECT id, plain AS p, mail || '!' AS m FROM t;
CREATE VIEW w AS SELECT id AS i, plain AS mail, ssn AS plain FROM t;
CREATE TABLE kid () INHERITS (t); INSERT INTO kid VALUES (3, 'three', 'QZXW-AAAA', 'JVKF-CCCC');
CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT mail FROM t WHERE id = $1 LIMIT 1';
CREATE FUNCTION twice(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || $1; END $$;
CREATE FUNCTION rows() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t';
`

/** A type, not an interface: only that has the index that letrec asks for. */
type Nodes = { readonly expression: string; readonly query: string; readonly from: string }

/** Text expressions over an item `a` that has, or has not, the columns named; a query gives one column. */
const { query, expression, from } = letrec<Nodes>(tie => {
  const column = constantFrom(
    'mail',
    'ssn',
    'plain',
    'a.mail',
    'a.plain',
    'a.ssn',
    '(a).mail',
    'mail(a)',
    'a::text',
    'a.*::text',
    'm',
    'p',
    'id::text',
    "'x'",
  )
  const inner = tie('expression')
  const from = oneof(
    { depthSize: 'small' },
    constantFrom(
      't a',
      't AS a(id, mail, plain, ssn)',
      'ONLY t a',
      'v a',
      'w a',
      'kid a',
      'rows() a',
      't a NATURAL JOIN u',
      't a JOIN u USING (id)',
      'u RIGHT JOIN t a ON true',
      't b JOIN t a USING (mail)',
    ),
    tie('query').map(inside => `(${inside}) AS a(mail)`),
    tuple(tie('query'), tie('query')).map(([one, other]) => `(${one}) AS b(x), LATERAL (${other}) AS a(plain)`),
  )
  return {
    from,
    expression: oneof(
      { depthSize: 'small', withCrossShrink: true },
      column,
      tuple(
        constantFrom(
          'upper',
          'reverse',
          'md5',
          'twice',
          'quote_literal',
          'to_json',
          'coalesce',
          'concat',
          'max',
          'string_agg',
          'row_to_json',
          'lag',
          'nosuch',
          'mail_of',
        ),
        inner,
      ).map(([name, argument]) =>
        name === 'string_agg'
          ? `string_agg((${argument})::text, ',')`
          : name === 'lag'
            ? `lag((${argument})::text, 0) OVER ()`
            : name === 'row_to_json'
              ? 'row_to_json(a)::text'
              : name === 'mail_of'
                ? 'mail_of(1)'
                : `${name}((${argument})::text)::text`,
      ),
      tuple(inner, constantFrom('||', '=', '<', 'IS NOT DISTINCT FROM'), inner).map(
        ([one, operator, other]) => `((${one})::text ${operator} (${other})::text)::text`,
      ),
      inner.map(one => `CASE WHEN (${one}) IS NULL THEN 'n' ELSE (${one})::text END`),
      inner.map(one => `((${one})::text)::int::text`),
      inner.map(one => `(ARRAY[(${one})::text])[1]`),
      inner.map(one => `(to_jsonb((${one})::text) #>> '{}')`),
      tie('query').map(inside => `(SELECT max(z::text) FROM (${inside}) AS q(z))`),
      tie('query').map(inside => `array_to_string(ARRAY(${inside}), ',')`),
    ),
    query: oneof(
      { depthSize: 'small', withCrossShrink: true },
      tuple(inner, tie('from')).map(([one, source]) => `SELECT ${one} FROM ${source}`),
      tuple(inner, tie('from'), inner).map(
        ([one, source, condition]) => `SELECT DISTINCT (${one})::text FROM ${source} WHERE (${condition})::text <> ''`,
      ),
      tuple(tie('query'), constantFrom('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'), tie('query')).map(
        ([one, operator, other]) => `(${one}) ${operator} (${other})`,
      ),
      tuple(tie('query'), inner).map(([one, other]) => `WITH a(mail) AS (${one}) SELECT ${other} FROM a`),
      tie('query').map(
        one =>
          `WITH RECURSIVE r(i, x) AS (SELECT 1, z::text FROM (${one}) AS q(z) UNION ALL SELECT i + 1, x FROM r WHERE i < 2) SELECT x FROM r`,
      ),
    ),
  }
})

const statement = oneof(
  { weight: 6, arbitrary: query },
  {
    weight: 1,
    arbitrary: tuple(expression, expression, from).map(([one, other, source]) => `SELECT *, ${one}, ${other} AS plain FROM ${source}`),
  },
  { weight: 1, arbitrary: query.map(one => `COPY (${one}) TO STDOUT`) },
  { weight: 1, arbitrary: query.map(one => `COPY (${one}) TO STDOUT (FORMAT csv, HEADER)`) },
  { weight: 1, arbitrary: query.map(one => `EXPLAIN (ANALYZE, VERBOSE) ${one}`) },
  { weight: 1, arbitrary: query.map(one => `INSERT INTO u SELECT 9, z::text FROM (${one}) AS q(z) RETURNING word`) },
  { weight: 1, arbitrary: expression.map(one => `UPDATE t a SET plain = (${one})::text RETURNING plain, *`) },
  { weight: 1, arbitrary: query.map(one => `BEGIN; DECLARE c CURSOR FOR ${one}; FETCH ALL c; ROLLBACK`) },
  { weight: 1, arbitrary: query.map(one => `CREATE TEMP TABLE made AS ${one}; SELECT * FROM made; DROP TABLE made`) },
)

describe('random queries over masked columns', () => {
  let server: PostgresServer
  let gateway: TestGateway
  let client: RawClient
  let answered = 0
  let errors = 0

  before(async () => {
    server = await startPostgres()
    const database = await server.createDatabase(schema)
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
      asyncProperty(statement, async sql => {
        const bytes = await answerOf(client, `BEGIN; ${sql.startsWith('BEGIN; ') ? sql.slice(7) : sql}`)
        await answerOf(client, 'ROLLBACK')
        if (bytes.includes('C')) answered += 1
        if (bytes.includes('ERROR')) errors += 1
        assert.equal(leakOf(bytes), null, sql)
      }),
      { numRuns: 120 },
    )
    assert.ok(answered > 30, `only ${answered} of the random statements were answered, ${errors} failed`)
  })
})

async function answerOf(client: RawClient, sql: string): Promise<Buffer> {
  client.send(writeQuery(sql))
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
