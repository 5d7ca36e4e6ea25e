// What `sallyport doctor` says of the roles of masked connections: it logs in where it has the credential, and prints what a run would warn of.
import assert from 'node:assert/strict'
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { doctor } from '../../cli/doctor.ts'
import type { Io } from '../../cli/io.ts'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startPostgres, type PostgresServer } from '../../world/postgres/server.ts'

const script = path.resolve(import.meta.dirname, '../../gateway/main.ts')
const password = 'canary-of-the-doctor'
const passwords = { PASSWORD_PLAIN: password, PASSWORD_WIDE: password, PASSWORD_BOSS: password }

describe('doctor on masks', () => {
  let server: PostgresServer
  let issuer: Issuer
  let database: string
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sallyport-doctor-'))

  before(async () => {
    ;[server, issuer] = await Promise.all([startPostgres(), startIssuer()])
    database = await server.createDatabase(`
CREATE ROLE plain LOGIN PASSWORD '${password}'; CREATE ROLE wide LOGIN PASSWORD '${password}'; CREATE ROLE boss LOGIN PASSWORD '${password}';
GRANT pg_read_all_data TO wide;
CREATE TABLE people (id int, name text, email text); ALTER TABLE people OWNER TO boss; GRANT SELECT (id, name) ON people TO plain`)
  })
  after(async () => {
    await Promise.all([server.stop(), issuer.stop()])
    rmSync(folder, { recursive: true, force: true })
  })

  interface Said {
    readonly status: number
    readonly lines: readonly string[]
    readonly words: string
  }

  async function saidOf(users: readonly string[], environment: Readonly<Record<string, string>>, more = ''): Promise<Said> {
    const config = path.join(folder, 'sallyport.yml')
    const connections = users.map(
      user =>
        `  ${user}-db: { protocol: postgres, address: "127.0.0.1:${server.port}", database: ${database}, user: ${user}, tls: disable, credential: "env://PASSWORD_${user.toUpperCase()}", groups: [all] }`,
    )
    writeFileSync(
      config,
      `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { all: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
${connections.join('\n')}
rules: [{ name: reads, sql: { effects: [read] }, then: allow }]
masks: [{ name: pii, columns: [public.people.email${more}], with: redact, unless: [all] }]
`,
    )
    let stdout = ''
    let stderr = ''
    const io: Io = { stdout: text => (stdout += text), stderr: text => (stderr += text), isTty: false, environment }
    const status = await doctor({ config }, script, io)
    assert.ok(!`${stdout}${stderr}`.includes(password))
    return { status, lines: stdout.split('\n').filter(line => / E26 |^ +fix: /.test(line)), words: stderr }
  }

  it('logs in with what the policy names, tells each role in the words of a run with the grants that close it, and logs out', async () => {
    const { status, lines, words } = await saidOf(['plain', 'wide', 'boss'], passwords)
    assert.equal(status, 0)
    const [plain = '', wide = '', boss = '', ...rest] = lines
    assert.deepEqual(rest, [])
    assert.match(plain, /^✓ E26 {2}masks of plain-db: logged in/)
    assert.match(
      wide,
      /^! E26 {2}masks of wide-db: .*REVOKE pg_read_all_data FROM wide; GRANT SELECT \(id, name\) ON public\.people TO wide$/,
    )
    assert.match(boss, /^! E26 {2}masks of boss-db: .*boss owns public\.people.*; GRANT SELECT \(id, name\) ON public\.people TO boss$/)
    assert.equal(words, 'all checks passed, 2 warnings\n')
    await untilLoggedOut()
  })

  it('names columns that the policy masks and the database does not have', async () => {
    const { lines } = await saidOf(['plain'], passwords, ', public.people.emial')
    assert.match(lines[0] ?? '', /^! E26 .*public\.people\.emial, which is not there$/)
  })

  it('says what it did not check, and how to ask, where there is no credential, or one that is refused', async () => {
    const { status, lines } = await saidOf(['plain', 'wide'], { PASSWORD_WIDE: 'wrong' })
    assert.equal(status, 1, 'a credential is missing')
    const text = lines.join('\n')
    assert.match(text, /^- E26 {2}masks of plain-db: not checked: .*superuser.*env:\/\/PASSWORD_PLAIN.*\n +fix: .*SELECT current_user/m)
    assert.match(text, /^- E26 {2}masks of wide-db: not checked: .*password authentication failed/m)
    assert.doesNotMatch(text, /✓|!/)
  })

  /** A server forgets a session a moment after it ended. */
  async function untilLoggedOut(): Promise<void> {
    const open = "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('plain', 'wide', 'boss')"
    for (const until = performance.now() + 5_000; performance.now() < until; await sleep(20))
      if ((await server.query(database, open))[0]?.[0] === '0') return
    assert.fail('a login was left behind')
  }
})
