// The two queries that take a snapshot of the catalog: a row per kind of object, its objects as a JSON array of arrays.
// The second asks for what the server locks relations for, until it is answered: what views, rules and bound bodies are defined as.
// Runs on PostgreSQL 13 to 18 as any role; reads nothing but the catalog. Objects below oid 16384 are PostgreSQL's own.

/** Answers `server_version_num`. */
export const versionQuery = `SELECT current_setting('server_version_num')`

/**
 * Every section is one row `(name, JSON)`. The order of values in an array is the order in which catalog-snapshot.ts reads them.
 * @param version server_version_num: SQL-standard function bodies came with 14.
 */
export function snapshotQuery(version: number): string {
  return queryOf(sections, version)
}

/** Likewise, what `snapshotQuery` leaves out. */
export function definitionsQuery(version: number): string {
  return queryOf(definitions, version)
}

function queryOf(wanted: readonly (readonly [string, string])[], version: number): string {
  const hasSqlBodies = version >= 140_000
  const isBound = hasSqlBodies ? 'p.prosqlbody IS NOT NULL' : 'false'
  const sqlBody = hasSqlBodies ? 'pg_catalog.pg_get_function_sqlbody(p.oid)' : 'NULL'
  // A function that somebody replaced: PostgreSQL's own are native or have a bound body. Before 14 those of information_schema are all read.
  const isReplaced = hasSqlBodies
    ? `(l.lanname NOT IN ('internal', 'c', 'sql') OR (l.lanname = 'sql' AND p.prosqlbody IS NULL))`
    : `(l.lanname NOT IN ('internal', 'c', 'sql') OR (l.lanname = 'sql' AND n.nspname = 'information_schema'))`
  const multirange = hasSqlBodies ? '(SELECT m.rngtypid FROM pg_catalog.pg_range m WHERE m.rngmultitypid = t.oid)' : 'NULL'
  return wanted
    .map(([name, select]) => `SELECT '${name}', (SELECT pg_catalog.json_agg(x) FROM (${select}) AS s(x))::pg_catalog.text`)
    .join('\nUNION ALL\n')
    .replaceAll('{is_bound}', isBound)
    .replaceAll('{sql_body}', sqlBody)
    .replaceAll('{is_replaced}', isReplaced)
    .replaceAll('{multirange}', multirange)
    .replaceAll('{is_rewritten}', isRewritten)
}

/** A view of PostgreSQL's own that somebody replaced: it depends on what somebody made. */
const isRewritten = `c.oid < 16384 AND c.relkind = 'v' AND EXISTS (
          SELECT FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
           WHERE r.ev_class = c.oid AND d.refobjid >= 16384)`

/**
 * Checks that run nothing but PostgreSQL's own operators and the conversions that nobody wrote hold no code to be read; to write them out the
 * server would open each relation. Counted in the tree, where what a text of its own could say in these words is escaped.
 */
const callsFunctions = `${timesIn('conbin', '{FUNCEXPR ')} <> ${timesIn('conbin', ':funcformat 2 ')}`
const usesOwnCode = `oid IN (SELECT objid FROM pg_catalog.pg_depend
             WHERE classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass)`

function timesIn(tree: string, words: string): string {
  const text = `${tree}::pg_catalog.text`
  return `(pg_catalog.length(${text}) - pg_catalog.length(pg_catalog.replace(${text}, '${words}', ''))) / ${words.length}`
}

const array = 'pg_catalog.json_build_array'
const list = 'pg_catalog.json_agg'

const sections: readonly (readonly [string, string])[] = [
  [
    'session',
    `SELECT ${array}(current_user, pg_catalog.current_setting('search_path'), pg_catalog.current_setting('is_superuser') = 'on',
            pg_catalog.to_json(pg_catalog.current_schemas(true)))`,
  ],
  ['schemas', `SELECT pg_catalog.to_json(nspname) FROM pg_catalog.pg_namespace`],
  [
    'system',
    `SELECT ${array}(n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid < 16384 AND c.relkind IN ('r', 'v') AND n.nspname IN ('pg_catalog', 'information_schema')`,
  ],
  [
    'relations',
    `SELECT ${array}(c.oid::int8, n.nspname, c.relname, c.relkind, pg_catalog.pg_get_userbyid(c.relowner), c.relrowsecurity)
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname <> 'pg_toast' AND (c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') OR {is_rewritten})`,
  ],
  [
    'columns',
    `SELECT ${array}(a.attrelid::int8, ${list}(${array}(a.attname, a.attnum, a.atttypid::int8, a.attgenerated <> '', a.attnotnull,
            pg_catalog.pg_get_expr(d.adbin, CASE WHEN a.attgenerated = '' THEN 0 ELSE d.adrelid END)) ORDER BY a.attnum))
       FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
       LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
      GROUP BY a.attrelid`,
  ],
  ['parents', `SELECT ${array}(inhrelid::int8, inhparent::int8) FROM pg_catalog.pg_inherits WHERE inhparent >= 16384`],
  [
    'triggers',
    // The clones that partitions get may be marked internal; what calls PostgreSQL's own function is a constraint's.
    `SELECT ${array}(t.tgrelid::int8, t.tgname, t.tgfoid::int8, t.tgtype, CASE WHEN t.tgqual IS NOT NULL THEN pg_catalog.pg_get_triggerdef(t.oid) END)
       FROM pg_catalog.pg_trigger t WHERE t.tgenabled <> 'D' AND (NOT t.tgisinternal OR t.tgfoid >= 16384)`,
  ],
  [
    'policies',
    `SELECT ${array}(p.polrelid::int8, pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
       FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid WHERE c.relrowsecurity`,
  ],
  [
    'writing',
    `SELECT ${array}(conrelid::int8, pg_catalog.pg_get_expr(conbin, conrelid)) FROM pg_catalog.pg_constraint
      WHERE contype = 'c' AND conrelid >= 16384 AND conbin IS NOT NULL AND (${callsFunctions} OR ${usesOwnCode})
     UNION ALL
     SELECT ${array}(indrelid::int8, pg_catalog.pg_get_expr(indexprs, indrelid)) FROM pg_catalog.pg_index
      WHERE indexprs IS NOT NULL AND indrelid >= 16384
     UNION ALL
     SELECT ${array}(indrelid::int8, pg_catalog.pg_get_expr(indpred, indrelid)) FROM pg_catalog.pg_index
      WHERE indpred IS NOT NULL AND indrelid >= 16384
     UNION ALL
     SELECT ${array}(partrelid::int8, pg_catalog.pg_get_expr(partexprs, partrelid)) FROM pg_catalog.pg_partitioned_table
      WHERE partexprs IS NOT NULL`,
  ],
  [
    'cascades',
    `SELECT ${array}(confrelid::int8, conrelid::int8, confdeltype, confupdtype, pg_catalog.to_json(conkey), pg_catalog.to_json(confkey))
       FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid >= 16384`,
  ],
  [
    'constraints',
    `SELECT pg_catalog.to_json(conname) FROM pg_catalog.pg_constraint WHERE oid >= 16384
     UNION ALL
     SELECT pg_catalog.to_json(c.relname) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      WHERE i.indisunique AND i.indrelid >= 16384`,
  ],
  [
    'foreign',
    `SELECT ${array}(t.ftrelid::int8, h.proname, pg_catalog.to_json(coalesce(t.ftoptions, '{}')))
       FROM pg_catalog.pg_foreign_table t JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver
       JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw LEFT JOIN pg_catalog.pg_proc h ON h.oid = w.fdwhandler`,
  ],
  [
    'operators',
    `SELECT ${array}(o.oid::int8, n.nspname, o.oprname, o.oprleft::int8, o.oprright::int8, o.oprcode::pg_catalog.oid::int8)
       FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid >= 16384`,
  ],
  ['casts', `SELECT ${array}(castsource::int8, casttarget::int8, castfunc::int8, castcontext) FROM pg_catalog.pg_cast WHERE oid >= 16384`],
  [
    'types',
    `SELECT ${array}(t.oid::int8, n.nspname, t.typname, t.typtype, t.typrelid::int8,
            coalesce(r.rngsubtype, {multirange}, t.typelem)::int8, t.typbasetype::int8,
            pg_catalog.pg_get_expr(t.typdefaultbin, 0),
            pg_catalog.json_build_array(r.rngcanonical::pg_catalog.oid::int8, r.rngsubdiff::pg_catalog.oid::int8))
       FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
       LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
      WHERE t.oid >= 16384 AND n.nspname <> 'pg_toast'`,
  ],
  [
    'domains',
    `SELECT ${array}(contypid::int8, pg_catalog.pg_get_expr(conbin, 0)) FROM pg_catalog.pg_constraint
      WHERE contypid <> 0 AND contype = 'c' AND conbin IS NOT NULL`,
  ],
  [
    'ordering',
    `SELECT pg_catalog.to_json(p.oid::int8) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
      WHERE l.lanname NOT IN ('internal', 'c') AND p.oid IN (
        SELECT a.amproc::pg_catalog.oid FROM pg_catalog.pg_amproc a WHERE a.oid >= 16384
        UNION
        SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_amop a JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr WHERE a.oid >= 16384)`,
  ],
  ['events', `SELECT pg_catalog.to_json(evtfoid::int8) FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' AND evtevent <> 'login'`],
  [
    'functions',
    `SELECT ${array}(p.oid::int8, n.nspname, p.proname, p.prokind, p.proargtypes::pg_catalog.text, p.provariadic <> 0, p.pronargdefaults,
            p.prorettype::int8, l.lanname, p.provolatile, p.prosecdef,
            CASE WHEN l.lanname NOT IN ('internal', 'c') AND NOT {is_bound} THEN p.prosrc END,
            pg_catalog.to_json(coalesce(p.proconfig, '{}')), {is_bound},
            CASE l.lanname WHEN 'c' THEN p.probin || ':' || p.prosrc WHEN 'internal' THEN ':' || p.prosrc END,
            pg_catalog.pg_get_expr(p.proargdefaults, 0),
            (SELECT pg_catalog.to_json(ARRAY[g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn,
                    g.aggminvtransfn, g.aggmfinalfn]::pg_catalog.oid[]::pg_catalog.int8[])
               FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid),
            (SELECT pg_catalog.json_agg(m.type::int8) FROM ROWS FROM (pg_catalog.unnest(p.proallargtypes), pg_catalog.unnest(p.proargmodes)) AS m(type, mode)
              WHERE m.mode IN ('o', 'b', 't')))
       FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
      WHERE p.oid >= 16384 OR (n.nspname IN ('pg_catalog', 'information_schema') AND {is_replaced})`,
  ],
  [
    'trees',
    `SELECT ${array}(oid::int8, xmin::pg_catalog.text, ctid::pg_catalog.text) FROM pg_catalog.pg_rewrite
     UNION ALL
     SELECT ${array}(p.oid::int8, p.xmin::pg_catalog.text, p.ctid::pg_catalog.text) FROM pg_catalog.pg_proc p WHERE {is_bound}`,
  ],
]

/** Their texts follow from all of the above: from their trees, which change with their rows, and from the names of what is in them. */
const definitions: readonly (readonly [string, string])[] = [
  [
    'bodies',
    `SELECT ${array}(p.oid::int8, {sql_body}) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       JOIN pg_catalog.pg_language l ON l.oid = p.prolang
      WHERE {is_bound} AND (p.oid >= 16384 OR (n.nspname IN ('pg_catalog', 'information_schema') AND {is_replaced}))`,
  ],
  [
    'rules',
    `SELECT ${array}(r.ev_class::int8, r.rulename, r.ev_type, pg_catalog.pg_get_ruledef(r.oid))
       FROM pg_catalog.pg_rewrite r WHERE r.ev_class >= 16384 AND r.rulename <> '_RETURN' AND r.ev_enabled <> 'D'`,
  ],
  [
    'views',
    `SELECT ${array}(c.oid::int8, pg_catalog.pg_get_viewdef(c.oid))
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname <> 'pg_toast' AND c.relkind IN ('v', 'm') AND (c.oid >= 16384 OR {is_rewritten})`,
  ],
]
