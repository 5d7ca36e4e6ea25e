// Types that a client gives to the parameters of a statement by number: a value that is bound becomes one of them, and its checks run.
import type { Certainty } from '../../core/command.ts'
import { Reading } from './reading.ts'
import type { SqlContext, SqlStatement } from './sql-statement.ts'
import { SqlReader } from './sql-reader.ts'
import { readTypeChecks } from './types.ts'

/** Below this, types are PostgreSQL's own and run nothing. */
const FIRST_OWN_OID = 16_384

const weakness: Readonly<Record<Certainty, number>> = { parsed: 0, partial: 1, opaque: 2 }

/** The statements, each also with what its parameters do when they are bound. @param typeOids as in Parse; 0 = left to the server. */
export function withParameterTypes(
  statements: readonly SqlStatement[],
  typeOids: readonly number[],
  context: SqlContext,
): readonly SqlStatement[] {
  const own = typeOids.filter(oid => oid >= FIRST_OWN_OID)
  if (own.length === 0) return statements
  const reading = new Reading()
  const reader = new SqlReader(context, reading)
  for (const oid of own) {
    if (reader.names?.catalog.types.has(oid) === true) readTypeChecks(reader, oid)
    else reading.doubts(`a parameter is of the type ${oid}, which is not in the catalog`)
  }
  return statements.map(statement => {
    const { command } = statement
    return {
      ...statement,
      command: {
        ...command,
        effects: new Set([...command.effects, ...reading.effects]),
        certainty: weakness[reading.certainty] > weakness[command.certainty] ? reading.certainty : command.certainty,
        doubt: command.doubt ?? reading.doubt,
        unfiltered: command.unfiltered || reading.unfiltered,
      },
    }
  })
}
