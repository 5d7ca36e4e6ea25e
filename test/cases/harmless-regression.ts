// The read-only part of PostgreSQL's own regression suite through masks on two columns of its tables: what queries of every shape are refused.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { resultMaskDeskFor } from '../../gateway/engine/postgres/result-mask-desk.ts'
import { startInstalled } from '../e2e/installed-postgres.ts'
import { fetchSuite } from '../e2e/transparency/suite-source.ts'
import type { Suite } from '../e2e/transparency/suite-source.ts'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import type { TestGateway } from '../engine/postgres/gateway-that.ts'
import type { Guard, Tally } from './harmless-tally.ts'

/** Tests of the suite that are about queries; each also makes and drops what it needs. */
const files = `select select_distinct select_distinct_on select_having subselect union case join aggregates window groupingsets limit with
  tsrf arrays strings numerology int2 int4 int8 float8 numeric text varchar boolean date time timestamp timestamptz interval inet uuid
  rangetypes multirangetypes json jsonb jsonb_jsonpath json_encoding tsearch regex expressions functional_deps misc_functions equivclass
  memoize incremental_sort horology geometry point box path polygon circle line lseg enum bit md5 oid name char xml
  tablesample rowtypes portals portals_p2 select_views random join_hash partition_prune prepare plancache select_implicit
  collate regproc tuplesort inherit`.split(/\s+/)

/** Of tables that most of these queries read. */
export const maskedOfSuite = ['public.onek.stringu1', 'public.tenk1.stringu2']

const READING = new Set(['read', 'session', 'lock', 'transaction'])

/** A tally of the reading commands of each file together; null where the suite cannot be had. */
export async function playRegression(bin: string, guard: Guard): Promise<Tally | null> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-regression-'))
  const installed = await startInstalled(bin, 'trust')
  try {
    const suite = await fetchSuite(bin, dir).catch(() => null)
    if (suite === null) return null
    await prepare(bin, installed.port, suite)
    const gateway = await gatewayThat({
      target: { ...installed, database: 'regression' },
      policy: guard.policy,
      masker: guard.masker,
      engine: { maskDeskFor: resultMaskDeskFor },
    })
    try {
      for (const file of files.filter(name => existsSync(path.join(suite.inputs, 'sql', `${name}.sql`))))
        await psql(bin, gateway.env, suite, ['-f', `sql/${file}.sql`])
      return tallyOfReads(guard, gateway)
    } finally {
      await gateway.stop()
    }
  } finally {
    await installed.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The tables that all tests of the suite share, made without the gateway. */
async function prepare(bin: string, port: number, suite: Suite): Promise<void> {
  const env = { PGHOST: '127.0.0.1', PGPORT: `${port}`, PGUSER: 'postgres' }
  await psql(bin, { ...env, PGDATABASE: 'postgres' }, suite, ['-c', 'CREATE DATABASE regression TEMPLATE template0'])
  for (const file of ['test_setup', 'create_index', 'create_misc', 'create_view'])
    await psql(bin, { ...env, PGDATABASE: 'regression' }, suite, ['-f', `sql/${file}.sql`])
}

async function psql(bin: string, env: Readonly<Record<string, string>>, suite: Suite, args: readonly string[]): Promise<void> {
  const places = { PG_ABS_SRCDIR: suite.inputs, PG_LIBDIR: suite.libraries, PG_DLSUFFIX: '.so', PG_ABS_BUILDDIR: suite.inputs }
  // The suite has mistakes on purpose: what psql makes of them is its own affair.
  await promisify(execFile)(path.join(bin, 'psql'), ['-Xq', ...args], {
    cwd: suite.inputs,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', PGSSLMODE: 'disable', ...env, ...places },
    maxBuffer: 1 << 29,
  }).catch(() => {})
}

/** Commands that do no more than read; what was refused among them. */
function tallyOfReads({ name: guard }: Guard, { recorder }: TestGateway): Tally {
  const reads = new Map(
    recorder
      .of('command')
      .filter(({ effects }) => effects.every(effect => READING.has(effect)))
      .map(({ command, text }) => [command, text]),
  )
  const refused = recorder
    .of('error')
    .filter(({ command, message }) => command !== null && reads.has(command) && message.startsWith('refused by mask'))
    .map(({ command, message }) => `${(reads.get(command ?? 0) ?? '').slice(0, 160)}: ${message}`)
  return { group: 'regression suite, read-only part', guard, commands: reads.size, refused, broken: [] }
}
