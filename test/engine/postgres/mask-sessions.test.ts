// Masks over the life of a session: cursors and portals that keep their meaning, tables that others change, what other sessions say.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { MaskRule } from '../../../gateway/core/mask-rule.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { writeBind, writeExecute, writeParse, writeQuery } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { maskRule, someConnection, someIdentity } from '../../mask/samples.ts'
import type { MemoryRecorder } from '../../session/memory-recorder.ts'
import { gatewayThat } from './gateway-that.ts'
import { RawClient, fieldsOf } from './raw-client.ts'
import type { Message } from './raw-client.ts'

const schema = `
CREATE TABLE people (id int PRIMARY KEY, name text, email text, card text);
INSERT INTO people VALUES (1, 'Ada', 'canary-1@leak.example', '4111222233334444');
CREATE SCHEMA other; CREATE TABLE other.people (id int, name text, email text, card text);
INSERT INTO other.people VALUES (2, 'Bob', 'free@public.example', '');
CREATE TABLE letters (id int PRIMARY KEY, to_email text);
`
const email = { schema: 'public', table: 'people', column: 'email' }
const card = { schema: 'public', table: 'people', column: 'card' }
const sync = Buffer.from([0x53, 0, 0, 0, 4])

describe('masks of a session', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  interface Stage {
    readonly recorder: MemoryRecorder
    readonly client: RawClient
    readonly database: string
    /** Everything that came back, as one text. */
    readonly run: (sql: string) => Promise<string>
    /** `run` of another session of the same gateway. */
    readonly logInAgain: () => Promise<Stage['run']>
    readonly send: (...messages: readonly Buffer[]) => Promise<readonly Message[]>
  }

  async function staged(rules: readonly Partial<MaskRule>[], play: (stage: Stage) => Promise<void>): Promise<void> {
    const database = await server.createDatabase(schema)
    const gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      masker: maskerFor(rules.map(maskRule), Buffer.alloc(32, 3))(someIdentity, someConnection),
    })
    const clients: RawClient[] = []
    const logIn = async (): Promise<Pick<Stage, 'client' | 'send' | 'run'>> => {
      const client = await RawClient.logIn(gateway.login)
      clients.push(client)
      const send: Stage['send'] = async (...messages) => {
        client.send(...messages)
        const answers: Message[] = []
        for (;;) {
          const message = await client.next()
          answers.push(message)
          if (message.type === 'Z') return answers
        }
      }
      return { client, send, run: async sql => textOf(await send(writeQuery(sql))) }
    }
    try {
      await play({ ...(await logIn()), database, recorder: gateway.recorder, logInAgain: async () => (await logIn()).run })
    } finally {
      for (const client of clients) client.close()
      await gateway.stop()
      await server.dropDatabase(database)
    }
  }

  it('keep what a cursor of SQL meant when the protocol fetches from it under another path', () =>
    staged([{ columns: [email] }], async ({ run, send }) => {
      await run('BEGIN; DECLARE k CURSOR FOR SELECT upper(email) FROM people')
      await run('SET LOCAL search_path = other')
      const text = textOf(await send(writeExecute('k'), sync))
      assert.match(text, /SELECT 1|FETCH 1/)
      assert.doesNotMatch(text, /canary/i)
    }))

  it('keep what a portal meant when it was bound', () =>
    staged([{ columns: [email] }], async ({ run, send }) => {
      await run('BEGIN')
      await send(writeParse('s', 'SELECT upper(email), name FROM people'), writeBind('p', 's', []), sync)
      await run('SET LOCAL search_path = other')
      const text = textOf(await send(writeExecute('p'), sync))
      assert.match(text, /Ada/, 'other columns arrive')
      assert.doesNotMatch(text, /canary/i)
    }))

  it('describe a portal that was bound in an earlier batch, once', () =>
    staged([{ columns: [email] }], async ({ run, send }) => {
      await run('BEGIN')
      await send(writeParse('s', 'SELECT email, name FROM people'), writeBind('p', 's', []), sync)
      const answers = await send(writeExecute('p'), sync)
      assert.match(textOf(answers), /\[redacted\].*Ada/s)
      assert.deepEqual(
        answers.map(({ type }) => type),
        ['D', 'C', 'Z'],
      )
    }))

  it('stay on a column and a table that others have given another name', () =>
    staged([{ columns: [email] }], async ({ run, database }) => {
      assert.match(await run('SELECT email FROM people'), /redacted/)
      await server.query(database, 'ALTER TABLE people RENAME COLUMN email TO mail')
      await run('SELECT * FROM not_there_1')
      assert.match(await run('SELECT mail, name FROM people'), /redacted.*Ada/s)
      await server.query(database, 'ALTER TABLE people RENAME TO persons')
      await run('SELECT * FROM not_there_2')
      const text = await run("SELECT mail || '', mail, name FROM persons")
      assert.match(text, /redacted.*Ada/s)
      assert.doesNotMatch(text, /canary/)
    }))

  it('stay on rows that were filled from a masked column, for every session of the run, when what told so is gone', () =>
    staged([{ columns: [email] }], async ({ run, database, logInAgain }) => {
      await server.query(
        database,
        `CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM people WHERE id = $1';
         CREATE TABLE filled (id int, v text DEFAULT mail_of(1)); INSERT INTO filled(id) VALUES (1);
         CREATE UNIQUE INDEX ON people (email); CREATE TABLE refers (to_mail text REFERENCES people (email)); INSERT INTO refers VALUES ('canary-1@leak.example')`,
      )
      await run('SELECT * FROM not_there_1')
      assert.doesNotMatch(await run('SELECT v FROM filled; SELECT to_mail FROM refers'), /canary/)
      await run('ALTER TABLE filled ALTER v DROP DEFAULT')
      await run('ALTER TABLE refers DROP CONSTRAINT refers_to_mail_fkey')
      for (const ask of [run, await logInAgain()]) {
        assert.doesNotMatch(await ask("SELECT v || '' FROM filled; TABLE filled; SELECT to_mail FROM refers"), /canary/)
        assert.match(await ask('SELECT id FROM filled'), /SELECT 1/)
      }
    }))

  it('withhold a column that the catalog does not know yet', () =>
    staged([{ columns: [email] }], async ({ run, database }) => {
      await run('SELECT 1 FROM people')
      await server.query(database, "ALTER TABLE people DROP COLUMN email; ALTER TABLE people ADD email text DEFAULT 'canary-new'")
      assert.doesNotMatch(await run('SELECT * FROM people'), /canary/)
    }))

  it('give a key that refers to a masked column the same mask', () =>
    staged([{ columns: [email], with: { kind: 'hash' } }], async ({ run, database }) => {
      await server.query(
        database,
        `ALTER TABLE people ADD UNIQUE (email); ALTER TABLE letters ADD FOREIGN KEY (to_email) REFERENCES people(email);
         INSERT INTO letters VALUES (1, 'canary-1@leak.example')`,
      )
      await run('SELECT * FROM not_there')
      const [one] = /[0-9a-f]{32}/.exec(await run('SELECT email FROM people')) ?? []
      const text = await run('SELECT to_email FROM letters')
      assert.ok(one !== undefined && text.includes(one), 'equal values look equal')
      assert.doesNotMatch(text, /canary/)
    }))

  it('pass notifications of its own, and empty those of others and of triggers', () =>
    staged([{ columns: [email] }], async ({ run, database, send }) => {
      await server.query(
        database,
        `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('news', NEW.email); RETURN NEW; END $$;
         CREATE TRIGGER t AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tell()`,
      )
      await run('LISTEN news')
      assert.match(await run("NOTIFY news, 'job 17'"), /job 17/)
      await server.query(database, "NOTIFY news, 'canary of somebody'")
      const heard = await heardIn(send)
      assert.match(heard, /news/)
      assert.doesNotMatch(heard, /canary/)
      assert.doesNotMatch(await run("UPDATE people SET name = 'Eve'"), /canary/)
      assert.doesNotMatch(await heardIn(send), /canary/)
    }))

  describe('that show a part of a value', () => {
    for (const [kind, column, made] of [
      [{ kind: 'keep-last', count: 4 }, card, 'left(card, 8)'],
      [{ kind: 'keep-domain' }, email, "'x@' || replace(email, '@', '.')"],
      [{ kind: 'hash' }, email, 'left(email, 1)'],
    ] as const) {
      it(`${kind.kind} is given no part of it`, () =>
        staged([{ columns: [column], with: kind }], async ({ run }) => {
          const name = column.column
          assert.match(await run(`UPDATE people SET ${name} = ${made}`), /42501.*refused by mask/s)
          assert.match(await run(`INSERT INTO people(id, ${name}) SELECT 9, ${made} FROM people`), /refused by mask/)
          assert.match(await run(`UPDATE people SET ${name} = ${name}`), /UPDATE 1/, 'the value as it is may be written')
          assert.match(await run(`UPDATE people SET ${name} = 'a new one' WHERE id = 1`), /UPDATE 1/)
        }))
    }

    it('a mask that shows nothing takes any value made of its column', () =>
      staged([{ columns: [email] }], async ({ run }) => {
        assert.match(await run('UPDATE people SET email = lower(email)'), /UPDATE 1/)
      }))
  })

  describe('that refuse inference', () => {
    const refused = [
      "WHERE email = 'x'",
      "WHERE name = 'x' OR email LIKE 'c%'",
      'WHERE email IS NULL',
      'ORDER BY email',
      'GROUP BY email, name',
      "WHERE id IN (SELECT id FROM people WHERE email > 'm')",
      'WHERE email IN (SELECT email FROM people)',
      'LIMIT (SELECT length(email) FROM people)',
      'JOIN people b USING (email)',
      ', generate_series(1, length(email))',
      'GROUP BY name HAVING max(email) > name',
      'NATURAL JOIN (SELECT email FROM people) b',
    ]
    const computed = [
      'SELECT length(email) FROM people',
      'SELECT count(email) FROM people',
      "SELECT count(nullif(email, 'x')) FROM people",
      'SELECT DISTINCT email FROM people',
      'SELECT row_number() OVER (ORDER BY email) FROM people',
      'SELECT count(*) FILTER (WHERE email > card) FROM people',
      'SELECT email FROM people UNION SELECT name FROM people',
      'SELECT array_agg(name ORDER BY email) FROM people',
      'SELECT to_json(people) FROM people',
      "DELETE FROM people WHERE email LIKE 'c%'",
      "UPDATE people SET name = 'x' WHERE email = 'y'",
      "SELECT 1 FROM people WHERE card = 'x' OR email = 'y'",
    ]
    it('refuse conditions, order, grouping, counts, and values computed from the column', () =>
      staged(
        [
          { name: 'open', columns: [card] },
          { name: 'shut', columns: [email], inference: 'refuse' },
        ],
        async ({ run }) => {
          for (const sql of [...refused.map(tail => `SELECT name FROM people ${tail}`), ...computed]) {
            assert.match(await run(sql), /42501.*refused by mask/s, sql)
          }
        },
      ))

    it('let the column itself be shown as its mask, and written', () =>
      staged(
        [
          { name: 'open', columns: [card] },
          { name: 'shut', columns: [email], inference: 'refuse' },
        ],
        async ({ run }) => {
          assert.match(await run("SELECT * FROM people WHERE id = 1 AND card <> 'x' ORDER BY id"), /Ada.*redacted/s)
          assert.match(await run("INSERT INTO people VALUES (5, 'n', 'mine@x.example', 'c')"), /INSERT 0 1/)
          assert.match(await run('SELECT count(*), max(id) FROM people'), /SELECT 1/)
        },
      ))
  })

  it('leave words alone that speak of the text, or of tables that hold nothing masked', () =>
    staged([{ columns: [email] }], async ({ run, database }) => {
      await server.query(database, 'CREATE TABLE visits (id int REFERENCES letters(id))')
      assert.match(await run('SELECT * FROM not_there'), /relation "not_there" does not exist/)
      assert.match(await run('SELECT emial FROM people'), /column "emial" does not exist.*Perhaps you meant/s)
      assert.match(await run("SELECT nosuch('x'), email FROM people"), /function nosuch\(unknown\) does not exist/)
      assert.match(
        await run('SELECT email FROM people WHERE'),
        /could not be read may show masked columns \(.*syntax error at end of input/,
      )
      assert.match(await run('INSERT INTO visits VALUES (77)'), /Key \(id\)=\(77\) is not present in table "letters"/)
      assert.match(await run('SET statement_timeout = 20; SELECT email, pg_sleep(5) FROM people'), /due to statement timeout/)
      const failed = await run('INSERT INTO people VALUES (1)')
      assert.match(failed, /23505.*people_pkey/s, 'code and constraint stay')
      assert.doesNotMatch(failed, /already exists/)
    }))

  it('are recorded by rule, column and number of values, and nothing more', () =>
    staged([{ columns: [email] }, { name: 'shut', columns: [card], with: { kind: 'keep-last', count: 4 } }], async ({ run, recorder }) => {
      await run("SELECT email, card, name, upper(email) FROM people; COPY people TO STDOUT; SELECT 'x' WHERE false")
      const masks = recorder.of('mask')
      assert.deepEqual(
        masks.map(({ rule, column, values }) => [rule, column, values]),
        [
          ['pii', 'public.people.email', 1],
          ['shut', 'public.people.card', 1],
          ['pii', 'upper', 1],
          ['pii', 'column 3', 1],
          ['shut', 'column 4', 1],
        ],
      )
      const known = new Set(['seq', 'at', 'ms', 'session', 'kind', 'command', 'rule', 'column', 'values'])
      for (const mask of masks)
        assert.ok(
          Object.keys(mask).every(key => known.has(key)),
          Object.keys(mask).join(),
        )
      assert.doesNotMatch(JSON.stringify([...recorder.of('mask'), ...recorder.of('rows'), ...recorder.of('result')]), /canary|41112222/)
    }))

  it('that are lifted for a group say so in the recording, and show plain values', () =>
    staged([{ columns: [email], unless: ['release'] }], async ({ run, recorder }) => {
      assert.match(await run('SELECT email FROM people'), /canary-1/)
      assert.deepEqual(recorder.of('mask'), [])
      assert.match(JSON.stringify(recorder.of('session.open')), /"lifted":\["pii"\]/)
    }))

  /** What comes with the next answers, waiting for at most a few of them. */
  async function heardIn(send: Stage['send']): Promise<string> {
    let heard = ''
    for (let round = 0; round < 1_000 && !heard.includes('news'); round++) heard += textOf(await send(writeQuery('SELECT pg_sleep(0.02)')))
    return heard
  }
})

function textOf(answers: readonly Message[]): string {
  return answers
    .map(({ type, bytes }) =>
      type === 'E' ? [...fieldsOf(bytes).values()].join(' ') : bytes.toString('latin1', 5).replaceAll(/[^ -~]+/g, ' '),
    )
    .join('\n')
}
