// Plays what ordinary programs send, as their makers wrote it, through two gateways: one that allows the effects such work has, one that
// masks two columns. What is refused there is refused without need; the share is printed for each kind of program.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { resultMaskDeskFor } from '../../gateway/engine/postgres/result-mask-desk.ts'
import { writeBind, writeDescribe, writeExecute, writeParse, writeQuery } from '../../gateway/wire/postgres/frontend-writer.ts'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'
import { installedPrograms, startInstalled } from '../e2e/installed-postgres.ts'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import { RawClient, fieldsOf } from '../engine/postgres/raw-client.ts'
import { noMasks } from '../session/samples.ts'
import type { CaseRow } from './case-row.ts'
import { playPrograms } from './harmless-programs.ts'
import { maskedOfSuite, playRegression } from './harmless-regression.ts'
import type { Guard, Tally } from './harmless-tally.ts'
import { maskerOf } from './mask.ts'
import { everything, policyOf } from './sql-policy.ts'

const MOST_REFUSED = 0.02

interface Header {
  readonly schema_sql: string
  readonly masked_columns: readonly string[]
}

interface Harmless {
  readonly group: string
  /** Effects that this kind of program has beside reading, writing, session and transactions. */
  readonly also?: readonly string[]
  readonly sql: string
  /** Bound values; none = a simple query. */
  readonly values?: readonly string[]
}

export async function playHarmless(): Promise<readonly CaseRow[]> {
  const [header, ...cases] = linesOf('harmless.jsonl') as unknown as readonly [Header, ...Harmless[]]
  const groups = new Map(cases.map(({ group }) => [group, cases.filter(one => one.group === group)]))
  const tallies: Tally[] = []
  const server = await startPostgres()
  try {
    for (const [group, statements] of groups) {
      for (const guard of guardsFor(statements[0]?.also ?? [], header.masked_columns)) {
        tallies.push(await playGroup(server, header, group, statements, guard))
      }
    }
    const guards = (also: readonly string[]): readonly Guard[] => guardsFor(also, header.masked_columns)
    tallies.push(
      ...(await playPrograms({ ...server, name: 'PostgreSQL 18' }, header.schema_sql, guards, name => server.createDatabase(name))),
    )
    const bin = installedPrograms()
    if (bin !== null) {
      const [, masks] = guardsFor([], maskedOfSuite)
      const regression = masks === undefined ? null : await playRegression(bin, masks)
      if (regression === null) console.log('harmless: the regression suite is left out: its source cannot be had here')
      else tallies.push(regression)
      const installed = await startInstalled(bin)
      try {
        tallies.push(...(await playPrograms({ ...installed, name: 'installed PostgreSQL' }, header.schema_sql, guards, null)))
      } finally {
        await installed.stop()
      }
    }
  } finally {
    await server.stop()
  }
  return [...tallies.map(rowOf), ...(['policy', 'masks'] as const).map(guard => rowOf(totalOf(tallies, guard)))]
}

function guardsFor(also: readonly string[], masked: readonly string[]): readonly Guard[] {
  const effects = ['read', 'write', 'session', 'transaction', ...also].join(', ')
  return [
    { name: 'policy', policy: policyOf(`{ name: work, sql: { effects: [${effects}] }, then: allow }`), masker: noMasks },
    { name: 'masks', policy: everything, masker: maskerOf(masked) },
  ]
}

/** Everything of a group on one session, as a program would. */
async function playGroup(
  server: PostgresServer,
  header: Header,
  group: string,
  statements: readonly Harmless[],
  guard: Guard,
): Promise<Tally> {
  const database = await server.createDatabase(header.schema_sql)
  const gateway = await gatewayThat({
    target: { port: server.port, user: server.user, password: server.password, database },
    policy: guard.policy,
    masker: guard.masker,
    engine: { maskDeskFor: resultMaskDeskFor },
  })
  try {
    const client = await RawClient.logIn(gateway.login)
    const refused: string[] = []
    const broken: string[] = []
    for (const one of statements) {
      const error = await run(client, one)
      if (error === null) continue
      const words = `${one.sql.slice(0, 100)}: ${error}`
      if (error.slice(6).startsWith('sallyport:')) refused.push(words)
      else broken.push(words)
    }
    client.close()
    return { group, guard: guard.name, commands: statements.length, refused, broken }
  } finally {
    await gateway.stop()
    await server.dropDatabase(database)
  }
}

const sync = Buffer.from([0x53, 0, 0, 0, 4])

/** The error's words, or null. */
async function run(client: RawClient, { sql, values }: Harmless): Promise<string | null> {
  if (values === undefined) client.send(writeQuery(sql))
  else {
    const bound = values.map(value => Buffer.from(value))
    client.send(writeParse('', sql), writeDescribe('statement', ''), writeBind('', '', bound), writeExecute(''), sync)
  }
  const error = (await client.until('Z')).find(({ type }) => type === 'E')
  return error === undefined ? null : `${fieldsOf(error.bytes).get('C') ?? ''} ${fieldsOf(error.bytes).get('M') ?? ''}`
}

function totalOf(tallies: readonly Tally[], guard: Guard['name']): Tally {
  const own = tallies.filter(tally => tally.guard === guard)
  return {
    group: 'all',
    guard,
    commands: own.reduce((sum, { commands }) => sum + commands, 0),
    refused: own.flatMap(({ refused }) => refused),
    broken: [],
  }
}

function rowOf({ group, guard, commands, refused, broken }: Tally): CaseRow {
  const share = refused.length / Math.max(1, commands)
  return {
    id: `${group}, ${guard}`,
    expected: `${group}, ${guard}: under ${MOST_REFUSED * 100} % refused`,
    got: `${refused.length} of ${commands} (${(share * 100).toFixed(1)} %)`,
    ok: share < MOST_REFUSED && broken.length === 0 && commands > 0,
    note: [...refused, ...broken.map(one => `fails by itself: ${one}`)].join(' | '),
  }
}

function linesOf(file: string): readonly unknown[] {
  const text = readFileSync(path.join(import.meta.dirname, file), 'utf8')
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
}
