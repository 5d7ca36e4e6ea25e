// Plays the SQL cases through the real engine in front of a fresh database each, under a compiled policy that allows only reading,
// the session's own affairs, transactions and filtered writes: what is dangerous must be refused and leave no trace, the rest be as direct.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import { RawClient } from '../engine/postgres/raw-client.ts'
import type { CaseRow } from './case-row.ts'
import { digestOf } from './database-digest.ts'
import type { SqlCase } from './sql-messages.ts'
import { send } from './sql-messages.ts'
import { everything, policyOf } from './sql-policy.ts'

const WORKERS = 3
const SILENCE_MS = 20_000
const filteredWrites = policyOf(
  '{ name: reads-and-filtered-writes, sql: { effects: [read, session, transaction, write], unfiltered: false }, then: allow }',
)

/** What came of a case in one place. */
interface Played {
  readonly answer: string
  readonly before: string
  readonly after: string
}

/** @param version major version of the server; null = the newest. */
export async function playSql(version: number | null): Promise<readonly CaseRow[]> {
  const [header, ...given] = linesOf('pg-bypass.jsonl')
  const cases = [...given, ...linesOf('pg-own.jsonl').slice(1)] as unknown as readonly SqlCase[]
  const server = await startPostgres(version === null ? {} : { version })
  try {
    const template = await server.createDatabase(String(header?.['schema_sql']))
    const rows: CaseRow[] = []
    const waiting = [...cases.entries()]
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        rows[next[0]] = await playOn(version, server, template, next[1])
      }
    }
    await Promise.all(Array.from({ length: WORKERS }, work))
    return rows
  } finally {
    await server.stop()
  }
}

/** On an older server: what it cannot hold is left out, and said to be. */
async function playOn(version: number | null, server: PostgresServer, template: string, one: SqlCase): Promise<CaseRow> {
  const leftOut: CaseRow = { id: one.id, expected: `${one.class}: left out`, got: 'needs a newer server', ok: true, note: '' }
  if (version !== null && (one.min_server ?? 0) > version) return leftOut
  try {
    return await playCase(server, template, one)
  } catch (error) {
    if (version !== null && error instanceof SetupFailed) return leftOut
    throw error
  }
}

/** What the database should hold cannot be made on this server. */
class SetupFailed extends Error {}

async function playCase(server: PostgresServer, template: string, one: SqlCase): Promise<CaseRow> {
  const played = await playThrough(server, template, one)
  const note = `${one.note === '' ? one.sql.slice(0, 60) : one.note}; answered ${played.answer.slice(0, 120)}`
  const hasChanged = played.before !== played.after
  if (one.flag) {
    // After an error in the same batch the server skips the rest, so there is nothing left to refuse.
    const isSkipped = one.mode === 'error-skip-until-sync' && !played.answer.includes('C(')
    const isRefused = isSkipped || /E\((42501|08P01|0A000)\)|refused at login/.test(played.answer)
    const got = hasChanged ? 'left a trace' : isRefused ? 'refused' : 'ran'
    return { id: one.id, expected: `${one.class}: refused`, got, ok: got === 'refused', note }
  }
  if (one.startup?.['replication'] !== undefined) {
    // A walsender takes commands that are no SQL: such a connection is never opened, whatever it would ask for.
    const got = played.answer.startsWith('refused at login') ? 'refused at login' : 'let in'
    return {
      id: one.id,
      expected: `${one.class}: refused at login, by choice`,
      got,
      ok: got === 'refused at login',
      note: `differs by choice from a direct connection: no connection for replication is opened; ${note}`,
    }
  }
  const direct = await playDirect(server, template, one)
  const isSame = shapeOf(direct.answer) === shapeOf(played.answer) && direct.after === played.after
  const got = isSame ? 'as direct' : hasChanged === (direct.before !== direct.after) ? 'answered otherwise' : 'did otherwise'
  return {
    id: one.id,
    expected: `${one.class}: as direct`,
    got,
    ok: isSame,
    note: isSame ? note : `${note}; direct ${direct.answer.slice(0, 120)}`,
  }
}

async function playThrough(server: PostgresServer, template: string, one: SqlCase): Promise<Played> {
  return onFreshDatabase(server, template, one, async (database, text, ready) => {
    let isPreparing = true
    const gateway = await gatewayThat({
      target: { port: server.port, user: server.user, password: server.password, database },
      policy: { ...filteredWrites, decide: (...asked) => (isPreparing ? everything : filteredWrites).decide(...asked) },
    })
    try {
      const client = await logIn({ ...gateway.login, parameters: one.startup ?? {} })
      if (typeof client === 'string') return client
      try {
        for (const sql of one.pre ?? []) await send(client, { ...one, protocol: 'simple', sql })
        await ready()
        isPreparing = false
        return await inTime(send(client, text))
      } finally {
        client.close()
      }
    } finally {
      await gateway.stop()
    }
  })
}

async function playDirect(server: PostgresServer, template: string, one: SqlCase): Promise<Played> {
  return onFreshDatabase(server, template, one, async (database, text, ready) => {
    const client = await logIn({ port: server.port, user: server.user, password: server.password, database, parameters: one.startup ?? {} })
    if (typeof client === 'string') return client
    try {
      for (const sql of one.pre ?? []) await send(client, { ...one, protocol: 'simple', sql })
      await ready()
      return await inTime(send(client, text))
    } finally {
      client.close()
    }
  })
}

async function onFreshDatabase(
  server: PostgresServer,
  template: string,
  one: SqlCase,
  play: (database: string, text: SqlCase, ready: () => Promise<void>) => Promise<string>,
): Promise<Played> {
  const database = await copyOf(server, template)
  const query = (sql: string): Promise<(string | null)[][]> => server.query(database, sql)
  try {
    for (const sql of one.setup ?? []) {
      await query(sql.replaceAll('{{DB}}', database)).catch((cause: unknown) => {
        throw new SetupFailed(`${one.id}: ${sql}`, { cause })
      })
    }
    let before = ''
    const text = { ...one, sql: one.sql.replaceAll('{{SERVER_PORT}}', `${server.port}`) }
    const answer = await play(database, text, async () => {
      before = await digestOf(query)
    })
    const after = await digestOf(query)
    return { answer, before: before === '' ? after : before, after }
  } finally {
    await server.dropDatabase(database)
  }
}

let copies = 0
/** A template is copied by one at a time: the server refuses a second. */
let copying: Promise<unknown> = Promise.resolve()

async function copyOf(server: PostgresServer, template: string): Promise<string> {
  copies += 1
  const name = `case_${copies}`
  const made = copying.then(() => server.query('postgres', `CREATE DATABASE ${name} TEMPLATE ${template}`))
  copying = made.catch(() => {})
  await made
  return name
}

async function logIn(login: Parameters<typeof RawClient.logIn>[0]): Promise<RawClient | string> {
  try {
    return await RawClient.logIn(login)
  } catch (cause) {
    return `refused at login: ${cause instanceof Error ? cause.message : ''}`
  }
}

/** A connection that closes is an answer; silence is one too. */
async function inTime(answer: Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<string>(resolve => {
    timer = setTimeout(() => resolve('silence'), SILENCE_MS)
  })
  try {
    return await Promise.race([answer, silence])
  } catch (cause) {
    return `closed: ${cause instanceof Error ? cause.message : ''}`
  } finally {
    clearTimeout(timer)
  }
}

/** Without values, and without how many rows a query found: clocks and the gateway's own connection change those. */
function shapeOf(answer: string): string {
  return answer
    .replaceAll(/(?: D\([^]*?\)(?= (?:D|C|E|Z|s|n)\(?))+/g, ' D')
    .replaceAll(/C\((SELECT|FETCH|COPY) \d+\)/g, 'C($1)')
    .replaceAll(/( d)+/g, ' d')
}

function linesOf(file: string): readonly Readonly<Record<string, unknown>>[] {
  const text = readFileSync(path.join(import.meta.dirname, file), 'utf8')
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}
