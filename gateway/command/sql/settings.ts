// Which settings are the session's own affair, and which change what policy and reading depend on.
import type { SqlEffect } from '../../core/command.ts'

/**
 * Settings that decide who acts, how text is read, or which safeguards run: changing one is `admin` (CONTRACT 2.1).
 * `backslash_quote` and `escape_string_warning` do not change what a text means under standard_conforming_strings.
 */
const adminSettings: ReadonlySet<string> = new Set([
  'role',
  'session_authorization',
  'standard_conforming_strings',
  'session_replication_role',
  'client_encoding',
  'allow_system_table_mods',
  'ignore_system_indexes',
  'zero_damaged_pages',
  'ignore_checksum_failure',
  'local_preload_libraries',
  'session_preload_libraries',
  'dynamic_library_path',
  'extension_control_path',
  'jit_provider',
  'lo_compat_privileges',
  'event_triggers',
  'restrict_nonsystem_relation_kind',
  // It turns `x = NULL`, which no row meets, into `x IS NULL`: a filter that keeps every row out then keeps none out.
  'transform_null_equals',
  'log_statement',
  'log_min_messages',
  'log_min_error_statement',
  'log_min_duration_statement',
  'log_duration',
  'log_statement_sample_rate',
  'log_transaction_sample_rate',
  'log_parameter_max_length',
  'log_parameter_max_length_on_error',
  'log_replication_commands',
  'log_error_verbosity',
  'track_activities',
  'track_counts',
  'track_functions',
  'commit_siblings',
  'commit_delay',
  'wal_compression',
  'wal_consistency_checking',
  'wal_init_zero',
  'wal_recycle',
])

/** Settings of procedural languages that name code to run. */
const codeSetting = /\.(start_proc|on_init|on_plperl_init|on_plperlu_init|boot_proc)$/

/** Settings of one transaction: changing one is what BEGIN's options do. */
const transactionSettings: ReadonlySet<string> = new Set([
  'transaction',
  'transaction snapshot',
  'session characteristics',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'default_transaction_deferrable',
])

/** Values of such settings that take nothing away: what every text is read under anyway, or the strictest there is. */
const safeValues: ReadonlyMap<string, RegExp> = new Map([
  ['standard_conforming_strings', /^on$/i],
  ['client_encoding', /^(utf-?8|unicode)$/i],
  ['restrict_nonsystem_relation_kind', /^view, ?foreign-table$/],
])

/**
 * What changing this setting does. Names are compared as PostgreSQL compares them: ASCII case does not count.
 * @param value null = not known, or back to its default.
 */
export function effectOfSetting(name: string, value: string | null = null): SqlEffect {
  const known = name.toLowerCase()
  if (value !== null && safeValues.get(known)?.test(value) === true) return 'session'
  if (adminSettings.has(known) || codeSetting.test(known)) return 'admin'
  if (transactionSettings.has(known)) return 'transaction'
  return 'session'
}

/** The schemas of a search_path as text: `"$user", public`. */
export function splitSearchPath(value: string): readonly string[] {
  const found: string[] = []
  for (const part of value.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)) {
    const quoted = part[1]
    const name = quoted === undefined ? (part[2] ?? '').trim().toLowerCase() : quoted.replaceAll('""', '"')
    if (name !== '') found.push(name)
  }
  return found
}
