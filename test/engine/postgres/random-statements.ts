// Random statements over tables with masked columns: queries of every shape, writes that give rows back, COPY, cursors, prepared statements.
import { constantFrom, letrec, oneof, tuple } from 'fast-check'
import type { Arbitrary } from 'fast-check'

/** `t.mail` and `t.ssn` are masked; everything else follows from the catalog. */
export const schemaOfRandom = `
CREATE TABLE t (id int PRIMARY KEY, plain text, mail text, ssn text);
INSERT INTO t VALUES (1, 'one', 'QZXW-AAAA', 'JVKF-CCCC'), (2, 'two', 'QZXW-BBBB', 'JVKF-DDDD');
CREATE TABLE u (id int, word text); INSERT INTO u VALUES (1, 'red'), (2, 'blue');
CREATE VIEW v AS SELECT id, plain AS p, mail || '!' AS m FROM t;
CREATE VIEW w AS SELECT id AS i, plain AS mail, ssn AS plain FROM t;
CREATE VIEW picky AS SELECT id, plain FROM t WHERE mail::bit(1) IS NULL;
CREATE TABLE kid () INHERITS (t); INSERT INTO kid VALUES (3, 'three', 'QZXW-AAAA', 'JVKF-CCCC');
CREATE UNIQUE INDEX ON t (mail);
CREATE TABLE refers (id int, to_mail text REFERENCES t(mail)); INSERT INTO refers VALUES (1, 'QZXW-AAAA');
CREATE TABLE made_of (id int, m text DEFAULT NULL);
CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT mail FROM t WHERE id = $1 LIMIT 1';
CREATE FUNCTION twice(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || $1; END $$;
CREATE FUNCTION rows() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t';
CREATE FUNCTION pairs(OUT a int, OUT b text) RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT id, ssn FROM t';
CREATE FUNCTION told(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM $1::int; RETURN 'n'; EXCEPTION WHEN others THEN RETURN SQLERRM; END $$;
CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW; RETURN NEW; END $$;
CREATE TRIGGER l BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION loud();
ALTER TABLE made_of ALTER m SET DEFAULT mail_of(1);
ANALYZE;
`

/** A type, not an interface: only that has the index that letrec asks for. */
type Nodes = { readonly expression: string; readonly query: string; readonly from: string }

const columns = [
  'mail',
  'ssn',
  'plain',
  'a.mail',
  'a.plain',
  'a.ssn',
  '(a).mail',
  'mail(a)',
  'a::text',
  'a.*::text',
  'm',
  'p',
  'b',
  'x',
  'to_mail',
]
const constants = ['id::text', "'x'", 'NULL', '1', 'current_user', 'a.ctid::text', "'{}'::jsonb::text"]

/** `?` stands for the expression, as text. */
const around = [
  'upper(?)',
  'reverse(?)',
  'md5(?)',
  'twice(?)',
  'told(?)',
  'quote_literal(?)',
  'to_json(?)::text',
  'coalesce(NULL, ?)',
  'nullif(?, $$q$$)',
  'greatest(?, $$ $$)',
  'concat(?, 1)',
  "concat_ws(',', ?, ?)",
  "format('%s', ?)",
  "overlay('____' placing ? from 2)",
  "split_part(?, '-', 1)",
  "translate(?, 'A', 'a')",
  "regexp_replace(?, 'A', 'b')",
  '(regexp_match(?, $$(.*)$$))[1]',
  "(string_to_array(?, '-'))[1]",
  "encode(convert_to(?, 'UTF8'), 'escape')",
  "convert_from(decode(encode((?)::bytea, 'hex'), 'hex'), 'UTF8')",
  'max(?)',
  'min(?) FILTER (WHERE true)',
  "string_agg(?, ',' ORDER BY ?)",
  'array_to_string(array_agg(?), $$,$$)',
  'mode() WITHIN GROUP (ORDER BY ?)',
  'percentile_disc(0) WITHIN GROUP (ORDER BY ?)',
  'json_agg(?)::text',
  "json_object_agg(coalesce(?, 'k'), 1)::text",
  'xmlelement(name e, ?)::text',
  'lag(?, 0) OVER ()',
  'first_value(?) OVER (ORDER BY ?)',
  'last_value(?) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)',
  'CASE WHEN (?) IS NULL THEN $$n$$ ELSE ? END',
  'CASE ? WHEN $$z$$ THEN $$y$$ ELSE ? END',
  '(?)::int::text',
  '(?)::varchar(3)::text',
  '(?)::name::text',
  '(?)::regclass::text',
  '(?)::xml::text',
  '(?)::jsonb::text',
  '(ARRAY[?])[1]',
  "(to_jsonb(?) #>> '{}')",
  "(jsonb_build_object('k', ?) ->> 'k')",
  "jsonb_path_query_first(jsonb_build_array(?), '$[0]')::text",
  "JSON_VALUE(jsonb_build_array(?), '$[0]')",
  '(ROW(?, 1)).f1::text',
  'row_to_json(ROW(?))::text',
  '(?) COLLATE "C"',
  '((?) || (?))',
  '((?) = (?))::text',
  '((?) LIKE (?))::text',
  '((?) IS DISTINCT FROM (?))::text',
  '((?) IN (?, $$q$$))::text',
  'nosuch(?)',
  'mail_of(1)',
  'row_to_json(a)::text',
  'a::text',
  'to_jsonb(a)::text',
  'count(?)::text',
  'pg_typeof(?)::text',
  'length(?)::text',
]

const sources = [
  't a',
  't AS a(id, mail, plain, ssn)',
  'ONLY t a',
  'v a',
  'w a',
  'picky a',
  'kid a',
  'refers a',
  'made_of a',
  'rows() a',
  'pairs() a',
  'u a',
  't a NATURAL JOIN u',
  't a JOIN u USING (id)',
  'u RIGHT JOIN t a ON true',
  't b JOIN t a USING (mail)',
  't b FULL JOIN v a USING (id)',
  '(t b CROSS JOIN u) AS a(i, plain, mail, ssn, j, p)',
  't a TABLESAMPLE BERNOULLI (100)',
  'unnest(ARRAY(SELECT q FROM t q)) AS a(id, m, x, p)',
  'ROWS FROM (unnest(ARRAY(SELECT mail FROM t)), generate_series(1, 2)) AS a(x, id)',
  't z, LATERAL (VALUES (z.mail, z.id)) AS a(x, id)',
  't z, LATERAL jsonb_each_text(to_jsonb(z)) AS a(b, x)',
  't z, json_to_record(row_to_json(z)) AS a(mail text, id int)',
  "t z, JSON_TABLE(to_jsonb(z), '$' COLUMNS (x text PATH '$.ssn', p int PATH '$.id')) a",
  "t z, XMLTABLE('/r' PASSING xmlelement(name r, z.mail) COLUMNS x text PATH '.') a",
  'json_populate_recordset(NULL::t, (SELECT json_agg(q) FROM t q)) a',
]

const { query, expression, from } = letrec<Nodes>(tie => {
  const inner = tie('expression').map(one => `(${one})::text`)
  return {
    from: oneof(
      { depthSize: 'small' },
      constantFrom(...sources),
      tie('query').map(inside => `(${inside}) AS a(mail)`),
      tuple(tie('query'), tie('query')).map(([one, other]) => `(${one}) AS b(x), LATERAL (${other}) AS a(plain)`),
      tuple(tie('query'), tie('from')).map(([one, other]) => `(${one}) AS q(b) LEFT JOIN (${other}) ON true`),
    ),
    expression: oneof(
      { depthSize: 'small', withCrossShrink: true },
      constantFrom(...columns),
      constantFrom(...constants),
      tuple(constantFrom(...around), inner).map(([shape, one]) => shape.replaceAll('?', () => one)),
      tuple(constantFrom(...around), inner, inner).map(([shape, one, other]) => shape.replace('?', () => one).replaceAll('?', () => other)),
      tie('query').map(inside => `(SELECT max(z::text) FROM (${inside}) AS q(z))`),
      tie('query').map(inside => `array_to_string(ARRAY(${inside}), ',')`),
      tie('query').map(inside => `EXISTS (${inside})::text`),
      tuple(inner, tie('query')).map(([one, inside]) => `(${one} = ANY (SELECT z::text FROM (${inside}) AS q(z)))::text`),
    ),
    query: oneof(
      { depthSize: 'small', withCrossShrink: true },
      tuple(tie('expression'), tie('from')).map(([one, source]) => `SELECT ${one} FROM ${source}`),
      tuple(inner, tie('from'), inner).map(([one, source, condition]) => `SELECT DISTINCT ${one} FROM ${source} WHERE ${condition} <> ''`),
      tuple(inner, tie('from')).map(([one, source]) => `SELECT ${one} FROM ${source} GROUP BY GROUPING SETS ((${one}), ())`),
      tuple(inner, tie('from'), inner).map(([one, source, order]) => `SELECT ${one} FROM ${source} ORDER BY ${order} LIMIT 3`),
      tuple(inner, tie('from'), inner).map(([one, source, key]) => `SELECT DISTINCT ON (${key}) ${one} FROM ${source}`),
      tuple(inner, inner).map(([one, other]) => `VALUES (${one}), (${other})`),
      tuple(tie('query'), constantFrom('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT ALL'), tie('query')).map(
        ([one, operator, other]) => `(${one}) ${operator} (${other})`,
      ),
      tuple(tie('query'), tie('expression')).map(([one, other]) => `WITH a(mail) AS (${one}) SELECT ${other} FROM a`),
      tuple(tie('query'), tie('query')).map(([one, other]) => `WITH u(id, word) AS MATERIALIZED (SELECT 1, (${one})::text) ${other}`),
      tuple(tie('query'), tie('expression')).map(
        ([one, other]) =>
          `WITH RECURSIVE c AS (SELECT ${other} FROM u a), u(id, word) AS (SELECT 1, z::text FROM (${one}) AS q(z)) SELECT * FROM c`,
      ),
      tie('query').map(
        one =>
          `WITH RECURSIVE r(i, x) AS (SELECT 1, z::text FROM (${one}) AS q(z) UNION ALL SELECT i + 1, x FROM r WHERE i < 2) SELECT x FROM r`,
      ),
      tuple(tie('expression'), inner).map(
        ([one, other]) => `WITH c AS (UPDATE t a SET plain = 'q' WHERE ${other} <> '' RETURNING ${one} AS x) SELECT x FROM c`,
      ),
    ),
  }
})

/** One statement, or a few; never one that ends a transaction but by ROLLBACK. */
export const randomStatement: Arbitrary<string> = oneof(
  { weight: 8, arbitrary: query },
  {
    weight: 2,
    arbitrary: tuple(expression, expression, from).map(([one, other, source]) => `SELECT *, ${one}, ${other} AS plain FROM ${source}`),
  },
  {
    weight: 2,
    arbitrary: tuple(
      query,
      constantFrom(
        '',
        ' (FORMAT csv, HEADER)',
        " (DELIMITER '|', NULL 'nil')",
        " (FORMAT csv, QUOTE '''', FORCE_QUOTE *)",
        ' (FORMAT binary)',
      ),
    ).map(([one, options]) => `COPY (${one}) TO STDOUT${options}`),
  },
  {
    weight: 1,
    arbitrary: constantFrom('COPY t TO STDOUT', 'COPY refers TO STDOUT (FORMAT csv)', 'COPY (TABLE w) TO STDOUT', 'COPY made_of TO STDOUT'),
  },
  { weight: 1, arbitrary: query.map(one => `EXPLAIN (ANALYZE, VERBOSE) ${one}`) },
  { weight: 1, arbitrary: query.map(one => `INSERT INTO u SELECT 9, z::text FROM (${one}) AS q(z) RETURNING word`) },
  {
    weight: 1,
    arbitrary: constantFrom(
      'INSERT INTO made_of(id) VALUES (1) RETURNING *',
      'INSERT INTO made_of DEFAULT VALUES RETURNING m',
      "UPDATE refers SET to_mail = 'none'",
      'DELETE FROM t RETURNING old',
    ),
  },
  { weight: 1, arbitrary: expression.map(one => `UPDATE t a SET plain = (${one})::text RETURNING plain, *`) },
  { weight: 1, arbitrary: expression.map(one => `UPDATE t a SET mail = (${one})::text RETURNING old.mail || '', new.*`) },
  { weight: 1, arbitrary: expression.map(one => `DELETE FROM t a RETURNING ${one}`) },
  {
    weight: 1,
    arbitrary: tuple(expression, from).map(
      ([one, source]) =>
        `MERGE INTO u USING (SELECT ${one} AS s FROM ${source}) q ON u.word = q.s::text WHEN MATCHED THEN UPDATE SET word = 'm' RETURNING q.s, u.*`,
    ),
  },
  { weight: 1, arbitrary: query.map(one => `DECLARE c CURSOR FOR ${one}; FETCH ALL c`) },
  {
    weight: 1,
    arbitrary: tuple(query, expression).map(([one, other]) => `PREPARE q1 AS ${one}; EXECUTE q1; DEALLOCATE q1; SELECT ${other} FROM u a`),
  },
  { weight: 1, arbitrary: expression.map(one => `PREPARE q2(text) AS SELECT $1 || '.'; EXECUTE q2((${one})::text)`) },
  { weight: 1, arbitrary: query.map(one => `CREATE TEMP TABLE made AS ${one}; SELECT * FROM made`) },
  { weight: 1, arbitrary: query.map(one => `CREATE TEMP VIEW seen AS SELECT * FROM (${one}) AS q(z); SELECT z FROM seen`) },
  {
    weight: 1,
    arbitrary: query.map(one => `DO $do$ DECLARE r record; BEGIN FOR r IN ${one} LOOP RAISE NOTICE '%', r; END LOOP; END $do$`),
  },
)
