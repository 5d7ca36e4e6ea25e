// Functions in C of the extensions that come with PostgreSQL: those that only compute. Only a superuser can make a function in C,
// so library and symbol can be believed.
import { isComputingSymbol } from './builtins.ts'

/** Libraries all of whose functions only compute on their arguments. */
const computingLibraries: ReadonlySet<string> = new Set([
  '$libdir/bloom',
  '$libdir/btree_gin',
  '$libdir/btree_gist',
  '$libdir/citext',
  '$libdir/cube',
  '$libdir/dict_int',
  '$libdir/dict_xsyn',
  '$libdir/earthdistance',
  '$libdir/fuzzystrmatch',
  '$libdir/hstore',
  '$libdir/intagg',
  '$libdir/_int',
  '$libdir/isn',
  '$libdir/ltree',
  '$libdir/pg_trgm',
  '$libdir/pgcrypto',
  '$libdir/seg',
  '$libdir/tsm_system_rows',
  '$libdir/tsm_system_time',
  '$libdir/unaccent',
  '$libdir/uuid-ossp',
])

/** Functions of these libraries that do more: settings of the session, types named in strings. */
const exceptions: ReadonlySet<string> = new Set(['set_limit', 'hstore_populate_record', 'populate_record'])

/** @param native `library:symbol` as in the catalog; `:symbol` for one that is built into the server. */
export function isHarmlessNative(native: string, name: string): boolean {
  if (native.startsWith(':')) return isComputingSymbol(native.slice(1))
  const library = native.slice(0, native.lastIndexOf(':'))
  return computingLibraries.has(library) && !exceptions.has(name)
}
