// SET, RESET and set_config: what changing a setting does, and what the session's search path is afterwards.
import { effectOfSetting } from './settings.ts'
import type { SqlReader } from './sql-reader.ts'
import { asKind, isTree, namesIn, stringOf, treesIn } from './syntax-tree.ts'
import type { Tree } from './syntax-tree.ts'

export function readSet(reader: SqlReader, fields: Tree): string {
  const { reading } = reader
  const kind = stringOf(fields, 'kind')
  const name = stringOf(fields, 'name').toLowerCase()
  switch (kind) {
    case 'VAR_RESET_ALL':
      reading.does('session')
      reading.changesSession = true
      reading.pathAfter = null
      return 'reset'
    case 'VAR_SET_MULTI':
      // SET TRANSACTION, SET SESSION CHARACTERISTICS, SET TRANSACTION SNAPSHOT.
      reading.does('transaction')
      return 'set transaction'
    case 'VAR_SET_VALUE':
    case 'VAR_SET_DEFAULT':
    case 'VAR_SET_CURRENT':
    case 'VAR_RESET': {
      // Going back to the login's own role gives nothing that the login does not have.
      const isOwnRole = name === 'role' && (kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT' || valueOf(fields)?.toLowerCase() === 'none')
      reading.does(isOwnRole ? 'session' : effectOfSetting(name, kind === 'VAR_SET_VALUE' ? onlyValueOf(fields) : null))
      reading.changesSession = true
      if (name === 'search_path') reading.pathAfter = kind === 'VAR_SET_VALUE' ? pathIn(fields) : null
      if (name === 'role' || name === 'session_authorization') reading.pathAfter = null
      return kind === 'VAR_RESET' ? 'reset' : 'set'
    }
    default:
      reading.doubts(`SET of the kind ${kind} is not known`)
      return 'set'
  }
}

/** `set_config(name, value, is_local)`: a SET without a SET statement. */
export function readSettingByFunction(reader: SqlReader, args: readonly Tree[]): void {
  const { reading } = reader
  if (reader.mode !== 'run') return
  reading.changesSession = true
  const name = textOf(args[0]) ?? nameInSettings(reader, args[0])
  if (name === null) {
    reading.does('session', 'admin')
    reading.doubts('set_config of a setting that is not named in the text')
    reading.pathAfter = null
    return
  }
  reading.does(effectOfSetting(name, textOf(args[1])))
  // Whether and when it runs is not known, so neither is the path.
  if (name.toLowerCase() === 'search_path' || name.toLowerCase() === 'role') reading.pathAfter = null
}

/** `SELECT set_config(name, …) FROM pg_settings WHERE name = 'x'`: no error where the server does not have x. null = another shape. */
function nameInSettings(reader: SqlReader, argument: Tree | undefined): string | null {
  const { select } = reader
  if (select === null || !isColumnName(argument) || select['withClause'] !== undefined) return null
  const [range, ...others] = treesIn(select, 'fromClause').map(item => asKind(item, 'RangeVar'))
  if (range === null || range === undefined || others.length > 0 || stringOf(range, 'relname') !== 'pg_settings') return null
  // Other names for its columns would make `name` another one.
  if (range['alias'] !== undefined) return null
  const schema = stringOf(range, 'schemaname')
  const found = reader.names?.relation(schema === '' ? null : schema, 'pg_settings')
  if (found === undefined || found.relations.length > 0 || reader.ctes.has('pg_settings')) return null
  const condition = asKind(select['whereClause'], 'A_Expr')
  const isEqual = condition !== null && stringOf(condition, 'kind') === 'AEXPR_OP' && namesIn(condition, 'name').join() === '='
  return isEqual && isColumnName(condition['lexpr']) ? textOf(condition['rexpr']) : null
}

function isColumnName(node: unknown): boolean {
  const column = asKind(node, 'ColumnRef')
  return column !== null && treesIn(column, 'fields').length === 1 && namesIn(column, 'fields')[0] === 'name'
}

/** SET search_path = a, b: every value is one schema, quoting undone by the parser. */
function pathIn(fields: Tree): readonly string[] | null {
  const schemas: string[] = []
  for (const item of treesIn(fields, 'args')) {
    const value = textOf(item)
    if (value === null) return null
    schemas.push(value)
  }
  return schemas.filter(schema => schema !== '')
}

/** null when there are several, or none. */
function onlyValueOf(fields: Tree): string | null {
  return treesIn(fields, 'args').length === 1 ? valueOf(fields) : null
}

function valueOf(fields: Tree): string | null {
  return textOf(treesIn(fields, 'args')[0])
}

/** A string literal's value; null for anything else. */
function textOf(node: unknown): string | null {
  const constant = asKind(node, 'A_Const')
  const string = constant?.['sval']
  if (isTree(string)) return stringOf(string, 'sval')
  // `'x'::text`, as drivers write it.
  const cast = asKind(node, 'TypeCast')
  return cast === null ? null : textOf(cast['arg'])
}
