// A digest of all that a statement could leave behind in a database: rows, sequences, definitions, privileges, roles, settings.

type Query = (sql: string) => Promise<(string | null)[][]>

/** Catalogs whose rows are state; volatile columns (statistics, file numbers, pages) are left out. */
const catalogs = [
  `SELECT relname, relkind, relacl, reloptions, relrowsecurity, relforcerowsecurity, relowner, relpersistence, relreplident FROM pg_class
    WHERE oid >= 16384 AND relnamespace::regnamespace::text !~ '^pg_toast|^pg_temp'`,
  `SELECT attrelid::regclass::text, attname, atttypid::regtype, attnotnull, attacl, attgenerated, attisdropped FROM pg_attribute
    WHERE attrelid >= 16384 AND attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_toast|^pg_temp')`,
  `SELECT proname, prosrc, proacl, prosecdef, provolatile, proconfig, proowner FROM pg_proc WHERE oid >= 16384`,
  `SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal`,
  `SELECT ev_class::regclass::text, rulename, ev_enabled, pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class >= 16384`,
  `SELECT polname, polrelid::regclass::text, pg_get_expr(polqual, polrelid) FROM pg_policy`,
  `SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE oid >= 16384`,
  `SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolpassword FROM pg_authid`,
  `SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members`,
  `SELECT setrole, setconfig FROM pg_db_role_setting WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))`,
  `SELECT nspname, nspacl, nspowner FROM pg_namespace WHERE nspname !~ '^pg_toast|^pg_temp'`,
  `SELECT typname, typtype, typacl FROM pg_type WHERE oid >= 16384 AND typnamespace::regnamespace::text !~ '^pg_toast|^pg_temp'`,
  `SELECT objoid::text, description FROM pg_description WHERE objoid >= 16384`,
  `SELECT extname FROM pg_extension`,
  `SELECT defaclacl FROM pg_default_acl`,
  `SELECT evtname FROM pg_event_trigger`,
  `SELECT pubname FROM pg_publication`,
  `SELECT datacl FROM pg_database WHERE datname = current_database()`,
  `SELECT oid::text, lomacl FROM pg_largeobject_metadata`,
  `SELECT loid::text, pageno, data FROM pg_largeobject`,
  `SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`,
  `SELECT slot_name FROM pg_replication_slots WHERE database = current_database()`,
  `SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast WHERE oid >= 16384`,
  `SELECT oprname, oprcode FROM pg_operator WHERE oid >= 16384`,
  `SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'`,
]

/** Of the database that `query` runs in. Two digests are equal when nothing of this has changed. */
export async function digestOf(query: Query): Promise<string> {
  const tables = await query(`SELECT oid::regclass::text, relkind FROM pg_class
    WHERE oid >= 16384 AND relkind IN ('r', 'm', 'S') AND relnamespace::regnamespace::text !~ '^pg_toast|^pg_temp' ORDER BY 1`)
  const parts = [
    ...catalogs,
    ...tables.map(([name, kind]) => (kind === 'S' ? `SELECT last_value, is_called FROM ${name}` : `SELECT * FROM ONLY ${name}`)),
  ].map(select => `SELECT md5(coalesce(string_agg(x::text, ',' ORDER BY x::text COLLATE "C"), '')) FROM (${select}) x`)
  const rows = await query(parts.map((part, index) => `SELECT ${index}, (${part})`).join(' UNION ALL '))
  return rows.map(row => row[1]).join('-')
}
