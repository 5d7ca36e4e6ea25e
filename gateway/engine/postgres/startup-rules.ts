// Which startup parameters a client may set: an allow-list. Everything else could change what later text means, or who runs it.
import { readOptions } from '../../wire/postgres/startup-options.ts'
import { WireError } from '../../wire/postgres/wire-error.ts'

/** Settings that only this session feels, that no judgement depends on, or (search_path) that the judgement follows. */
const allowedSettings: ReadonlySet<string> = new Set([
  'application_name',
  'backend_flush_after',
  'bytea_output',
  'client_encoding',
  'client_min_messages',
  'datestyle',
  'deadlock_timeout',
  'default_text_search_config',
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'extra_float_digits',
  'fallback_application_name',
  'geqo',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'jit',
  'lc_messages',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
  'lock_timeout',
  'log_min_messages',
  'maintenance_work_mem',
  'max_parallel_workers_per_gather',
  'plan_cache_mode',
  'random_page_cost',
  'row_security',
  'search_path',
  'seq_page_cost',
  'standard_conforming_strings',
  'statement_timeout',
  'synchronous_commit',
  'tcp_keepalives_count',
  'tcp_keepalives_idle',
  'tcp_keepalives_interval',
  'tcp_user_timeout',
  'temp_buffers',
  'timezone',
  'transaction_timeout',
  'work_mem',
  'xmlbinary',
  'xmloption',
])

/** `enable_…`: the planner's switches. */
const plannerSwitch = /^enable_[a-z_]+$/

export interface ClientStartup {
  readonly user: string
  readonly database: string
  readonly application: string
  /** What the target is told, names in lower case; never `user`, `database` or `options`. */
  readonly settings: ReadonlyMap<string, string>
  readonly isUtf8: boolean
}

/** A parameter that is not passed on: the client is told which one, and why. */
export class StartupRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'StartupRefused'
  }
}

/** @throws {StartupRefused} on the first parameter that is not on the list. */
export function readClientStartup(parameters: ReadonlyMap<string, string>): ClientStartup {
  const settings = new Map<string, string>()
  const set = (name: string, value: string): void => {
    const lower = name.toLowerCase()
    if (!allowedSettings.has(lower) && !plannerSwitch.test(lower)) {
      throw new StartupRefused(`startup parameter "${visible(name)}" is not passed to the target`)
    }
    if (lower === 'standard_conforming_strings' && !/^(on|true|yes|1)$/i.test(value)) {
      throw new StartupRefused('standard_conforming_strings must stay on: text could not be read as the server reads it')
    }
    settings.set(lower, value)
  }
  // As PostgreSQL: `options` first, then the parameters of their own.
  try {
    for (const [name, value] of readOptions(parameters.get('options') ?? '')) set(name, value)
  } catch (error) {
    if (error instanceof WireError) throw new StartupRefused(error.message)
    throw error
  }
  for (const [name, value] of parameters) {
    if (name !== 'user' && name !== 'database' && name !== 'options') set(name, value)
  }
  const user = parameters.get('user') ?? ''
  if (user === '') throw new StartupRefused('no user name is given')
  const encoding = settings.get('client_encoding') ?? 'UTF8'
  return {
    user,
    database: parameters.get('database') ?? user,
    application: settings.get('application_name') ?? settings.get('fallback_application_name') ?? '',
    settings,
    isUtf8: /^(utf-?8|unicode)$/i.test(encoding.replaceAll(/['"]/g, '')),
  }
}

function visible(name: string): string {
  return name.replaceAll(/[^\x20-\x7E]/g, '?').slice(0, 64)
}
