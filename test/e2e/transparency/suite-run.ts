// One run of the regression suite by pg_regress, as an unprivileged user, into a folder of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync } from 'node:fs'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Suite } from './suite-source.ts'

export interface SuiteRun {
  readonly suite: Suite
  readonly bin: string
  /** How psql reaches it. */
  readonly env: Readonly<Record<string, string>>
  readonly out: string
  /** Names of tests; none = the whole schedule. */
  readonly tests: readonly string[]
}

const nobody = { uid: 65_534, gid: 65_534 }
/** What pg_regress sets on a database that it makes itself. */
const settings = [
  "lc_messages TO 'C'",
  "lc_monetary TO 'C'",
  "lc_numeric TO 'C'",
  "lc_time TO 'C'",
  "bytea_output TO 'hex'",
  "timezone_abbreviations TO 'Default'",
]

/** The database that everything runs in, as pg_regress would make it; on the server's own port, as no gateway opens another one than its own. */
export async function makeDatabase(bin: string, serverPort: number): Promise<void> {
  const statements = ['CREATE DATABASE regression TEMPLATE template0', ...settings.map(one => `ALTER DATABASE regression SET ${one}`)]
  await promisify(execFile)(path.join(bin, 'psql'), [
    '-Xq',
    '-h',
    '127.0.0.1',
    '-p',
    `${serverPort}`,
    '-U',
    'postgres',
    ...statements.flatMap(one => ['-c', one]),
    'postgres',
  ])
}

/** Resolves with the last words of pg_regress. */
export async function runSuite({ suite, bin, env, out, tests }: SuiteRun): Promise<string> {
  const isRoot = process.getuid?.() === 0
  mkdirSync(out)
  if (isRoot) chownSync(out, nobody.uid, nobody.gid)
  const where = ['--inputdir=.', `--outputdir=${out}`, `--bindir=${bin}`, `--dlpath=${suite.libraries}`]
  const login = ['--host=127.0.0.1', `--port=${env['PGPORT'] ?? ''}`, '--user=postgres', '--use-existing', '--dbname=regression']
  const what = tests.length === 0 ? ['--schedule=parallel_schedule'] : tests
  const program = path.join(path.dirname(bin), 'lib/pgxs/src/test/regress/pg_regress')
  const child = spawn(program, [...where, ...login, '--max-concurrent-tests=20', ...what], {
    cwd: suite.inputs,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', PGSSLMODE: 'disable', PGPASSWORD: env['PGPASSWORD'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot ? nobody : {}),
  })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (words += chunk.toString()))
  await once(child, 'close')
  return /^\s*(?:All \d+ tests passed|\d+ of \d+ tests failed)[^\n]*/m.exec(words)?.[0].trim() ?? words.slice(-500)
}
