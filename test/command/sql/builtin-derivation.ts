// Derives gateway/command/sql/builtin-names.json from a real server's catalog. Run as a program it writes the file;
// the test compares. What is volatile must be decided by hand in builtin-effects.ts: an undecided name stays unknown.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { harmlessVolatile, specialBuiltins } from '../../../gateway/command/sql/builtin-effects.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'

export const builtinNamesFile = path.resolve(import.meta.dirname, '../../../gateway/command/sql/builtin-names.json')

export interface BuiltinNames {
  /** By first character, so that a change shows in one line. */
  readonly functions: Readonly<Record<string, string>>
  /** C code of the functions above, by first character: what a function in `internal` may name. */
  readonly symbols: Readonly<Record<string, string>>
  readonly operators: string
  readonly types: Readonly<Record<string, number>>
}

/** Functions that SQL can name: none that takes `internal` or only serves the server's own machinery. */
const callable = `
  SELECT proname, bool_or(provolatile = 'v')
    FROM pg_proc
   WHERE pronamespace = 'pg_catalog'::regnamespace
     AND NOT 'internal'::regtype = ANY (proargtypes)
     AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype,
         'fdw_handler'::regtype, 'index_am_handler'::regtype, 'table_am_handler'::regtype, 'tsm_handler'::regtype)
   GROUP BY 1 ORDER BY proname`

const native = `
  SELECT p.prosrc, string_agg(DISTINCT p.proname, ' ')
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
   WHERE p.pronamespace = 'pg_catalog'::regnamespace AND l.lanname = 'internal' AND p.prokind = 'f'
   GROUP BY 1 ORDER BY p.prosrc COLLATE "C"`

export async function deriveBuiltinNames(server: PostgresServer): Promise<{ names: BuiltinNames; undecided: string[] }> {
  const undecided: string[] = []
  const functions: Record<string, string> = {}
  for (const [name, isVolatile] of await server.query('postgres', callable)) {
    if (name === undefined || name === null || specialBuiltins.has(name) || name === 'set_config') continue
    if (isVolatile === 't' && !harmlessVolatile.has(name)) undecided.push(name)
    else functions[name.charAt(0)] = `${functions[name.charAt(0)] ?? ''} ${name}`.trim()
  }
  const symbols: Record<string, string> = {}
  const computing = new Set(Object.values(functions).flatMap(line => line.split(' ')))
  for (const [symbol, callers] of await server.query('postgres', native)) {
    if (typeof symbol !== 'string' || callers?.split(' ').every(name => computing.has(name)) !== true) continue
    symbols[symbol.charAt(0)] = `${symbols[symbol.charAt(0)] ?? ''} ${symbol}`.trim()
  }
  const operators = await server.query(
    'postgres',
    `SELECT DISTINCT oprname::text FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace ORDER BY 1`,
  )
  const types = await server.query(
    'postgres',
    `SELECT typname, oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typrelid = 0
        AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = pg_type.typelem AND e.typrelid <> 0) ORDER BY oid`,
  )
  return {
    names: {
      functions,
      symbols,
      operators: operators.map(row => row[0]).join(' '),
      types: Object.fromEntries(types.map(row => [row[0], Number(row[1])])),
    },
    undecided,
  }
}

if (process.argv[1] === import.meta.filename) {
  const server = await startPostgres()
  try {
    const { names, undecided } = await deriveBuiltinNames(server)
    writeFileSync(builtinNamesFile, `${JSON.stringify(names, null, 2)}\n`)
    process.stderr.write(`undecided: ${undecided.join(' ') || 'none'}\n`)
  } finally {
    await server.stop()
  }
}
